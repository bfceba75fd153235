//! Which tables an endpoint holds and which files each is made of.
//!
//! A Parquet file directly in the folder is a table; a subfolder is one too, made of exactly the files its manifest
//! names, or without a manifest of all `*.parquet` directly in it. A table that a job is still writing is not there.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use sha2::{Digest as _, Sha256};

use super::manifest::Manifest;
use super::marker;
use crate::error::{Error, Result};
use crate::object::ObjectFolder;

const EXTENSION: &str = ".parquet";

/// One file as it was listed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DataFile {
    /// Relative to the endpoint.
    pub name: String,
    pub path: Path,
    pub bytes: u64,
    modified_us: i64,
    etag: Option<String>,
}

/// One table as it was listed.
#[derive(Clone, Debug, Default)]
pub(super) struct TableFiles {
    pub files: Vec<DataFile>,
    pub manifest: Option<Manifest>,
}

/// Everything an endpoint held at one time.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub tables: BTreeMap<String, TableFiles>,
    pub not_carried: Vec<String>,
}

impl DataFile {
    pub fn new(folder: &ObjectFolder, meta: ObjectMeta) -> DataFile {
        let name = folder.relative(&meta.location);
        let modified_us = meta.last_modified.timestamp_micros();
        DataFile { name, path: meta.location, bytes: meta.size, modified_us, etag: meta.e_tag }
    }

    /// Looks the file up by its name relative to `folder`.
    pub async fn find(folder: &ObjectFolder, name: &str) -> Result<DataFile> {
        let path = folder.path(name);
        let meta = folder.store.head(&path).await.map_err(|error| folder.error(&path, error))?;
        Ok(DataFile::new(folder, meta))
    }

    /// `Corrupt` unless the file holds the bytes it was committed with. Reads all of it.
    pub async fn check_content(&self, folder: &ObjectFolder, bytes: u64, sha256: &str) -> Result<()> {
        if self.bytes != bytes {
            return Err(self.damaged(folder, bytes));
        }
        let error = |error| folder.error(&self.path, error);
        let mut chunks = folder.store.get(&self.path).await.map_err(error)?.into_stream();
        let mut hash = Sha256::new();
        while let Some(chunk) = chunks.try_next().await.map_err(error)? {
            hash.update(&chunk);
        }
        if hex::encode(hash.finalize()) != sha256 {
            let why = "its SHA-256 is not the one it was committed with".to_owned();
            return Err(Error::Corrupt { what: folder.object_name(&self.path), why });
        }
        Ok(())
    }

    /// The error of a file whose size is not what was committed.
    pub fn damaged(&self, folder: &ObjectFolder, committed: u64) -> Error {
        let why = format!("it holds {} bytes, {committed} were committed", self.bytes);
        Error::Corrupt { what: folder.object_name(&self.path), why }
    }

    /// `Changed` if the file is not the one that was listed.
    pub async fn check(&self, folder: &ObjectFolder) -> Result<()> {
        match DataFile::find(folder, &self.name).await? == *self {
            true => Ok(()),
            false => Err(Error::Changed { what: folder.object_name(&self.path) }),
        }
    }
}

impl Listing {
    /// The single file `name` of `folder`.
    pub async fn of_file(folder: &ObjectFolder, name: &str) -> Result<Listing> {
        let table = name.strip_suffix(EXTENSION).unwrap_or(name).to_owned();
        let files = vec![DataFile::find(folder, name).await?];
        let tables = BTreeMap::from([(table, TableFiles { files, manifest: None })]);
        Ok(Listing { tables, not_carried: Vec::new() })
    }

    /// Everything in `folder`.
    ///
    /// # Errors
    /// `Invalid` if a file and a folder make the same table, `Corrupt` if a file is not what its manifest says.
    pub async fn of_folder(folder: &ObjectFolder) -> Result<Listing> {
        let listed = folder.store.list_with_delimiter(Some(&folder.prefix)).await;
        let listed = listed.map_err(|error| folder.error(&folder.prefix, error))?;
        let unfinished = marker::unfinished_tables(folder).await?;
        let mut listing = Listing::default();
        for meta in listed.objects {
            listing.add_file(folder, DataFile::new(folder, meta))?;
        }
        for path in listed.common_prefixes {
            listing.add_folder(folder, &path, &unfinished).await?;
        }
        listing.not_carried.sort();
        Ok(listing)
    }

    /// The files of `table`.
    pub fn table(&self, table: &str) -> Result<&TableFiles> {
        self.tables.get(table).ok_or_else(|| Error::Missing { what: format!("table \"{table}\"") })
    }

    /// SHA-256 over name, size, time and tag of every file.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for file in self.tables.values().flat_map(|table| &table.files) {
            for part in [&file.name, file.etag.as_ref().unwrap_or(&String::new())] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            hash.update(file.bytes.to_le_bytes());
            hash.update(file.modified_us.to_le_bytes());
        }
        hex::encode(hash.finalize())
    }

    fn add_file(&mut self, folder: &ObjectFolder, file: DataFile) -> Result<()> {
        match file.name.strip_suffix(EXTENSION) {
            Some(table) if is_visible(&file.name) => {
                let table = table.to_owned();
                self.add_table(folder, table, TableFiles { files: vec![file], manifest: None })
            }
            _ => {
                self.not_carried.push(format!("file \"{}\"", file.name));
                Ok(())
            }
        }
    }

    async fn add_folder(&mut self, folder: &ObjectFolder, path: &Path, unfinished: &BTreeSet<String>) -> Result<()> {
        let name = folder.relative(path);
        if !is_visible(&name) {
            return Ok(());
        }
        let manifest = Manifest::read(folder, &name).await?;
        if manifest.is_none() && unfinished.contains(&name) {
            self.not_carried.push(format!("unfinished table \"{name}\""));
            return Ok(());
        }
        let files = match &manifest {
            Some(manifest) => named_files(folder, manifest).await?,
            None => all_files(folder, path).await?,
        };
        if manifest.is_none() && files.is_empty() {
            self.not_carried.push(format!("folder \"{name}\""));
            return Ok(());
        }
        self.add_table(folder, name, TableFiles { files, manifest })
    }

    fn add_table(&mut self, folder: &ObjectFolder, table: String, files: TableFiles) -> Result<()> {
        if self.tables.contains_key(&table) {
            let why = format!("a file and a folder both name the table \"{table}\"");
            return Err(Error::Invalid { what: format!("folder \"{}\"", folder.name), why });
        }
        self.tables.insert(table, files);
        Ok(())
    }
}

/// Every Parquet file directly in the folder at `path`, in name order.
pub(super) async fn all_files(folder: &ObjectFolder, path: &Path) -> Result<Vec<DataFile>> {
    let listed = folder.store.list(Some(path)).try_collect::<Vec<_>>().await;
    let listed = listed.map_err(|error| folder.error(path, error))?;
    let direct = |meta: &ObjectMeta| meta.location.prefix_match(path).is_some_and(|parts| parts.count() == 1);
    let data =
        |meta: &ObjectMeta| meta.location.filename().is_some_and(|name| name.ends_with(EXTENSION) && is_visible(name));
    let mut files: Vec<_> =
        listed.into_iter().filter(|meta| direct(meta) && data(meta)).map(|meta| DataFile::new(folder, meta)).collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

async fn named_files(folder: &ObjectFolder, manifest: &Manifest) -> Result<Vec<DataFile>> {
    let mut files = Vec::new();
    for named in &manifest.files {
        let file = DataFile::find(folder, &named.path).await?;
        if file.bytes != named.bytes {
            return Err(file.damaged(folder, named.bytes));
        }
        files.push(file);
    }
    Ok(files)
}

/// Names that begin with `_` or `.` are no data, by convention of every engine that reads such folders.
fn is_visible(name: &str) -> bool {
    !name.starts_with(['_', '.'])
}
