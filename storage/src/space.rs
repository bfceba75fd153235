//! Free space of a local folder. Knows nothing of what is stored there.

use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes that an ordinary user may still write where `path` is or would be, as POSIX `df` tells; `None` if it does not.
///
/// The standard library cannot ask the file system, and asking it directly would be the workspace's only unsafe code.
/// Blocks for the time of one process.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let absolute = std::path::absolute(path).ok()?;
    let there = absolute.ancestors().find(|folder| folder.is_dir())?;
    let df = Command::new("df").arg("-Pk").arg("--").arg(there).stdin(Stdio::null()).stderr(Stdio::null()).output();
    available(&String::from_utf8(df.ok()?.stdout).ok()?)
}

/// The fourth column of the last line, in KiB. The first may hold blanks, so columns are counted from the percentage.
fn available(df: &str) -> Option<u64> {
    let words: Vec<&str> = df.lines().last()?.split_whitespace().collect();
    let percentage = words.iter().position(|word| word.ends_with('%'))?;
    let kib: u64 = words.get(percentage.checked_sub(1)?)?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_posix_prescribes() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/my disk 1000 400 600 40% /mnt\n";
        assert_eq!(available(df), Some(600 * 1024));
        assert_eq!(available(""), None);
        assert_eq!(available("df: nonsense\n"), None);
    }

    #[test]
    fn a_folder_that_is_not_there_has_its_parents_space() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&folder.path().join("a/b")).is_some_and(|bytes| bytes > 0));
    }
}
