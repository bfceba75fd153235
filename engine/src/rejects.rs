//! The rejects folder: why rows were left behind, one JSON Lines file per split, never a value outside the key.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sensei_storage::journal::Reject;
use sensei_storage::{Error, Fault, SplitId, evidence::sha256_hex};
use serde::Serialize;

use crate::failure::{Doing, Result};

/// Rejects of one job.
#[derive(Debug)]
pub struct Rejects {
    folder: PathBuf,
    open: HashMap<SplitId, OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: BufWriter<File>,
    path: PathBuf,
    rows: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    table: &'a str,
    key: Option<&'a str>,
    column: &'a str,
    reason: &'a str,
}

impl Rejects {
    /// Rejects of `job` go to `{to}/{job}/`. The folder is created when the first row needs it.
    pub fn new(to: &str, job: &str) -> Rejects {
        Rejects { folder: Path::new(to).join(job), open: HashMap::new() }
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds rows of a split under way.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn add(&mut self, split: SplitId, table: &str, faults: &[Fault]) -> Result<()> {
        self.write(split, table, faults).doing("writing rejected rows")
    }

    fn write(&mut self, split: SplitId, table: &str, faults: &[Fault]) -> sensei_storage::Result<()> {
        let open = match self.open.entry(split) {
            std::collections::hash_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => vacant.insert(OpenFile::create(&self.folder, split)?),
        };
        for fault in faults {
            let line = Line { table, key: fault.key.as_deref(), column: &fault.column, reason: &fault.reason };
            serde_json::to_writer(&mut open.file, &line).map_err(|error| open_error(&open.path, error.into()))?;
            open.file.write_all(b"\n").map_err(|error| open_error(&open.path, error))?;
            open.rows += 1;
        }
        Ok(())
    }

    /// Completes a split's file, replacing that of an earlier attempt; `None` if it rejected nothing.
    ///
    /// # Errors
    /// If the file cannot be written out.
    pub fn finish(&mut self, split: SplitId) -> Result<Option<Reject>> {
        let Some(open) = self.open.remove(&split) else {
            return Ok(None);
        };
        open.finish(&self.folder, split).map(Some).doing("writing rejected rows")
    }

    /// Completes every file under way, so that a job that stops leaves all its reasons behind.
    ///
    /// # Errors
    /// If a file cannot be written out.
    pub fn finish_all(&mut self) -> Result<()> {
        let splits: Vec<SplitId> = self.open.keys().copied().collect();
        splits.into_iter().try_for_each(|split| self.finish(split).map(|_| ()))
    }
}

impl OpenFile {
    fn create(folder: &Path, split: SplitId) -> sensei_storage::Result<OpenFile> {
        fs::create_dir_all(folder).map_err(|error| open_error(folder, error))?;
        let path = folder.join(format!("split-{:06}.part", split.0));
        let file = File::create(&path).map_err(|error| open_error(&path, error))?;
        Ok(OpenFile { file: BufWriter::new(file), path, rows: 0 })
    }

    fn finish(self, folder: &Path, split: SplitId) -> sensei_storage::Result<Reject> {
        let name = format!("split-{:06}.jsonl", split.0);
        let fail = |error| open_error(&self.path, error);
        let file = self.file.into_inner().map_err(|error| fail(error.into_error()))?;
        file.sync_all().map_err(fail)?;
        fs::rename(&self.path, folder.join(&name)).map_err(fail)?;
        let bytes = fs::read(folder.join(&name)).map_err(fail)?;
        Ok(Reject { split, file: name, rows: self.rows, sha256: sha256_hex(&bytes) })
    }
}

fn open_error(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("rejects file \"{}\"", path.display()), error)
}
