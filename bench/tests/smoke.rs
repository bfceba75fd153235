//! The harness from end to end: a scenario at a tiny scale, and its page.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a panic is how a test fails, and it says what it skips")]

use std::process::ExitCode;

use sensei_bench::record::Record;
use sensei_bench::{Arguments, run};

/// `None` where what the scenario needs is missing: the command names it and goes on.
fn measured(scenario: &str) -> Option<(Record, String)> {
    let folder = tempfile::tempdir().unwrap();
    let arguments = Arguments {
        only: vec![scenario.to_owned()],
        rounds: 1,
        scale: 0.001,
        large: false,
        provisional: Some("a test".to_owned()),
        list: false,
        render: false,
        into: folder.path().to_owned(),
    };
    assert_eq!(run(arguments), ExitCode::SUCCESS);
    let page = std::fs::read_to_string(folder.path().join("RESULTS.md")).unwrap();
    Some((Record::read_all(&folder.path().join("results")).unwrap().pop()?, page))
}

#[test]
fn a_copy_is_measured_and_its_page_written() {
    let Some((record, page)) = measured("pg-verified") else {
        eprintln!("skipped: psql is missing");
        return;
    };
    assert_eq!(record.entrants.len(), 2);
    assert!(record.entrants.iter().all(|entrant| entrant.samples.len() == 1 && entrant.samples[0].rows == 6_005));
    let ours = &record.entrants[0].samples[0];
    assert!(ours.seconds > 0.0 && ours.peak_kib > Some(1024) && ours.spent.is_some(), "{ours:?}");
    assert!(page.contains("| 1 | pg-verified | time, sensei / psql COPY, unverified |"), "{page}");
}
