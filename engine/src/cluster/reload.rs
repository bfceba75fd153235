//! What is made from files that may change: made anew when they do, kept as it was when what is new cannot be used.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::clock::Stopwatch;
use crate::failure::Result;

/// How often files are looked at, at the most. A guess: soon enough for a person who waits, rare enough to cost nothing.
pub const LOOK_EVERY: Duration = Duration::from_secs(2);

type Load<T> = Box<dyn Fn() -> Result<T> + Send + Sync>;

/// Something made from files.
pub struct Reloading<T> {
    files: Vec<PathBuf>,
    load: Load<T>,
    every: Duration,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    value: Arc<T>,
    stamps: Vec<Option<Stamp>>,
    looked: Stopwatch,
}

/// Changes when the file does. The inode is there for files that are replaced by older ones.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    inode: u64,
}

impl<T> Reloading<T> {
    /// Loads from `files` by `load`.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn new(files: Vec<PathBuf>, load: impl Fn() -> Result<T> + Send + Sync + 'static) -> Result<Reloading<T>> {
        // Before loading, so that a change while loading is seen as one.
        let stamps = stamps(&files);
        let held = Held { value: Arc::new(load()?), stamps, looked: Stopwatch::start() };
        Ok(Reloading { files, load: Box::new(load), every: LOOK_EVERY, held: Mutex::new(held) })
    }

    /// Looks at the files at most this often.
    #[cfg(test)]
    pub fn every(mut self, every: Duration) -> Reloading<T> {
        self.every = every;
        self
    }

    /// What the files say now; what they said before if that cannot be used, with a warning in the log.
    pub fn get(&self) -> Arc<T> {
        let mut held = self.held.lock().expect("a panic elsewhere ends the process");
        if held.looked.elapsed() >= self.every {
            held.looked = Stopwatch::start();
            self.look(&mut held);
        }
        held.value.clone()
    }

    fn look(&self, held: &mut Held<T>) {
        let stamps = stamps(&self.files);
        if stamps == held.stamps {
            return;
        }
        // Kept also if loading fails, so that one broken file is one warning.
        held.stamps = stamps;
        match (self.load)() {
            Ok(value) => {
                held.value = Arc::new(value);
                tracing::info!("certificates were read again, since their files changed");
            }
            Err(failure) => tracing::warn!("{failure}; the certificates read before stay in use"),
        }
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), bytes: metadata.len(), inode: metadata.ino() })
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
