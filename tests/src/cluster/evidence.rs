//! Watches a state folder while others write to it: a file that is there stays as it is.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often every file is read.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// A watch over a folder.
#[derive(Debug)]
pub struct Evidence {
    over: Arc<AtomicBool>,
    watching: Option<JoinHandle<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    files: BTreeMap<PathBuf, u64>,
    broken: Vec<String>,
}

impl Evidence {
    /// Begins to watch.
    #[expect(clippy::disallowed_methods, reason = "the harness has no runtime to spawn on")]
    pub fn watch(folder: &Path) -> Evidence {
        let over = Arc::new(AtomicBool::new(false));
        let (ending, folder) = (over.clone(), folder.to_owned());
        let watching = std::thread::spawn(move || {
            let mut seen = Seen::default();
            loop {
                // Once more after the end, so that what was written last is compared too.
                let is_last = ending.load(Ordering::SeqCst);
                seen.look(&folder);
                if is_last {
                    return seen;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Evidence { over, watching: Some(watching) }
    }

    /// Ends the watch; the number of files.
    ///
    /// # Panics
    /// If a file changed or went away after it was seen.
    #[track_caller]
    pub fn check(mut self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        let watching = self.watching.take().expect("it is taken once");
        let seen = watching.join().expect("watching does not panic");
        assert!(seen.broken.is_empty(), "evidence was rewritten: {:?}", seen.broken);
        seen.files.len()
    }
}

impl Drop for Evidence {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Seen {
    fn look(&mut self, folder: &Path) {
        let mut now = BTreeMap::new();
        read(folder, &mut now);
        for (path, hash) in &self.files {
            match now.get(path) {
                Some(same) if same == hash => {}
                Some(_) => self.broken.push(format!("{} changed", path.display())),
                // What is a folder's whole content may be covered by a mount for a moment; a file that is gone is found
                // when the others are there.
                None if now.is_empty() => return,
                None => self.broken.push(format!("{} is gone", path.display())),
            }
        }
        self.files.extend(now);
    }
}

/// Files that are complete: what is being written has a `#` in its name.
fn read(folder: &Path, files: &mut BTreeMap<PathBuf, u64>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, files);
        } else if !path.to_string_lossy().contains('#')
            && let Ok(bytes) = std::fs::read(&path)
        {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            files.insert(path, hasher.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), "1").unwrap();
        let evidence = Evidence::watch(folder.path());
        std::thread::sleep(2 * LOOK_EVERY);
        // As a whole, as evidence appears.
        std::fs::write(folder.path().join("two#"), "2").unwrap();
        std::fs::rename(folder.path().join("two#"), folder.path().join("two")).unwrap();
        assert_eq!(evidence.check(), 2);
    }

    #[test]
    #[should_panic(expected = "evidence was rewritten")]
    fn what_is_rewritten_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), "1").unwrap();
        let evidence = Evidence::watch(folder.path());
        std::thread::sleep(2 * LOOK_EVERY);
        std::fs::write(folder.path().join("one"), "2").unwrap();
        evidence.check();
    }
}
