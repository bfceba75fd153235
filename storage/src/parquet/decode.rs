//! Decodes files into batches, on a thread that may block.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::RowGroupMetaData;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use super::carry::{Carried, carry};
use super::guard::{decode_error, guarded};
use super::listing::DataFile;
use super::reader::StoreFile;
use super::schema;
use crate::batch::{Batch, Fault};
use crate::catalog::{Column, Field};
use crate::error::{Error, Result};
use crate::object::ObjectFolder;
use crate::rows::arrow_schema;
use crate::source::{BatchSize, Scan};

/// Columns whose pages are expected side by side when only the footer is read.
const FOOTER_PLACES: usize = 1;

/// The footer of one file.
pub(super) struct Footer {
    metadata: ArrowReaderMetadata,
    /// What the columns are.
    pub columns: Vec<Column>,
    /// Rows in all.
    pub rows: u64,
    /// Rows and encoded bytes of each row group.
    pub row_groups: Vec<(u64, u64)>,
}

/// Reads the footer of `file`.
///
/// # Errors
/// `Corrupt` or `Unsupported`, naming the file, and what the store says.
pub(super) fn footer(folder: &ObjectFolder, file: &DataFile, handle: &Handle) -> Result<Footer> {
    let what = folder.object_name(&file.path);
    let reader = StoreFile::new(folder.clone(), file.path.clone(), file.bytes, FOOTER_PLACES, handle.clone());
    guarded(&what, || {
        let failed = |error| decode_error(&what, &error, reader.failure());
        let mut metadata = ArrowReaderMetadata::load(&reader, ArrowReaderOptions::new()).map_err(failed)?;
        if let Some(decoded) = schema::decode_schema(metadata.schema(), metadata.metadata()) {
            let options = ArrowReaderOptions::new().with_schema(decoded);
            metadata = ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(failed)?;
        }
        let columns = schema::columns(&what, metadata.schema(), metadata.metadata())?;
        let groups = metadata.metadata().row_groups();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let row_groups: Vec<_> = groups.iter().map(|g| (count(g.num_rows()), count(g.compressed_size()))).collect();
        let rows = row_groups.iter().map(|(rows, _)| rows).sum();
        let declared = count(metadata.metadata().file_metadata().num_rows());
        if declared != rows {
            let why = format!("its index names {declared} rows and its row groups {rows}");
            return Err(Error::Corrupt { what: what.clone(), why });
        }
        Ok(Footer { metadata, columns, rows, row_groups })
    })
}

/// One file, or some row groups of it, being decoded.
pub(super) struct Decoding {
    pub folder: ObjectFolder,
    pub file: DataFile,
    /// Row groups to read; all if `None`.
    pub row_groups: Option<std::ops::Range<usize>>,
    pub handle: Handle,
}

impl Decoding {
    /// Sends every batch; `false` if nobody listens any more.
    pub fn run(&self, scan: &Scan, batches: &Sender<Result<Batch>>) -> Result<bool> {
        let what = self.folder.object_name(&self.file.path);
        let footer = footer(&self.folder, &self.file, &self.handle)?;
        let roots = scan.fields.iter().map(|field| self.root(field, &footer)).collect::<Result<Vec<_>>>()?;
        let groups = self.row_groups.clone().unwrap_or(0..footer.row_groups.len());
        if groups.end > footer.row_groups.len() {
            return Err(Error::Changed { what });
        }
        let mut row = footer.row_groups[..groups.start].iter().map(|(rows, _)| rows).sum::<u64>();
        let end = row + footer.row_groups[groups.clone()].iter().map(|(rows, _)| rows).sum::<u64>();
        let path = self.file.path.clone();
        let file = StoreFile::new(self.folder.clone(), path, self.file.bytes, roots.len(), self.handle.clone());
        let failed = |error: &dyn std::fmt::Display| decode_error(&what, error, file.failure());
        let mut reader = guarded(&what, || {
            let mask = ProjectionMask::roots(footer.metadata.parquet_schema(), roots.iter().copied());
            let rows = batch_rows(&footer.metadata.metadata().row_groups()[groups.clone()], &mask, BatchSize::of(scan));
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), footer.metadata.clone());
            let builder = builder.with_projection(mask).with_row_groups(groups.collect()).with_batch_size(rows);
            builder.build().map_err(|error| failed(&error))
        })?;
        let schema = arrow_schema(&scan.fields, scan.locator);
        loop {
            let decoded = guarded(&what, || reader.next().transpose().map_err(|error| failed(&error)))?;
            let Some(decoded) = decoded else { break };
            let batch = guarded(&what, || self.batch(&decoded, scan, &schema, row))?;
            row += decoded.num_rows() as u64;
            if batches.blocking_send(Ok(batch)).is_err() {
                return Ok(false);
            }
        }
        match row == end {
            true => Ok(true),
            false => Err(Error::Corrupt { what, why: format!("it holds {row} rows, its index says {end}") }),
        }
    }

    /// The file's column for `field`.
    fn root(&self, field: &Field, footer: &Footer) -> Result<usize> {
        let found = footer.columns.iter().position(|column| column.name == field.name);
        found.ok_or_else(|| Error::Missing {
            what: format!("column \"{}\" of {}", field.name, self.folder.object_name(&self.file.path)),
        })
    }

    /// The carriers of one decoded batch, whose first row is row `first` of the file.
    fn batch(&self, decoded: &RecordBatch, scan: &Scan, schema: &SchemaRef, first: u64) -> Result<Batch> {
        let count = decoded.num_rows();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(scan.fields.len() + 1);
        let mut faults: Vec<Option<Fault>> = vec![None; count];
        for field in &scan.fields {
            let Carried { array, bad } = self.column(decoded, field)?;
            for (row, why) in bad {
                faults[row].get_or_insert_with(|| Fault {
                    key: Some(self.locator(first + row as u64)),
                    column: field.name.clone(),
                    reason: why.to_owned(),
                });
            }
            arrays.push(array);
        }
        if scan.locator {
            arrays.push(Arc::new(StringArray::from_iter_values((0..count).map(|r| self.locator(first + r as u64)))));
        }
        let internal = |error| Error::internal("batch assembly", error);
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let rows = RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(internal)?;
        if faults.iter().all(Option::is_none) {
            return Ok(Batch { rows, faults: Vec::new() });
        }
        let good: BooleanArray = faults.iter().map(|fault| Some(fault.is_none())).collect();
        let rows = filter_record_batch(&rows, &good).map_err(internal)?;
        Ok(Batch { rows, faults: faults.into_iter().flatten().collect() })
    }

    fn column(&self, decoded: &RecordBatch, field: &Field) -> Result<Carried> {
        let what = || self.folder.object_name(&self.file.path);
        let array = decoded.column_by_name(&field.name).ok_or_else(|| Error::internal(what(), "column not decoded"))?;
        carry(array, &field.logical)
            .map_err(|why| Error::Invalid { what: what(), why: format!("column \"{}\": {why}", field.name) })
    }

    /// Row `index` for messages, counted from 1.
    fn locator(&self, index: u64) -> String {
        format!("row {} of {}", index + 1, self.file.name)
    }
}

/// The columns of a table: those of its first file, which the others must match.
///
/// # Errors
/// `Invalid` naming the file that does not.
pub(super) fn same_columns(table: &str, files: &[(String, Footer)]) -> Result<Vec<Column>> {
    let Some(((_, first), others)) = files.split_first() else { return Ok(Vec::new()) };
    let mut columns = first.columns.clone();
    for (what, other) in others {
        let same = |(a, b): (&Column, &Column)| a.name == b.name && a.logical == b.logical;
        if columns.len() != other.columns.len() || !columns.iter().zip(&other.columns).all(same) {
            let why = format!("its columns differ from those of the other files of table \"{table}\"");
            return Err(Error::Invalid { what: what.clone(), why });
        }
        for (column, other) in columns.iter_mut().zip(&other.columns) {
            column.nullable |= other.nullable;
        }
    }
    Ok(columns)
}

/// Rows of a batch, from what the footer says of their size before encoding.
fn batch_rows(groups: &[RowGroupMetaData], mask: &ProjectionMask, size: BatchSize) -> usize {
    let (mut rows, mut bytes) = (0, 0);
    for group in groups {
        rows += group.num_rows().max(0) as u64;
        for (leaf, column) in group.columns().iter().enumerate() {
            if mask.leaf_included(leaf) {
                let plain = column.unencoded_byte_array_data_bytes().unwrap_or(0);
                bytes += column.uncompressed_size().max(plain).max(0) as u64;
            }
        }
    }
    size.rows(usize::try_from(bytes.div_ceil(rows.max(1))).unwrap_or(usize::MAX))
}
