//! A folder of Parquet files as a target. See the module's head for the layout.
//!
//! There is no transaction across objects. A split's file appears at once and complete, under a name fixed by split and
//! generation; the journal remembers which were committed; and the manifest, which names every file with its hash, is
//! what makes rows count. A split written by two generations has two files, of which the manifest names one.

use std::collections::HashSet;

use arrow_array::RecordBatch;
use async_trait::async_trait;

use object_store::path::PathPart;

use super::listing::{DataFile, all_files};
use super::manifest::{self, Manifest};
use super::part::{PartWriter, is_part_name};
use super::{ParquetFolder, WRITERS_MAX, decode_files, marker};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::object::local_path;
use crate::source::{Batches, Scan};
use crate::space::free_bytes;
use crate::split::SplitId;
use crate::target::{Begin, Commit, OnExisting, Standing, Target, Token, Write};
use crate::trial::Trial;

#[async_trait]
impl Target for ParquetFolder {
    fn writers_max(&self) -> usize {
        WRITERS_MAX
    }

    async fn occupied(&self, tables: &[String]) -> Result<Vec<String>> {
        let mut occupied = Vec::new();
        for table in tables {
            let there = Manifest::read(&self.folder, table).await?.is_some();
            if there || !all_files(&self.folder, &self.folder.path(table)).await?.is_empty() {
                occupied.push(table.clone());
            }
        }
        Ok(occupied)
    }

    async fn free_bytes(&self) -> Result<Option<u64>> {
        let Some(path) = local_path(&self.folder.name)? else { return Ok(None) };
        let found = tokio::task::spawn_blocking(move || free_bytes(&path)).await;
        found.map_err(|error| Error::internal("looking for free space", error))
    }

    async fn prepare(&self, job: &str, tables: &[TargetTable], on_existing: OnExisting) -> Result<()> {
        if on_existing == OnExisting::Append {
            let why = "a table's manifest is written once; use a new folder, or on_existing: truncate".to_owned();
            return Err(Error::Unsupported { what: "appending to a Parquet table".to_owned(), why });
        }
        tables.iter().try_for_each(|table| check_name(&table.name))?;
        if marker::is_prepared(&self.folder, job).await? {
            return Ok(());
        }
        let names: Vec<_> = tables.iter().map(|table| table.name.clone()).collect();
        for table in self.occupied(&names).await? {
            if on_existing == OnExisting::Fail {
                let why = "it holds files, and the plan says on_existing: fail".to_owned();
                return Err(Error::Exists { what: format!("table \"{table}\""), why });
            }
            self.empty(&table).await?;
        }
        marker::set_prepared(&self.folder, job, names).await
    }

    async fn fence(&self, job: &str, generation: u64) -> Result<()> {
        marker::fence(&self.folder, job, generation).await
    }

    /// A part counts if it is there with the bytes it was committed with.
    async fn committed(&self, _job: &str, known: &[(SplitId, Commit)]) -> Result<HashSet<SplitId>> {
        let mut still = HashSet::new();
        for (split, commit) in known {
            let Token::Parquet { path, bytes, sha256 } = &commit.token else { continue };
            let checked = match DataFile::find(&self.folder, path).await {
                Ok(file) => file.check_content(&self.folder, *bytes, sha256).await,
                Err(error) => Err(error),
            };
            match checked {
                Ok(()) => still.insert(*split),
                Err(Error::Missing { .. } | Error::Corrupt { .. }) => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(still)
    }

    async fn begin(&self, write: Write) -> Result<Begin> {
        Ok(Begin::Writer(Box::new(self.part_writer(write).await?)))
    }

    async fn trial(&self, write: Write) -> Result<Box<dyn Trial>> {
        Ok(Box::new(self.part_writer(write).await?))
    }

    /// Compares size and SHA-256 with the commit before a row is decoded.
    async fn read_back(&self, scan: Scan, commit: Commit) -> Result<Batches> {
        let Token::Parquet { path, bytes, sha256 } = commit.token else {
            return Err(Error::internal("Parquet target", "the commit is another system's"));
        };
        let file = DataFile::find(&self.folder, &path).await?;
        file.check_content(&self.folder, bytes, &sha256).await?;
        Ok(decode_files(self.folder.clone(), vec![file], None, scan, None))
    }

    /// Only what the manifest names is visible.
    async fn standing(&self, _table: &str, _commits: &[Commit]) -> Result<Option<Standing>> {
        Ok(None)
    }

    /// Parquet has no keys; the manifest names them.
    async fn add_primary_key(&self, _table: &TargetTable) -> Result<()> {
        Ok(())
    }

    /// Parquet has no constraints.
    async fn add_foreign_keys(&self, _table: &TargetTable) -> Result<()> {
        Ok(())
    }

    async fn finish(&self, job: &str, tables: &[(TargetTable, Vec<Commit>)]) -> Result<()> {
        for (table, commits) in tables {
            let manifest = Manifest::new(table, commits)?;
            for named in &manifest.files {
                let file = DataFile::find(&self.folder, &named.path).await?;
                if file.bytes != named.bytes {
                    return Err(file.damaged(&self.folder, named.bytes));
                }
            }
            manifest.write(&self.folder).await?;
            self.remove_leftovers(&manifest).await?;
        }
        marker::remove(&self.folder, job).await
    }

    async fn mend(&self, table: &TargetTable, _locators: &[String], _rows: &[RecordBatch]) -> Result<()> {
        Err(Error::Unsupported {
            what: format!("repairing the Parquet table \"{}\"", table.name),
            why: "its files are never changed in place; run the plan again with --fresh".to_owned(),
        })
    }
}

impl ParquetFolder {
    async fn part_writer(&self, write: Write) -> Result<PartWriter> {
        let permit = self.writers.clone().acquire_owned().await.map_err(|e| Error::internal("Parquet target", e))?;
        marker::check_fence(&self.folder, &write.job, write.generation).await?;
        if Manifest::read(&self.folder, &write.table.name).await?.is_some() {
            let why = "it is complete; a finished Parquet table is not written again".to_owned();
            return Err(Error::Exists { what: format!("table \"{}\"", write.table.name), why });
        }
        PartWriter::new(self.folder.clone(), write, permit)
    }

    /// Deletes the parts that older generations wrote and `manifest` does not name.
    async fn remove_leftovers(&self, manifest: &Manifest) -> Result<()> {
        let named: HashSet<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
        for file in all_files(&self.folder, &self.folder.path(&manifest.table)).await? {
            if !named.contains(file.name.as_str()) && file.path.filename().is_some_and(is_part_name) {
                marker::delete(&self.folder, &file.path).await?;
            }
        }
        let ours = |name: &str| is_part_name(name) || name == manifest::MANIFEST;
        self.folder.discard_unfinished(&manifest.table, ours).await
    }

    /// Deletes the manifest first, so that a table is never visible with files missing.
    async fn empty(&self, table: &str) -> Result<()> {
        marker::delete(&self.folder, &manifest::path(&self.folder, table)).await?;
        for file in all_files(&self.folder, &self.folder.path(table)).await? {
            marker::delete(&self.folder, &file.path).await?;
        }
        Ok(())
    }
}

/// A table's name becomes a folder's.
fn check_name(table: &str) -> Result<()> {
    let plain = PathPart::from(table).as_ref() == table && !table.is_empty() && !table.starts_with(['_', '.']);
    if plain {
        return Ok(());
    }
    Err(Error::Invalid {
        what: format!("table name \"{table}\" for Parquet"),
        why: "it would not be an ordinary folder name; map it with `into`".to_owned(),
    })
}
