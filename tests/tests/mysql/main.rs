//! MySQL and MariaDB end to end, as source and as target, of every other system and of each other. What the servers say of
//! the rows is the oracle, not what Sensei says.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod breakage;
mod corpora;
mod corruption;
mod refused;
mod routes;

use std::time::Duration;

use sensei_tests::{Outcome, Sensei, mysql};
use serde_json::{Value, json};

const RUN: [&str; 4] = ["run", "plan.yaml", "--output", "json"];
const VERIFY: [&str; 4] = ["verify", "plan.yaml", "--output", "json"];

/// A run that takes longer hangs: this is for a machine that is busy.
const TIME_MAX: Duration = Duration::from_secs(120);

/// A folder with a plan between two places; `more` are further lines of the plan.
fn folder(source: &str, target: &str, more: &str) -> Sensei {
    let sensei = Sensei::new().time_max(TIME_MAX);
    let plan =
        format!("version: 1\nname: move\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}\n");
    sensei.write("plan.yaml", plan);
    sensei
}

/// Runs the plan to its end and verifies it; how many rows were moved.
#[track_caller]
fn moved(sensei: &Sensei) -> u64 {
    let rows = equivalent(sensei.run(&RUN));
    let outcome = sensei.run(&VERIFY);
    let verified = outcome.json();
    all_is_well(&outcome, &verified);
    rows
}

/// Insists that every row was read, written and found equal; returns how many.
#[track_caller]
fn equivalent(outcome: Outcome) -> u64 {
    let report = outcome.json();
    all_is_well(&outcome, &report);
    let mut rows = 0;
    for table in report["tables"].as_array().unwrap() {
        assert_eq!(table["rows_read"], table["rows_verified"], "{table}");
        assert_eq!(table["rows_read"], table["rows_written"], "{table}");
        rows += table["rows_read"].as_u64().unwrap();
    }
    rows
}

#[track_caller]
fn all_is_well(outcome: &Outcome, report: &Value) {
    let found = (&report["verdict"], structure(report));
    assert_eq!(found, (&json!("equivalent"), Vec::new()), "{} {}", outcome.stderr, report["error"]);
}

/// The differences of a report's schema, each on a line.
fn structure(report: &Value) -> Vec<String> {
    let text = |difference: &Value| {
        format!("{} {}", difference["object"].as_str().unwrap(), difference["what"].as_str().unwrap())
    };
    report["structural"]["differences"].as_array().map(|found| found.iter().map(text).collect()).unwrap_or_default()
}

/// Ordinary tables in name order.
fn tables(server: &mysql::Server, database: &str) -> Vec<String> {
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}' AND TABLE_TYPE = 'BASE TABLE' \
         ORDER BY TABLE_NAME"
    );
    server.sql("", &sql).lines().map(str::to_owned).collect()
}

/// Insists that two databases have the same tables with the same bytes in them.
fn same(one: &mysql::Server, other: &mysql::Server, [original, copy]: [&str; 2]) {
    let names = tables(one, original);
    assert_eq!(names, tables(other, copy));
    for name in names {
        let sum = |server: &mysql::Server, database: &str| {
            let told = server.sql(database, &format!("CHECKSUM TABLE `{name}`"));
            told.split('\t').nth(1).map(str::to_owned)
        };
        let (before, after) = (sum(one, original), sum(other, copy));
        assert!(before.is_some() && before == after, "{name}: {before:?} {after:?}");
    }
}
