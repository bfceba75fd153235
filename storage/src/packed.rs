//! Rows as bytes instead of columns: their canonical bytes, which is all a digest needs, and the tuple their own server
//! sent, which another server of its kind takes as it is. Nothing is taken apart that is not looked at.
//!
//! Packed rows travel as a record batch like any others, whose schema is marked.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field as ArrowField, Schema};

use crate::batch::{Batch, Fault};
use crate::column::RESERVED_MAX;
use crate::error::{Error, Result};

/// Name of the column with each row's canonical bytes, see [`crate::row_v2`].
const CANONICAL: &str = "\u{1}row-v2";
/// Name of the column with the canonical bytes of the columns that tell rows apart.
const IDENTITY: &str = "\u{1}identity";
/// Name of the column with each row as its server sent it.
const TUPLE: &str = "\u{1}tuple";
/// What the schema of packed rows has among its metadata, and no other: which column has the tuples.
const PACKED: &str = "sensei.packed";

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
    column(rows, rows.schema_ref().metadata().get(PACKED)?)
}

fn column<'a>(rows: &'a RecordBatch, name: &str) -> Option<&'a BinaryArray> {
    is_packed(rows).then(|| rows.column_by_name(name)?.as_binary_opt())?
}

/// Packed rows under construction.
#[derive(Debug)]
pub(crate) struct PackedBuilder {
    /// Canonical bytes of the row's identity go here before it is pushed.
    pub identity: Bytes,
    canonical: Bytes,
    /// Tuples, once one of them is not its row's canonical bytes, or where nobody wants those.
    tuples: Option<Bytes>,
    wanted: Packing,
    rows: usize,
    faults: Vec<Fault>,
}

impl PackedBuilder {
    /// No rows yet.
    pub fn new(wanted: &Packing) -> PackedBuilder {
        let (identity, canonical, wanted) = (Bytes::default(), Bytes::default(), wanted.clone());
        let mut builder = PackedBuilder { identity, canonical, tuples: None, wanted, rows: 0, faults: Vec::new() };
        builder.begin();
        builder
    }

    fn begin(&mut self) {
        // Room that the last batch took is kept.
        let tuples = self.tuples.take().unwrap_or_default();
        self.tuples = (self.wanted.tuple && !self.wanted.canonical).then_some(tuples);
        self.rows = 0;
    }

    /// Rows since the last [`PackedBuilder::finish`], faulty ones included.
    pub fn row_count(&self) -> usize {
        self.rows + self.faults.len()
    }

    /// Bytes of them, in one form.
    pub fn bytes(&self) -> usize {
        self.canonical.values.len().max(self.tuples.as_ref().map_or(0, |tuples| tuples.values.len()))
    }

    /// Adds a row: its tuple, and its canonical bytes where that is another form.
    ///
    /// # Errors
    /// `Internal` if a batch takes more than 2 GiB.
    pub fn push(&mut self, tuple: &[u8], canonical: Option<&[u8]>) -> Result<()> {
        if self.wanted.tuple && canonical.is_some() && self.tuples.is_none() {
            self.tuples = Some(self.canonical.clone());
        }
        if let Some(tuples) = &mut self.tuples {
            tuples.push(tuple)?;
        }
        if self.wanted.canonical {
            self.canonical.push(canonical.unwrap_or(tuple))?;
        }
        self.rows += 1;
        if self.wanted.identity.is_empty() { Ok(()) } else { self.identity.end() }
    }

    /// Adds a faulty row, of which nothing is kept.
    pub fn fail_row(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// The batch so far; the builder starts over.
    ///
    /// # Errors
    /// `Internal` on a broken invariant of our own.
    pub fn finish(&mut self) -> Result<Batch> {
        let (mut fields, mut arrays) = (Vec::new(), Vec::<ArrayRef>::new());
        let mut add = |name: &str, part: &mut Bytes| -> Result<()> {
            fields.push(ArrowField::new(name, DataType::Binary, false));
            arrays.push(Arc::new(part.finish()?));
            Ok(())
        };
        let tuple = if self.tuples.is_some() {
            TUPLE
        } else if self.wanted.tuple {
            CANONICAL
        } else {
            ""
        };
        if self.wanted.canonical {
            add(CANONICAL, &mut self.canonical)?;
        }
        if !self.wanted.identity.is_empty() {
            add(IDENTITY, &mut self.identity)?;
        }
        if let Some(tuples) = &mut self.tuples {
            add(TUPLE, tuples)?;
        }
        let mark = HashMap::from([(PACKED.to_owned(), tuple.to_owned())]);
        let schema = Arc::new(Schema::new_with_metadata(fields, mark));
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let rows = RecordBatch::try_new_with_options(schema, arrays, &options);
        self.begin();
        let faults = std::mem::take(&mut self.faults);
        Ok(Batch { rows: rows.map_err(|error| Error::internal("batch assembly", error))?, faults })
    }
}

/// Values of one column, one after the other.
#[derive(Clone, Debug)]
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
    fn push(&mut self, value: &[u8]) -> Result<()> {
        self.values.extend_from_slice(value);
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let end = i32::try_from(self.values.len()).map_err(|error| Error::internal("batch assembly", error))?;
        self.offsets.push(end);
        Ok(())
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
