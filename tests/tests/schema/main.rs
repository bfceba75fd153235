//! Whole schemas, end to end: everything a schema has arrives, is compared, and what is altered afterwards is found; rows
//! that break a constraint stop the job and nothing is dropped; a run killed in any stage goes on.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::print_stderr, reason = "a failed test shows its seed")]

mod numbers;
mod postgres;
mod sqlite;

use sensei_tests::{Outcome, Sensei};
use serde_json::{Value, json};

const RUN: [&str; 4] = ["run", "plan.yaml", "--output", "json"];
const VERIFY: [&str; 4] = ["verify", "plan.yaml", "--output", "json"];

/// A folder with a plan between two places, cut finely.
fn folder(source: &str, target: &str) -> Sensei {
    let sensei = Sensei::new();
    let config = sensei.path("config").display().to_string();
    let sensei = sensei.env("XDG_CONFIG_HOME", config);
    let plan = format!(
        "version: 1\nname: whole\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\nlimits: {{ split: 16KiB }}\n"
    );
    sensei.write("plan.yaml", plan);
    sensei
}

/// The differences of a report's schema, each on a line.
fn differences(report: &Value) -> Vec<String> {
    let differences = report["structural"]["differences"].as_array().expect("the schema was compared");
    let text = |difference: &Value| {
        format!("{} {}", difference["object"].as_str().unwrap(), difference["what"].as_str().unwrap())
    };
    differences.iter().map(text).collect()
}

/// Insists on a run that ends well with the schema as planned.
#[track_caller]
fn equivalent(outcome: Outcome) -> Value {
    let report = outcome.expect(0).json();
    assert_eq!((&report["verdict"], differences(&report)), (&json!("equivalent"), Vec::new()));
    report
}
