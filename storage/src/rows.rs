//! Rows under construction: all columns of one batch, with the rows that turn out faulty left out at the end.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer};
use arrow_schema::{DataType, Field as ArrowField, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;

use crate::batch::{Batch, Fault, LOCATOR};
use crate::catalog::Field;
use crate::column::ColumnBuilder;
use crate::error::{Error, Result};
use crate::types::LogicalType;

/// The Arrow schema of batches with these fields.
pub fn arrow_schema(fields: &[Field], locator: bool) -> SchemaRef {
    let columns = fields.iter().map(|field| ArrowField::new(&field.name, field.logical.carrier(), true));
    let locator = locator.then(|| ArrowField::new(LOCATOR, LogicalType::TEXT.carrier(), true));
    Arc::new(Schema::new(columns.chain(locator).collect::<Vec<_>>()))
}

/// Collects decoded rows into batches.
///
/// A decoder pushes every column of a row, then calls [`RowsBuilder::end_row`]; on a value that does not fit it calls
/// [`RowsBuilder::fail_row`] instead, after pushing however many columns it got to.
#[derive(Debug)]
pub struct RowsBuilder {
    /// One builder per column, in scan order; the locator, if asked for, last.
    pub columns: Vec<ColumnBuilder>,
    schema: SchemaRef,
    kept: Vec<bool>,
    faults: Vec<Fault>,
    /// Values of the one row there is, by column, that its columns have a place for only.
    shared: Vec<(usize, Bytes)>,
}

impl RowsBuilder {
    /// An empty builder for these fields.
    pub fn new(fields: &[Field], locator: bool) -> RowsBuilder {
        let mut columns: Vec<_> = fields.iter().map(|field| ColumnBuilder::new(&field.logical)).collect();
        if locator {
            columns.push(ColumnBuilder::new(&LogicalType::TEXT));
        }
        RowsBuilder {
            columns,
            schema: arrow_schema(fields, locator),
            kept: Vec::new(),
            faults: Vec::new(),
            shared: Vec::new(),
        }
    }

    /// Rows since the last [`RowsBuilder::finish`], faulty ones included.
    pub fn row_count(&self) -> usize {
        self.kept.len()
    }

    /// Pushes a large value onto column `index`, of text or of bytes, without copying it. No other row may be in the
    /// batch, and text must have been found to be text.
    pub fn share(&mut self, index: usize, value: Bytes) {
        match &mut self.columns[index] {
            ColumnBuilder::Bytes(column) => column.append_value([]),
            column => column.append_null(),
        }
        self.shared.push((index, value));
    }

    /// Ends a good row.
    pub fn end_row(&mut self) {
        self.kept.push(true);
    }

    /// Ends a faulty row: evens out the columns and records why.
    pub fn fail_row(&mut self, fault: Fault) {
        self.kept.push(false);
        for column in &mut self.columns {
            while column.len() < self.kept.len() {
                column.append_null();
            }
        }
        self.faults.push(fault);
    }

    /// The batch so far; the builder starts over.
    ///
    /// # Errors
    /// `Internal` if a decoder pushed uneven columns.
    pub fn finish(&mut self) -> Result<Batch> {
        let finish = |column: &mut ColumnBuilder| {
            let array = column.finish();
            column.reserve_as(&array);
            array
        };
        let mut arrays: Vec<ArrayRef> = self.columns.iter_mut().map(finish).collect();
        for (index, value) in std::mem::take(&mut self.shared).into_iter().filter(|_| self.kept == [true]) {
            arrays[index] = alone(value, arrays[index].data_type())?;
        }
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(self.kept.len()));
        let mut rows = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| Error::internal("batch assembly", error))?;
        let kept = std::mem::take(&mut self.kept);
        let faults = std::mem::take(&mut self.faults);
        if !faults.is_empty() {
            rows = filter_record_batch(&rows, &BooleanArray::from(kept))
                .map_err(|error| Error::internal("batch assembly", error))?;
        }
        Ok(Batch { rows, faults })
    }
}

/// An array of one value, which it shares.
fn alone(value: Bytes, kind: &DataType) -> Result<ArrayRef> {
    let offsets = OffsetBuffer::from_lengths([value.len()]);
    let values = Buffer::from(value);
    let array: Result<ArrayRef, _> = match kind {
        DataType::Utf8 => StringArray::try_new(offsets, values, None).map(|array| Arc::new(array) as ArrayRef),
        _ => BinaryArray::try_new(offsets, values, None).map(|array| Arc::new(array) as ArrayRef),
    };
    array.map_err(|error| Error::internal("batch assembly", error))
}
