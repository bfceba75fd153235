//! Tests of following files that change.

use super::*;
use crate::failure::Failure;

fn number(path: &Path) -> Result<u32> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.parse().map_err(|_| Failure::usage(format!("{text:?} is no number"), "Write one."))
}

fn reloading(path: &Path) -> Reloading<u32> {
    let owned = path.to_owned();
    Reloading::new(vec![path.to_owned()], move || number(&owned)).unwrap()
}

#[test]
fn changes_are_seen_and_broken_ones_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("number");
    fs::write(&path, "1").unwrap();
    let reloading = reloading(&path).every(Duration::ZERO);
    assert_eq!(*reloading.get(), 1);
    fs::write(&path, "22").unwrap();
    assert_eq!(*reloading.get(), 22);
    fs::write(&path, "broken").unwrap();
    assert_eq!(*reloading.get(), 22);
    fs::remove_file(&path).unwrap();
    assert_eq!(*reloading.get(), 22);
    fs::write(&path, "4444").unwrap();
    assert_eq!(*reloading.get(), 4444);
}

#[test]
fn files_are_not_looked_at_all_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("number");
    fs::write(&path, "1").unwrap();
    let reloading = reloading(&path).every(Duration::from_secs(3600));
    fs::write(&path, "22").unwrap();
    assert_eq!(*reloading.get(), 1);
}

#[test]
fn what_is_broken_from_the_start_is_an_error() {
    assert!(Reloading::new(Vec::new(), || number(Path::new("/nowhere"))).is_err());
}
