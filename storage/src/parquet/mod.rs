//! Parquet files in a folder or bucket, as a source and as a target.
//!
//! What a file holds is decoded page by page within a bounded read-ahead, on threads that may block. A file that is
//! damaged, encrypted or of a kind not understood is an error that names it, never a panic and never other data.
//! Timestamps stored as 12-byte integers are read to the microsecond; what they hold below that is not seen.
//!
//! As a target, `{table}/part-{split}-{generation}.parquet` holds the rows of one split, and `{table}/_manifest.json`,
//! written last, makes the table visible. Dates and timestamps keep PostgreSQL's infinities as the extreme integers.
//!
//! **Invariant:** a table's manifest is created once and names every file with size and SHA-256.

mod carry;
mod decode;
mod documented;
mod guard;
mod listing;
mod manifest;
mod marker;
mod part;
mod reader;
mod sample;
mod schema;
mod target;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

pub use documented::refuses;
pub use guard::is_guarded;
pub use manifest::MANIFEST;
pub use schema::{LOGICAL_KEY, holding, native_type};

use crate::catalog::{Catalog, System, Table};
use crate::error::{Error, Result};
use crate::object::{ObjectFolder, local_path};
use crate::source::{Batches, Scan, Snapshot, Source};
use crate::split::{Piece, Range, Sizing};
use decode::{Decoding, Footer};
use listing::{DataFile, Listing, TableFiles};

/// Batches decoded ahead of the reader of a scan.
const BATCHES_AHEAD_MAX: usize = 2;
/// Splits written at once. Each holds a row group and an upload part in memory.
const WRITERS_MAX: usize = 4;

/// Whether an endpoint is opened to be written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It must be there.
    Read,
    /// A folder that is missing is created.
    Write,
    /// As for writing, but a folder that is missing stays so and is taken for an empty one.
    Look,
}

/// A Parquet file, or a folder of files and of folders of files.
#[derive(Clone)]
pub struct ParquetFolder {
    folder: ObjectFolder,
    /// The one file, if the endpoint is one.
    file: Option<String>,
    writers: Arc<Semaphore>,
}

impl ParquetFolder {
    /// The files at `url`, see [`ObjectFolder::open`]. One that ends in `.parquet` and is no folder is a single file.
    ///
    /// # Errors
    /// Those of [`ObjectFolder::open`] and [`ObjectFolder::existing`]; `Invalid` for writing into a single file.
    pub fn open(url: &str, access: Access) -> Result<ParquetFolder> {
        let is_folder = local_path(url)?.is_some_and(|path| path.is_dir());
        if url.ends_with(".parquet") && !is_folder {
            if access != Access::Read {
                let why = "a target is a folder, with a folder per table in it".to_owned();
                return Err(Error::Invalid { what: format!("target \"parquet:{url}\""), why });
            }
            let (parent, name) = url.rsplit_once('/').unwrap_or((".", url));
            let parent = if parent.is_empty() { "/" } else { parent };
            return Ok(Self::over(ObjectFolder::existing(parent)?, Some(name.to_owned())));
        }
        let folder = match access {
            Access::Read => ObjectFolder::existing(url),
            Access::Write => ObjectFolder::open(url),
            Access::Look => ObjectFolder::existing_or_empty(url),
        }?;
        Ok(Self::over(folder, None))
    }

    /// The files in `folder`, or its file `file` alone.
    pub fn over(folder: ObjectFolder, file: Option<String>) -> ParquetFolder {
        ParquetFolder { folder, file, writers: Arc::new(Semaphore::new(WRITERS_MAX)) }
    }

    async fn list(&self) -> Result<Listing> {
        match &self.file {
            Some(file) => Listing::of_file(&self.folder, file).await,
            None => Listing::of_folder(&self.folder).await,
        }
    }
}

#[async_trait]
impl Source for ParquetFolder {
    fn system(&self) -> System {
        System::Parquet
    }

    fn describe(&self) -> String {
        match &self.file {
            Some(file) => format!("parquet:{}/{file}", self.folder.name.trim_end_matches('/')),
            None => format!("parquet:{}", self.folder.name),
        }
    }

    async fn identity(&self) -> Result<String> {
        let folder = std::path::Path::new(&self.folder.name);
        let folder = folder.canonicalize().map_or_else(|_| self.folder.name.clone(), |path| path.display().to_string());
        Ok(format!("parquet {folder}"))
    }

    async fn catalog(&self) -> Result<Catalog> {
        let listing = self.list().await?;
        let mut tables = Vec::new();
        for (name, files) in &listing.tables {
            let footers = footers(&self.folder, &files.files).await?;
            let rows = footers.iter().map(|(_, footer)| footer.rows).sum();
            let columns = match &files.manifest {
                Some(manifest) if footers.is_empty() => manifest.catalog_columns(),
                _ => decode::same_columns(name, &footers)?,
            };
            tables.push(Table {
                name: name.clone(),
                columns,
                primary_key: files.manifest.as_ref().map(|m| m.primary_key.clone()).unwrap_or_default(),
                foreign_keys: Vec::new(),
                rows_estimate: Some(rows),
                bytes_estimate: Some(files.files.iter().map(|file| file.bytes).sum()),
                ..Table::default()
            });
        }
        let not_carried = listing.not_carried;
        Ok(Catalog {
            system: System::Parquet,
            version: "Parquet".to_owned(),
            schema: None,
            tables,
            not_carried,
            objects: Vec::new(),
        })
    }

    fn shares_snapshots(&self) -> bool {
        true
    }

    async fn snapshot(&self, readers: usize) -> Result<Arc<dyn Snapshot>> {
        let readers = Arc::new(Semaphore::new(readers.max(1)));
        let (folder, listing) = (self.folder.clone(), self.list().await?);
        Ok(Arc::new(ParquetSnapshot { folder, listing, readers, checked: Mutex::new(HashSet::new()) }))
    }
}

/// The files as they were listed. What changes afterwards is noticed, not prevented.
struct ParquetSnapshot {
    folder: ObjectFolder,
    listing: Listing,
    readers: Arc<Semaphore>,
    /// Files whose content was found to be what their manifest says.
    checked: Mutex<HashSet<String>>,
}

impl ParquetSnapshot {
    /// Compares a file with its table's manifest, once per snapshot.
    async fn check(&self, table: &TableFiles, file: &DataFile) -> Result<()> {
        let named = table.manifest.iter().flat_map(|manifest| &manifest.files).find(|named| named.path == file.name);
        let Some(named) = named else { return Ok(()) };
        let mut checked = self.checked.lock().await;
        if !checked.contains(&file.name) {
            file.check_content(&self.folder, named.bytes, &named.sha256).await?;
            checked.insert(file.name.clone());
        }
        Ok(())
    }
}

#[async_trait]
impl Snapshot for ParquetSnapshot {
    fn id(&self) -> String {
        self.listing.id()
    }

    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
        let files = &self.listing.table(&table.name)?.files;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        let piece_bytes = bytes.div_ceil(u64::from(sizing.split_count(bytes).max(1))).max(1);
        let mut pieces = Vec::new();
        for (file, (_, footer)) in files.iter().zip(footers(&self.folder, files).await?) {
            cut(file, &footer, piece_bytes, &mut pieces);
        }
        if pieces.is_empty() {
            pieces.push(Piece { range: Range::Whole, rows_estimate: 0, bytes_estimate: 0 });
        }
        Ok(pieces)
    }

    /// Pieces are the row groups that a file's footer lists, each read by its number.
    async fn count(&self, _table: &str) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn sample(&self, table: &Table, rows: u64) -> Result<Vec<Range>> {
        let files = &self.listing.table(&table.name)?.files;
        let mut groups = Vec::new();
        for (file, (_, footer)) in files.iter().zip(footers(&self.folder, files).await?) {
            cut(file, &footer, 0, &mut groups);
        }
        Ok(sample::spread(&groups, rows))
    }

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let table = self.listing.table(&scan.table)?;
        let files = &table.files;
        let permit = self.readers.clone().acquire_owned().await.map_err(|e| Error::internal("Parquet scan", e))?;
        let (files, row_groups) = match &scan.range {
            Range::Whole => (files.clone(), None),
            Range::RowGroups { file, start, end } => {
                let found = files.iter().find(|listed| listed.name == *file);
                let found = found.ok_or_else(|| Error::Missing { what: format!("file \"{file}\"") })?;
                (vec![found.clone()], Some(*start as usize..*end as usize))
            }
            other => {
                return Err(Error::internal("Parquet scan", format!("range {other:?} is not one of a Parquet file")));
            }
        };
        for file in &files {
            self.check(table, file).await?;
        }
        Ok(decode_files(self.folder.clone(), files, row_groups, scan, Some(permit)))
    }
}

/// Streams the rows of `files`, checking of each afterwards that it did not change.
fn decode_files(
    folder: ObjectFolder,
    files: Vec<DataFile>,
    row_groups: Option<std::ops::Range<usize>>,
    scan: Scan,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
) -> Batches {
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD_MAX);
    let handle = Handle::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let decode = |file: DataFile| {
            handle.block_on(file.check(&folder))?;
            let row_groups = row_groups.clone();
            let decoding = Decoding { folder: folder.clone(), file, row_groups, handle: handle.clone() };
            let finished = decoding.run(&scan, &sender)?;
            if finished {
                handle.block_on(decoding.file.check(&folder))?;
            }
            Ok(finished)
        };
        for file in files {
            match decode(file) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    // A send fails only when the reader is gone, and then nobody wants the error.
                    let _ = sender.blocking_send(Err(error));
                    return;
                }
            }
        }
    });
    ReceiverStream::new(receiver).boxed()
}

/// The footers of `files` with the files' names for messages.
async fn footers(folder: &ObjectFolder, files: &[DataFile]) -> Result<Vec<(String, Footer)>> {
    let (folder, files, handle) = (folder.clone(), files.to_vec(), Handle::current());
    let read = move || {
        let footer = |file: &DataFile| Ok((folder.object_name(&file.path), decode::footer(&folder, file, &handle)?));
        files.iter().map(footer).collect()
    };
    tokio::task::spawn_blocking(read).await.map_err(|error| Error::internal("reading Parquet footers", error))?
}

/// Groups the row groups of one file into pieces of about `piece_bytes`.
fn cut(file: &DataFile, footer: &Footer, piece_bytes: u64, pieces: &mut Vec<Piece>) {
    let (mut start, mut rows, mut bytes) = (0, 0, 0);
    for (index, (group_rows, group_bytes)) in footer.row_groups.iter().enumerate() {
        rows += group_rows;
        bytes += group_bytes;
        let end = index as u64 + 1;
        if bytes >= piece_bytes || end == footer.row_groups.len() as u64 {
            let range = Range::RowGroups { file: file.name.clone(), start, end };
            pieces.push(Piece { range, rows_estimate: rows, bytes_estimate: bytes });
            (start, rows, bytes) = (end, 0, 0);
        }
    }
}
