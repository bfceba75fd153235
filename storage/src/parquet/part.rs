//! Writes the rows of one split into one file, hashed on the way and visible only when complete.

use arrow_array::{Array, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::guard::encode_error;
use super::manifest::Manifest;
use super::{carry, marker, schema};
use crate::error::{Error, Result};
use crate::object::ObjectFolder;
use crate::split::SplitId;
use crate::target::{Commit, Token, Write, Writer};
use crate::trial::Trial;

/// Encoded bytes of one row group at the most: what a writer and later a reader must hold.
const ROW_GROUP_BYTES_MAX: usize = 8 << 20;
/// Rows of one row group at the most.
const ROW_GROUP_ROWS_MAX: usize = 65_536;
/// Bytes of one upload part. S3 wants 5 MiB at least and takes 10,000 parts.
const PART_BYTES: usize = 8 << 20;
/// Fast enough to keep up with a database, and half the size of Snappy on text.
const ZSTD_LEVEL: i32 = 1;

/// The file of a split. Each generation has its own, so that a writer that does not know yet that it was superseded
/// replaces nothing.
fn part_name(split: SplitId, generation: u64) -> String {
    format!("part-{:05}-{generation}.parquet", split.0)
}

/// Whether a file's name is one that [`part_name`] gives.
pub(super) fn is_part_name(name: &str) -> bool {
    let numbers = name.strip_prefix("part-").and_then(|rest| rest.strip_suffix(".parquet"));
    let numbers = numbers.and_then(|numbers| numbers.split_once('-'));
    numbers.is_some_and(|(split, generation)| split.parse::<u32>().is_ok() && generation.parse::<u64>().is_ok())
}

/// One file under way.
pub(super) struct PartWriter {
    folder: ObjectFolder,
    write: Write,
    path: Path,
    schema: SchemaRef,
    encoder: Option<ArrowWriter<Vec<u8>>>,
    output: Output,
    rows: u64,
    _permit: OwnedSemaphorePermit,
}

/// Where the bytes go: into memory until a part is full, then into an upload that nobody sees until it completes.
struct Output {
    folder: ObjectFolder,
    path: Path,
    pending: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
    hash: Sha256,
    bytes: u64,
}

impl PartWriter {
    /// A writer of `write.split` that holds `permit` while it lives.
    pub fn new(folder: ObjectFolder, write: Write, permit: OwnedSemaphorePermit) -> Result<PartWriter> {
        let path = folder.path(&write.table.name).join(part_name(write.split, write.generation));
        let schema = schema::stored_schema(&write.table.fields);
        let types: Vec<_> = write.table.fields.iter().map(|field| &field.logical).collect();
        let types = serde_json::to_string(&types).map_err(|error| Error::internal("logical types", error))?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| Error::internal("zstd level", error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by("sensei".to_owned())
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
            .set_key_value_metadata(Some(vec![KeyValue::new(schema::LOGICAL_KEY.to_owned(), types)]))
            .build();
        let encoder = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))
            .map_err(|error| encode_error(&folder.object_name(&path), error))?;
        let output = Output::new(folder.clone(), path.clone());
        Ok(PartWriter { folder, write, path, schema, encoder: Some(encoder), output, rows: 0, _permit: permit })
    }

    /// `rows` as the file stores them.
    fn stored(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let refused = |column: &str, why: &str| Error::RefusedRow {
            what: format!("table \"{}\"", self.write.table.name),
            column: Some(column.to_owned()),
            why: why.to_owned(),
        };
        let columns = self.write.table.fields.iter().zip(rows.columns()).map(|(field, array)| {
            if !field.nullable && array.null_count() > 0 {
                return Err(refused(&field.name, "NULL in a column that must not be"));
            }
            carry::store(array, &field.logical).map_err(|why| refused(&field.name, why))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|error| Error::internal("rows to store", error))
    }

    fn encode<T>(
        &mut self,
        step: impl FnOnce(&mut ArrowWriter<Vec<u8>>) -> parquet::errors::Result<T>,
    ) -> Result<Vec<u8>> {
        let encoder = self.encoder.as_mut().ok_or_else(|| Error::internal("Parquet writer", "already closed"))?;
        step(encoder).map_err(|error| encode_error(&self.folder.object_name(&self.path), error))?;
        Ok(std::mem::take(encoder.inner_mut()))
    }
}

#[async_trait]
impl Writer for PartWriter {
    async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let stored = self.stored(rows)?;
        self.rows += rows.num_rows() as u64;
        let encoded = self.encode(|encoder| {
            encoder.write(&stored)?;
            if encoder.in_progress_size() >= ROW_GROUP_BYTES_MAX { encoder.flush() } else { Ok(()) }
        })?;
        self.output.push(encoded).await
    }

    async fn commit(mut self: Box<Self>, rows: u64) -> Result<Commit> {
        if self.rows != rows {
            let why = format!("{} rows arrived, {rows} were announced", self.rows);
            return Err(Error::internal(self.folder.object_name(&self.path), why));
        }
        let rest = self.encode(ArrowWriter::finish)?;
        self.output.push(rest).await?;
        marker::check_fence(&self.folder, &self.write.job, self.write.generation).await?;
        let (bytes, sha256) = self.output.complete().await?;
        // The check and the file cannot be one step. A newer generation may have begun, or even finished the table, in
        // between; its manifest does not name this file, and nobody else should meet it.
        let newer = marker::check_fence(&self.folder, &self.write.job, self.write.generation).await.is_err();
        if newer || Manifest::read(&self.folder, &self.write.table.name).await?.is_some() {
            marker::delete(&self.folder, &self.path).await?;
            return Err(Error::Fenced { job: self.write.job, mine: self.write.generation });
        }
        let path = self.folder.relative(&self.path);
        Ok(Commit { rows, token: Token::Parquet { path, bytes, sha256 } })
    }
}

/// Files have no constraints, so that a row is refused exactly where it cannot be encoded.
#[async_trait]
impl Trial for PartWriter {
    async fn attempt(&mut self, rows: &RecordBatch) -> Result<()> {
        self.stored(rows).map(|_| ())
    }
}

impl Output {
    fn new(folder: ObjectFolder, path: Path) -> Output {
        Output { folder, path, pending: Vec::new(), upload: None, hash: Sha256::new(), bytes: 0 }
    }

    async fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        if self.pending.is_empty() {
            self.pending = bytes
        } else {
            self.pending.extend_from_slice(&bytes)
        }
        while self.pending.len() >= PART_BYTES {
            let rest = self.pending.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.pending, rest);
            self.send(part).await?;
        }
        Ok(())
    }

    /// Makes the file visible under its name, replacing an earlier one at once. Its size and SHA-256.
    async fn complete(&mut self) -> Result<(u64, String)> {
        let rest = std::mem::take(&mut self.pending);
        if self.upload.is_none() {
            let put = self.folder.store.put(&self.path, PutPayload::from(rest)).await;
            put.map_err(|error| self.folder.error(&self.path, error))?;
        } else {
            if !rest.is_empty() {
                self.send(rest).await?;
            }
            if let Some(upload) = &mut self.upload {
                upload.complete().await.map_err(|error| self.folder.error(&self.path, error))?;
            }
            self.upload = None;
        }
        Ok((self.bytes, hex::encode(std::mem::take(&mut self.hash).finalize())))
    }

    async fn send(&mut self, part: Vec<u8>) -> Result<()> {
        let error = |error| self.folder.error(&self.path, error);
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(self.folder.store.put_multipart(&self.path).await.map_err(error)?),
        };
        upload.put_part(PutPayload::from(Bytes::from(part))).await.map_err(error)
    }
}

/// A store keeps, and bills, the parts of an upload that is neither completed nor aborted.
impl Drop for Output {
    fn drop(&mut self) {
        if let (Some(mut upload), Ok(runtime)) = (self.upload.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "an unfinished upload could not be removed");
                }
            });
        }
    }
}
