//! Real databases and files that nobody on this project wrote. Never required: a clone without them passes the tests.

use std::path::{Path, PathBuf};

/// The folder of corpus `name`, or `None` after saying plainly that it is absent.
///
/// Looks in `$SENSEI_CORPORA`, by default `../shared/corpora` beside the workspace.
///
/// # Panics
/// If `SENSEI_CORPORA` is set and has no such corpus: then somebody expects it to be there.
pub fn find(name: &str) -> Option<PathBuf> {
    let configured = std::env::var_os("SENSEI_CORPORA").map(PathBuf::from);
    let root = configured.clone().unwrap_or_else(|| workspace().join("../shared/corpora"));
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(configured.is_none(), "SENSEI_CORPORA has no corpus {name:?}: {} is not a folder", folder.display());
    say(&format!("SKIPPED: corpus {name:?} is absent ({} is not a folder); set SENSEI_CORPORA", folder.display()));
    None
}

/// The workspace's root folder.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is a folder of the workspace")
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn say(line: &str) {
    eprintln!("{line}");
}
