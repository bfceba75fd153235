//! The rejects folder: rows that were left behind, and why, one JSON Lines file per split. The files hold data, masked
//! where the plan masks, so that only their owner may read them.

mod line;
mod listing;

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensei_operators::{Refusal, Refusals, Rejected};
use sensei_planner::RejectsPlan;
use sensei_storage::journal::{History, Reject};
use sensei_storage::{Error, SplitId, evidence::sha256_hex};

use crate::failure::{Doing, Result};
use line::Line;
pub use line::RejectLine;
pub use listing::Tally;

/// Who may enter the folder.
const FOLDER_MODE: u32 = 0o700;
/// Rows that a retry could not try.
const UNTRIED: &str = "untried.jsonl";
/// Who may read the files.
const FILE_MODE: u32 = 0o600;

/// Rejects of one job.
#[derive(Debug)]
pub struct Rejects {
    folder: PathBuf,
    with_rows: bool,
    open: HashMap<SplitId, OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: BufWriter<File>,
    path: PathBuf,
    rows: u64,
}

impl Rejects {
    /// Rejects of `job` go to `{to}/{job}/`. The folder is created when the first row needs it.
    pub fn new(plan: &RejectsPlan, job: &str) -> Rejects {
        Rejects { folder: Path::new(&plan.to).join(job), with_rows: plan.rows, open: HashMap::new() }
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds rows of a split under way.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn add(&mut self, split: SplitId, table: &str, rejected: &[Rejected]) -> Result<()> {
        self.write(split, table, rejected).doing("writing rejected rows")
    }

    fn write(&mut self, split: SplitId, table: &str, rejected: &[Rejected]) -> sensei_storage::Result<()> {
        let open = match self.open.entry(split) {
            std::collections::hash_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::hash_map::Entry::Vacant(vacant) => vacant.insert(OpenFile::create(&self.folder, split)?),
        };
        for rejected in rejected {
            let line = Line::of(table, rejected, self.with_rows);
            serde_json::to_writer(&mut open.file, &line).map_err(|error| file_error(&open.path, error.into()))?;
            open.file.write_all(b"\n").map_err(|error| file_error(&open.path, error))?;
            open.rows += 1;
        }
        Ok(())
    }

    /// Completes a split's file, replacing that of an earlier attempt; `None` if it rejected nothing.
    ///
    /// # Errors
    /// If the file cannot be written out.
    pub fn finish(&mut self, split: SplitId) -> Result<Option<Reject>> {
        let doing = "writing rejected rows";
        match self.open.remove(&split) {
            Some(open) => open.finish(&self.folder, split).map(Some).doing(doing),
            None => self.remove(split).map(|()| None).doing(doing),
        }
    }

    /// Puts on disk what a split rejected, complete and under its name, while it is under way.
    ///
    /// # Errors
    /// If the file cannot be written out.
    pub fn settle(&mut self, split: SplitId) -> Result<()> {
        let settled = self.open.get_mut(&split).map_or(Ok(()), |open| open.settle(&self.folder, split));
        settled.doing("writing rejected rows")
    }

    /// Forgets what a split under way rejected: it is done once more.
    ///
    /// # Errors
    /// If its file cannot be removed.
    pub fn discard(&mut self, split: SplitId) -> Result<()> {
        self.open.remove(&split);
        self.remove(split).doing("writing rejected rows")
    }

    /// Removes what an earlier attempt may have left of a split.
    fn remove(&self, split: SplitId) -> sensei_storage::Result<()> {
        for path in [part_path(&self.folder, split), self.folder.join(file_name(split))] {
            match fs::remove_file(&path) {
                Err(error) if !is_absent(&error) => return Err(file_error(&path, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Completes every file under way, so that a job that stops leaves all its reasons behind.
    ///
    /// # Errors
    /// If a file cannot be written out.
    pub fn finish_all(&mut self) -> Result<()> {
        let splits: Vec<SplitId> = self.open.keys().copied().collect();
        splits.into_iter().try_for_each(|split| self.finish(split).map(|_| ()))
    }

    /// The rows of a split that the target refused, as its file has them. Without the file, or with one that was
    /// changed since, none: the split will then be seen to differ, and be copied again.
    pub fn refused(&self, reject: &Reject) -> Refusals {
        let lines = self.read(reject).unwrap_or_else(|error| {
            tracing::warn!("a split with refused rows is copied again: {error}");
            Vec::new()
        });
        refusals(lines)
    }

    /// The rows that the target refused of a split which may have been committed although the journal does not have it.
    /// Only the comparison with what was committed tells whether that is so.
    pub fn refused_then(&self, split: SplitId) -> Refusals {
        let path = self.folder.join(file_name(split));
        let lines = fs::read(&path).ok().and_then(|bytes| line::parse(&path, &bytes).ok()).unwrap_or_default();
        refusals(lines)
    }

    /// Every row that the job left behind, those it did not try included.
    ///
    /// # Errors
    /// `Missing` if a file is gone, `Altered` if one is not as it was written.
    pub fn outstanding(&self, history: &History) -> Result<Vec<RejectLine>> {
        let doing = "reading rejected rows";
        let mut lines = self.untried().doing(doing)?;
        for reject in history.rejects.values() {
            lines.extend(self.read(reject).doing(doing)?);
        }
        Ok(lines)
    }

    /// Keeps rows that a retry could not try beside those it rejects.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep_untried(&self, lines: &[RejectLine]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.write_untried(lines).doing("writing rejected rows")
    }

    fn write_untried(&self, lines: &[RejectLine]) -> sensei_storage::Result<()> {
        let path = self.folder.join(UNTRIED);
        let mut file = BufWriter::new(create(&self.folder, &path)?);
        for line in lines {
            serde_json::to_writer(&mut file, line).map_err(|error| file_error(&path, error.into()))?;
            file.write_all(b"\n").map_err(|error| file_error(&path, error))?;
        }
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|error| file_error(&path, error))
    }

    fn untried(&self) -> sensei_storage::Result<Vec<RejectLine>> {
        let path = self.folder.join(UNTRIED);
        match fs::read(&path) {
            Ok(bytes) => line::parse(&path, &bytes),
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            Err(error) => Err(file_error(&path, error)),
        }
    }

    /// Calls `each` for every line of every complete file, in the order of the files' names.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn for_each(&self, mut each: impl FnMut(RejectLine)) -> Result<()> {
        let doing = "reading rejected rows";
        for path in self.files().doing(doing)? {
            let bytes = fs::read(&path).map_err(|error| file_error(&path, error)).doing(doing)?;
            line::parse(&path, &bytes).doing(doing)?.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    fn files(&self) -> sensei_storage::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(file_error(&self.folder, error)),
        };
        let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>();
        let mut paths = paths.map_err(|error| file_error(&self.folder, error))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
        paths.sort();
        Ok(paths)
    }

    /// The lines of a file that the journal knows.
    ///
    /// # Errors
    /// `Missing` if it is gone, `Altered` if it is not as it was written.
    pub fn read(&self, reject: &Reject) -> sensei_storage::Result<Vec<RejectLine>> {
        let path = self.folder.join(&reject.file);
        let bytes = fs::read(&path).map_err(|error| file_error(&path, error))?;
        if sha256_hex(&bytes) != reject.sha256 {
            let (what, why) = (file_label(&path), "its SHA-256 is not the one in the journal".to_owned());
            return Err(Error::Altered { what, why });
        }
        line::parse(&path, &bytes)
    }
}

fn refusals(lines: Vec<RejectLine>) -> Refusals {
    let mut refused = Refusals::default();
    lines.into_iter().filter_map(refusal).for_each(|(hash, refusal)| refused.add(hash, refusal));
    refused
}

/// Hash and reason of a row that the target refused.
fn refusal(line: RejectLine) -> Option<([u8; 32], Arc<Refusal>)> {
    let mut hash = [0; 32];
    hex::decode_to_slice(line.refused?, &mut hash).ok()?;
    Some((hash, Arc::new(Refusal { column: line.column, reason: line.reason })))
}

fn file_name(split: SplitId) -> String {
    format!("split-{:06}.jsonl", split.0)
}

fn part_path(folder: &Path, split: SplitId) -> PathBuf {
    folder.join(format!("split-{:06}.part", split.0))
}

/// A new file for its owner alone, in a folder likewise.
fn create(folder: &Path, path: &Path) -> sensei_storage::Result<File> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(|error| file_error(folder, error))?;
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path);
    file.map_err(|error| file_error(path, error))
}

impl OpenFile {
    fn create(folder: &Path, split: SplitId) -> sensei_storage::Result<OpenFile> {
        let path = part_path(folder, split);
        let file = create(folder, &path)?;
        Ok(OpenFile { file: BufWriter::new(file), path, rows: 0 })
    }

    /// Writes everything out and gives the file its name, under which it can still be added to.
    fn settle(&mut self, folder: &Path, split: SplitId) -> sensei_storage::Result<()> {
        let settled = folder.join(file_name(split));
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        let named = written.and_then(|()| match self.path == settled {
            true => Ok(()),
            false => fs::rename(&self.path, &settled),
        });
        named.map_err(|error| file_error(&self.path, error))?;
        self.path = settled;
        Ok(())
    }

    fn finish(mut self, folder: &Path, split: SplitId) -> sensei_storage::Result<Reject> {
        self.settle(folder, split)?;
        let bytes = fs::read(&self.path).map_err(|error| file_error(&self.path, error))?;
        Ok(Reject { split, file: file_name(split), rows: self.rows, sha256: sha256_hex(&bytes) })
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn file_error(path: &Path, error: std::io::Error) -> Error {
    Error::io(file_label(path), error)
}

fn file_label(path: &Path) -> String {
    format!("rejects file \"{}\"", path.display())
}
