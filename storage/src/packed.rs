//! Rows as bytes instead of columns: their canonical bytes, which is all a digest needs, and the tuple their own server
//! sent, which another server of its kind takes as it is. Nothing is taken apart that is not looked at.
//!
//! Packed rows travel as a record batch like any others, whose schema is marked.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};

use crate::batch::{Batch, Fault};
use crate::column::RESERVED_MAX;
use crate::error::{Error, Result};

/// Name of the column with each row's canonical bytes, see [`crate::row_v1`].
const CANONICAL: &str = "\u{1}row-v1";
/// Name of the column with the canonical bytes of the columns that tell rows apart.
const IDENTITY: &str = "\u{1}identity";
/// Name of the column with each row as its server sent it.
const TUPLE: &str = "\u{1}tuple";
/// What the schema of packed rows has among its metadata, and no other.
const PACKED: &str = "sensei.packed";
/// The columns in their order.
const COLUMNS: [&str; 3] = [CANONICAL, IDENTITY, TUPLE];

/// The form in which a scan's rows are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// In columns, each in the carrier of its type.
    #[default]
    Columns,
    /// Packed, where the connector can pack these columns and a row is not large; else in columns. Without a locator.
    Packed(Packing),
}

/// What is wanted of packed rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packing {
    /// The canonical bytes.
    pub canonical: bool,
    /// Those of these columns alone, by index, in this order; empty for none.
    pub identity: Vec<usize>,
    /// The tuple, for [`crate::Writer::write`] of a writer that takes tuples.
    pub tuple: bool,
}

/// Whether rows are packed. Their schema says so, since a table's columns may have any name.
pub fn is_packed(rows: &RecordBatch) -> bool {
    rows.schema_ref().metadata().contains_key(PACKED)
}

/// The canonical bytes of each row.
pub fn canonical(rows: &RecordBatch) -> Option<&BinaryArray> {
    column(rows, CANONICAL)
}

/// The canonical bytes of each row's identity.
pub fn identity(rows: &RecordBatch) -> Option<&BinaryArray> {
    column(rows, IDENTITY)
}

/// Each row as its server sent it.
pub(crate) fn tuples(rows: &RecordBatch) -> Option<&BinaryArray> {
    column(rows, TUPLE)
}

fn column<'a>(rows: &'a RecordBatch, name: &str) -> Option<&'a BinaryArray> {
    is_packed(rows).then(|| rows.column_by_name(name)?.as_binary_opt())?
}

/// Packed rows under construction.
#[derive(Debug)]
pub(crate) struct PackedBuilder {
    /// Canonical bytes of the row under construction go here.
    pub canonical: Bytes,
    /// Canonical bytes of its identity.
    pub identity: Bytes,
    /// Its tuple.
    pub tuple: Bytes,
    schema: SchemaRef,
    rows: usize,
    faults: Vec<Fault>,
}

impl PackedBuilder {
    /// No rows yet.
    pub fn new(packing: &Packing) -> PackedBuilder {
        let wanted = [packing.canonical, !packing.identity.is_empty(), packing.tuple];
        let fields = COLUMNS.into_iter().zip(wanted).filter(|(_, wanted)| *wanted);
        let fields = fields.map(|(name, _)| ArrowField::new(name, DataType::Binary, false));
        let [canonical, identity, tuple] = [(); 3].map(|()| Bytes::default());
        let mark = HashMap::from([(PACKED.to_owned(), String::new())]);
        let schema = Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), mark));
        PackedBuilder { canonical, identity, tuple, schema, rows: 0, faults: Vec::new() }
    }

    /// Rows since the last [`PackedBuilder::finish`], faulty ones included.
    pub fn row_count(&self) -> usize {
        self.rows + self.faults.len()
    }

    /// Canonical bytes of them.
    pub fn canonical_bytes(&self) -> usize {
        self.canonical.values.len()
    }

    /// Ends a good row.
    ///
    /// # Errors
    /// `Internal` if a batch takes more than 2 GiB.
    pub fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        self.parts().into_iter().try_for_each(Bytes::end)
    }

    /// Ends a faulty row, of which nothing is kept.
    pub fn fail_row(&mut self, fault: Fault) {
        self.parts().into_iter().for_each(Bytes::undo);
        self.faults.push(fault);
    }

    /// The batch so far; the builder starts over.
    ///
    /// # Errors
    /// `Internal` on a broken invariant of our own.
    pub fn finish(&mut self) -> Result<Batch> {
        let (schema, mut arrays) = (self.schema.clone(), Vec::<ArrayRef>::new());
        for (name, part) in COLUMNS.into_iter().zip(self.parts()) {
            let array = part.finish()?;
            if schema.column_with_name(name).is_some() {
                arrays.push(Arc::new(array));
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let rows = RecordBatch::try_new_with_options(schema, arrays, &options);
        self.rows = 0;
        let faults = std::mem::take(&mut self.faults);
        Ok(Batch { rows: rows.map_err(|error| Error::internal("batch assembly", error))?, faults })
    }

    /// In the order of [`COLUMNS`].
    fn parts(&mut self) -> [&mut Bytes; 3] {
        [&mut self.canonical, &mut self.identity, &mut self.tuple]
    }
}

/// Values of one column, one after the other.
#[derive(Debug)]
pub(crate) struct Bytes {
    /// The values, that of the row under construction last.
    pub values: Vec<u8>,
    offsets: Vec<i32>,
}

impl Default for Bytes {
    fn default() -> Bytes {
        Bytes { values: Vec::new(), offsets: vec![0] }
    }
}

impl Bytes {
    /// The bytes of the row under construction.
    pub fn open(&self) -> &[u8] {
        &self.values[self.start()..]
    }

    fn start(&self) -> usize {
        self.offsets.last().map_or(0, |end| *end as usize)
    }

    fn end(&mut self) -> Result<()> {
        let end = i32::try_from(self.values.len()).map_err(|error| Error::internal("batch assembly", error))?;
        self.offsets.push(end);
        Ok(())
    }

    fn undo(&mut self) {
        self.values.truncate(self.start());
    }

    /// The next values get as much room as these took, unless that was for a huge one.
    fn finish(&mut self) -> Result<BinaryArray> {
        let (bytes, rows) = (self.values.len().min(RESERVED_MAX), self.offsets.len());
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(bytes + bytes / 8));
        let mut offsets = Vec::with_capacity(rows + rows / 8);
        offsets.push(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, offsets)));
        BinaryArray::try_new(offsets, Buffer::from_vec(values), None)
            .map_err(|error| Error::internal("batch assembly", error))
    }
}
