//! Finds the `sensei` binary that Cargo built beside this test, and refuses one that is older than its sources.
//!
//! Cargo hands `CARGO_BIN_EXE_…` only to tests of the package that owns the binary, so it is looked up by place.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Path of the binary: `$SENSEI_BINARY`, or `sensei` in the target folder this test was built into.
///
/// # Panics
/// If it is missing or older than one of the files it was built from.
pub fn find() -> PathBuf {
    if let Some(binary) = std::env::var_os("SENSEI_BINARY") {
        return PathBuf::from(binary);
    }
    let test = std::env::current_exe().expect("a running program has a path");
    // …/release/deps/test-0123456789abcdef, and the binary is …/release/sensei.
    let profile = test.ancestors().nth(2).expect("a test lies in a folder deps of the profile's folder");
    let binary = profile.join("sensei");
    assert!(binary.is_file(), "{} is missing: run make build, or make test", binary.display());
    if let Some(source) = newer_source(&binary) {
        panic!("{} is newer than {}: run make build, or make test", source.display(), binary.display());
    }
    binary
}

/// A source that changed after the binary was built, by Cargo's own list beside it (`sensei.d`, a Makefile's rule).
fn newer_source(binary: &Path) -> Option<PathBuf> {
    let built = modified(binary)?;
    let rule = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let (_, sources) = rule.split_once(": ")?;
    let sources = sources.trim().replace("\\ ", "\0");
    let mut sources = sources.split(' ').map(|source| PathBuf::from(source.replace('\0', " ")));
    sources.find(|source| modified(source).is_none_or(|changed| changed > built))
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|about| about.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_newer_than_the_binary_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let binary = place("sensei");
        let source = place("a source.rs");
        let source_text = source.display().to_string().replace(' ', "\\ ");
        std::fs::write(place("sensei.d"), format!("{}: {source_text}\n", binary.display())).unwrap();
        let built = File::create(&binary).unwrap().metadata().unwrap().modified().unwrap();
        let file = File::create(&source).unwrap();
        file.set_modified(built - Duration::from_secs(5)).unwrap();
        assert_eq!(newer_source(&binary), None);
        file.set_modified(built + Duration::from_secs(5)).unwrap();
        assert_eq!(newer_source(&binary), Some(source.clone()));
        std::fs::remove_file(&source).unwrap();
        assert_eq!(newer_source(&binary), Some(source), "a source that is gone");
    }
}
