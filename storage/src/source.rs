//! What every connector that can be read offers.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::batch::Batch;
use crate::catalog::{Catalog, Field, System, Table};
use crate::error::{Error, Result};
use crate::packed::Form;
use crate::setting::{Role, Setting};
use crate::split::{Piece, Range, Sizing};

/// Batches of one scan. Dropping the stream ends the scan and frees its connection.
pub type Batches = BoxStream<'static, Result<Batch>>;

/// An endpoint that can be read. Cheap to clone behind an `Arc`; connects lazily, keeps within its connection limit.
#[async_trait]
pub trait Source: Send + Sync {
    /// Which kind of system this is.
    fn system(&self) -> System;

    /// The endpoint for people, never with a secret in it.
    fn describe(&self) -> String;

    /// What tells whether two endpoints are one place, however their URLs are written.
    async fn identity(&self) -> Result<String>;

    /// Reads what the endpoint holds.
    async fn catalog(&self) -> Result<Catalog>;

    /// Opens one consistent view that up to `readers` scans at once share. Until it is dropped every scan sees the
    /// same rows, however the source changes. Where a system cannot promise that (files), a change is detected and
    /// reported as [`crate::Error::Changed`].
    async fn snapshot(&self, readers: usize) -> Result<Arc<dyn Snapshot>>;

    /// Whether processes other than the one that opened a snapshot can read through it.
    fn shares_snapshots(&self) -> bool {
        false
    }

    /// Joins the snapshot that another process opened and still holds, known by its [`Snapshot::id`], for up to `readers`
    /// scans at once. Where a system has no such thing, a snapshot is opened anew, and taken if it has the same id.
    ///
    /// # Errors
    /// `Changed` if the source is not as it was then; `Unavailable` if the snapshot is gone.
    async fn join(&self, id: &str, readers: usize) -> Result<Arc<dyn Snapshot>> {
        let snapshot = self.snapshot(readers).await?;
        match snapshot.id() == id {
            true => Ok(snapshot),
            false => Err(Error::Changed { what: self.describe() }),
        }
    }

    /// Settings of the system that matter to a job that moves about `bytes` bytes, on this side of it. Changes nothing.
    async fn settings(&self, _role: Role, _bytes: u64) -> Result<Vec<Setting>> {
        Ok(Vec::new())
    }
}

/// One consistent view of a source.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// Names the view for the certificate: an exported snapshot's id, a data version, a hash of file stamps.
    fn id(&self) -> String;

    /// Cuts `table` into disjoint pieces that cover it, in storage or key order. At least one piece.
    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>>;

    /// Points that cut `range` into about `count` parts, in order: each is one that [`Range::cut_at`] cuts at what those
    /// before it left. None where a range is not cut while it is read.
    async fn points(&self, _table: &str, _range: &Range, _count: u32) -> Result<Vec<i64>> {
        Ok(Vec::new())
    }

    /// Streams the rows of one range. Waits for a free reader if all are busy.
    async fn scan(&self, scan: Scan) -> Result<Batches>;

    /// Rows of `table`, as stored, counted without the ranges that pieces are read by: by a walk over where the rows
    /// themselves lie. A damaged index or tree, or a wrong cut, makes ranges miss rows or give them twice, and no error
    /// says so. Takes a scan. `None` where no range can be mistaken: pieces are cut from a whole file, at places found by
    /// reading it through or stated by it, and read by offset.
    ///
    /// # Errors
    /// `Missing` if there is no such table; whatever keeps it from being read.
    async fn count(&self, table: &str) -> Result<Option<u64>>;

    /// Disjoint ranges from all over `table`, its last rows among them, that together hold `rows` rows or more, or nearly
    /// so. Found without reading the table; at most [`crate::SAMPLE_PLACES_MAX`]. The whole table where it is no larger
    /// or can only be read from its start.
    async fn sample(&self, _table: &Table, _rows: u64) -> Result<Vec<Range>> {
        Ok(vec![Range::Whole])
    }

    /// The longest value of any of `columns` and the longest row in them, where a row may be as large as
    /// [`LARGE_ROW_BYTES`]; `None` where none can, and where nobody can tell (files). Reads the table at the most where it
    /// may have such rows, and their large values only where the system has no other way to tell how long they are.
    async fn longest(&self, _table: &str, _columns: &[String]) -> Result<Option<Longest>> {
        Ok(None)
    }

    /// Least and greatest value of an integer column that leads an index; `None` if that takes reading the table, or
    /// there is no value.
    async fn integer_bounds(&self, _table: &str, _column: &str) -> Result<Option<(i64, i64)>> {
        Ok(None)
    }
}

/// Rows from this size on are looked for before anything is moved, so that the memory they take is known. A small part of
/// the least memory a plan may have.
pub const LARGE_ROW_BYTES: u64 = 8 << 20;

/// How long values are, in bytes as they are stored or, where they are compressed and only that can be told, less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Longest {
    /// The column with the longest value.
    pub column: String,
    /// Bytes of that value.
    pub value_bytes: u64,
    /// Bytes of all asked columns of the longest row.
    pub row_bytes: u64,
}

impl Longest {
    /// Out of the longest value of each column; `None` if no row is large.
    pub(crate) fn of(row_bytes: Option<u64>, columns: impl Iterator<Item = (String, Option<u64>)>) -> Option<Longest> {
        let row_bytes = row_bytes.filter(|bytes| *bytes >= LARGE_ROW_BYTES)?;
        let (column, value_bytes) = columns.max_by_key(|(_, bytes)| *bytes)?;
        Some(Longest { column, value_bytes: value_bytes.unwrap_or(0), row_bytes })
    }
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Table name as stored.
    pub table: String,
    /// Columns to read, in the order the batches must have.
    pub fields: Vec<Field>,
    /// Key columns by which a faulty row is named; empty for none.
    pub key: Vec<String>,
    /// Which rows.
    pub range: Range,
    /// Adds the locator column, see [`crate::LOCATOR`].
    pub locator: bool,
    /// In which form.
    pub form: Form,
    /// Arrow bytes per batch, about; a single larger row still comes whole.
    pub batch_bytes: usize,
}

/// When rows are enough for a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchSize(usize);

impl BatchSize {
    /// Rows per batch at the most, for tables whose rows are tiny.
    const ROWS_MAX: usize = 1 << 16;
    /// Rows that make a batch worth its columns, each of which costs as much as some dozens of values.
    const ROWS_MIN: usize = 256;
    /// How many times as large as asked for a batch may be for their sake.
    const WIDER_MAX: usize = 4;

    /// Of the batches of a scan.
    pub(crate) fn of(scan: &Scan) -> BatchSize {
        BatchSize(scan.batch_bytes.max(1))
    }

    /// Whether so many rows of so many bytes make a batch.
    pub(crate) fn is_reached(self, rows: usize, bytes: usize) -> bool {
        let is_wide = rows < BatchSize::ROWS_MIN && bytes < BatchSize::WIDER_MAX * self.0;
        rows >= BatchSize::ROWS_MAX || (bytes >= self.0 && !is_wide)
    }

    /// Rows of a batch where each has so many bytes.
    pub(crate) fn rows(self, row_bytes: usize) -> usize {
        let rows = |bytes: usize| bytes / row_bytes.max(1);
        let wide = rows(BatchSize::WIDER_MAX * self.0).min(BatchSize::ROWS_MIN);
        rows(self.0).max(wide).clamp(1, BatchSize::ROWS_MAX)
    }
}
