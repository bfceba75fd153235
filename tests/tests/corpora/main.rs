//! Round trips of databases and files that nobody on this project wrote. Says plainly when they are absent.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod csv;
mod database;
mod parquet;

use std::path::PathBuf;
use std::time::Duration;

use sensei_tests::{Outcome, Sensei, corpora};

/// One copy of a corpus takes well under a second: this is for a machine that is busy.
const TIME_MAX: Duration = Duration::from_secs(60);

/// The files of a folder of a corpus whose names end in `extension`, by name.
fn files(corpus: &str, folder: &str, extension: &str) -> Option<Vec<PathBuf>> {
    let folder = corpora::find(corpus)?.join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    Some(files)
}

/// Runs a new job from `source` to `target`; `more` are further lines of its plan.
fn run(sensei: &Sensei, source: &str, target: &str, more: &str) -> Outcome {
    let plan =
        format!("version: 1\nname: corpus\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}\n");
    sensei.write("plan.yaml", plan);
    sensei.run(&["run", "plan.yaml", "--fresh", "--output", "json"])
}

/// Insists that every row was read, written and found equal; returns how many.
#[track_caller]
fn equivalent(outcome: Outcome) -> u64 {
    let report = outcome.expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    let mut rows = 0;
    for table in report["tables"].as_array().unwrap() {
        assert_eq!(table["rows_read"], table["rows_verified"], "{table}");
        assert_eq!(table["rows_read"], table["rows_written"], "{table}");
        rows += table["rows_read"].as_u64().unwrap();
    }
    rows
}
