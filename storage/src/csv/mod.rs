//! CSV files as a source: a file is a table, a folder is a table per `*.csv` in it.
//!
//! Every column is text that may be NULL; what the text means is settled by the plan, and a scan whose fields have
//! other types parses them. A row that does not fit is a fault with its line; a file that cannot be cut into records
//! any further is `Corrupt`. In tables of more than one column blank lines are skipped: they hold no cells.
//!
//! **Invariant:** memory is bounded by one read buffer, one record and one batch per scan.

mod file;
mod options;
mod record;
mod scan;
mod transcode;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

pub use options::CsvOptions;
pub use record::{CELLS_MAX, RECORD_BYTES_MAX};

use crate::catalog::{Catalog, Column, System, Table};
use crate::error::{Error, Result};
use crate::source::{Batches, Scan, Snapshot, Source};
use crate::split::{Piece, Range, Sizing};
use crate::types::LogicalType;
use file::CsvFile;
use options::{Format, splits_as_bytes};
use record::Record;
use scan::Reading;

/// Batches decoded ahead of the reader of a scan.
const BATCHES_AHEAD_MAX: usize = 2;

/// A CSV file or a folder of them.
pub struct CsvFiles {
    root: PathBuf,
    format: Arc<Format>,
}

impl CsvFiles {
    /// The files at `path`, which are looked at only when asked for.
    ///
    /// # Errors
    /// `Invalid` for options that contradict themselves.
    pub fn open(path: impl AsRef<Path>, options: &CsvOptions) -> Result<CsvFiles> {
        Ok(CsvFiles { root: path.as_ref().to_owned(), format: Arc::new(options.check()?) })
    }
}

#[async_trait]
impl Source for CsvFiles {
    fn system(&self) -> System {
        System::Csv
    }

    fn describe(&self) -> String {
        format!("csv:{}", self.root.display())
    }

    async fn identity(&self) -> Result<String> {
        Ok(format!("csv {}", self.root.canonicalize().unwrap_or_else(|_| self.root.clone()).display()))
    }

    async fn catalog(&self) -> Result<Catalog> {
        let (root, format) = (self.root.clone(), self.format.clone());
        blocking(move || {
            let (files, not_carried) = file::list(&root)?;
            let tables = files.iter().map(|file| table(file, &format)).collect::<Result<_>>()?;
            Ok(Catalog {
                system: System::Csv,
                version: "RFC 4180".to_owned(),
                schema: None,
                tables,
                not_carried,
                objects: Vec::new(),
            })
        })
        .await
    }

    fn shares_snapshots(&self) -> bool {
        true
    }

    async fn snapshot(&self, readers: usize) -> Result<Arc<dyn Snapshot>> {
        let root = self.root.clone();
        let files = blocking(move || Ok(file::list(&root)?.0)).await?;
        let readers = Arc::new(Semaphore::new(readers.max(1)));
        Ok(Arc::new(CsvSnapshot { files, format: self.format.clone(), readers }))
    }
}

/// The files as they were listed. What changes afterwards is noticed, not prevented.
struct CsvSnapshot {
    files: Vec<CsvFile>,
    format: Arc<Format>,
    readers: Arc<Semaphore>,
}

impl CsvSnapshot {
    fn file(&self, table: &str) -> Result<&CsvFile> {
        let file = self.files.iter().find(|file| file.table == table);
        file.ok_or_else(|| Error::Missing { what: format!("table \"{table}\"") })
    }
}

#[async_trait]
impl Snapshot for CsvSnapshot {
    /// SHA-256 over name, size and modification time of every file.
    fn id(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update((file.name.len() as u64).to_le_bytes());
            hash.update(&file.name);
            hash.update(file.stamp.bytes.to_le_bytes());
            hash.update(file.stamp.modified_ns.to_le_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// Reads the file once from end to end, since only that tells a quoted line end from a record's end.
    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
        let (file, format) = (self.file(&table.name)?.clone(), self.format.clone());
        blocking(move || {
            file.check()?;
            cut(&file, &format, sizing)
        })
        .await
    }

    /// Pieces end where records end, found by reading the file through, and are read by their bytes.
    async fn count(&self, _table: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let file = self.file(&scan.table)?.clone();
        let permit = self.readers.clone().acquire_owned().await.map_err(|error| Error::internal("CSV scan", error))?;
        let reading = Reading { file, format: self.format.clone(), scan };
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD_MAX);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            if let Err(error) = reading.run(&sender) {
                // A send fails only when the reader is gone, and then nobody wants the error.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(ReceiverStream::new(receiver).boxed())
    }
}

fn table(file: &CsvFile, format: &Format) -> Result<Table> {
    let (names, _) = file.open(format)?;
    let column = |name| Column {
        name,
        native: "text".to_owned(),
        logical: Some(LogicalType::TEXT),
        nullable: true,
        ..Column::default()
    };
    Ok(Table {
        name: file.table.clone(),
        columns: names.into_iter().map(column).collect(),
        primary_key: Vec::new(),
        foreign_keys: Vec::new(),
        rows_estimate: None,
        bytes_estimate: Some(file.stamp.bytes),
        ..Table::default()
    })
}

/// Cuts the rows of `file` at record boundaries about `split_bytes` apart.
fn cut(file: &CsvFile, format: &Format, sizing: Sizing) -> Result<Vec<Piece>> {
    let (names, mut records) = file.open(format)?;
    let whole = !splits_as_bytes(format.encoding);
    let count = if whole { 1 } else { sizing.split_count(file.stamp.bytes) };
    let piece_bytes = file.stamp.bytes.div_ceil(u64::from(count.max(1))).max(1);
    let mut pieces = Vec::new();
    let mut record = Record::default();
    let (mut start, mut first_line, mut rows) = (records.offset(), records.line(), 0);
    let mut close = |start: u64, end: u64, first_line: u64, rows: u64| {
        let range = match whole {
            true => Range::Whole,
            false => Range::Bytes { file: file.name.clone(), start, end, first_line },
        };
        pieces.push(Piece { range, rows_estimate: rows, bytes_estimate: end - start });
    };
    while file.next(&mut records, &mut record)? {
        rows += u64::from(!record.is_blank() || names.len() == 1);
        let end = records.offset();
        if !whole && end - start >= piece_bytes && end < file.stamp.bytes {
            close(start, end, first_line, rows);
            (start, first_line, rows) = (end, records.line(), 0);
        }
    }
    close(start, records.offset(), first_line, rows);
    Ok(pieces)
}

/// Runs file system calls where they may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("file access", error))?
}
