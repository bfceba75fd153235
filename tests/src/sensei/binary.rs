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
