//! A job driven by nothing but curl and a shell, as CI would.

use std::process::Command;

use sensei_tests::head::Head;
use serde_json::Value;

use crate::ground::{folder, plan};

/// What a person could paste: `HEAD` is the head's URL, `TOKEN` a token of role operator.
const SCRIPT: &str = r#"
api() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $TOKEN" "$@"; }

# The plan goes as it is. The id makes it safe to send again.
api "$HEAD/v1/jobs?id=shop-1" -H 'Content-Type: application/yaml' --data-binary @plan.yaml > submitted.json
api "$HEAD/v1/jobs?id=shop-1" -H 'Content-Type: application/yaml' --data-binary @plan.yaml > again.json

# Events, as they come, until the job has ended.
api --no-buffer "$HEAD/v1/jobs/shop-1/events?follow=true" > events.txt

# Where it stands, and what `sensei run --output json` would have printed.
api "$HEAD/v1/jobs/shop-1" > job.json
api "$HEAD/v1/jobs/shop-1/report" > report.json
api "$HEAD/v1/pool" > pool.json
api "$HEAD/v1/openapi.json" > openapi.json

# What is refused says why, and ends curl with exit code 22.
if api -X POST "$HEAD/v1/jobs/shop-1/resume" > refused.json; then exit 1; fi
"#;

#[test]
fn curl_submits_follows_and_reads_the_report() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    sensei.write("plan.yaml", plan("shop"));
    let mut shell = Command::new("sh");
    shell.args(["-euc", SCRIPT]).current_dir(sensei.folder());
    let output = shell.env("HEAD", head.url()).env("TOKEN", head.add_token("ci", "operator")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let text = |name: &str| std::fs::read_to_string(sensei.path(name)).unwrap();
    let json = |name: &str| -> Value { serde_json::from_str(&text(name)).unwrap() };
    assert_eq!(
        (&json("submitted.json")["id"], &json("submitted.json")["submitted_by"]),
        (&"shop-1".into(), &"ci".into())
    );
    assert_eq!(json("again.json")["plan_sha256"], json("submitted.json")["plan_sha256"]);
    assert_eq!((&json("job.json")["state"], &json("job.json")["exit_code"]), (&"done".into(), &0.into()));
    assert_eq!(json("report.json")["verdict"], "equivalent");
    assert_eq!(json("report.json")["tables"][0]["rows_verified"], 5_000);
    assert_eq!(json("pool.json")["workers"][0]["id"], "w1");
    assert!(json("openapi.json")["paths"]["/v1/jobs"]["post"].is_object());
    assert!(json("refused.json")["error"]["message"].as_str().unwrap().contains("retry"));
    assert_stream(&text("events.txt"));

    assert_same_as_a_run(&json("report.json"));
}

/// Server-sent events: numbers ascend, and the last event says how the job ended.
#[track_caller]
fn assert_stream(text: &str) {
    let of =
        |name: &str| -> Vec<&str> { text.lines().filter_map(|line| line.strip_prefix(name)).map(str::trim).collect() };
    let numbers: Vec<u64> = of("id:").iter().map(|id| id.parse().unwrap()).collect();
    assert!(numbers.len() >= 3 && numbers.is_sorted_by(|one, other| one < other), "{text}");
    let data: Vec<Value> = of("data:").iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(data.len(), numbers.len() + 1, "{text}");
    assert_eq!((of("event:").last(), &data.last().unwrap()["state"]), (Some(&"end"), &"done".into()), "{text}");
}

/// The report of a cluster has what that of a single process has.
#[track_caller]
fn assert_same_as_a_run(report: &Value) {
    let alone = folder();
    alone.write("plan.yaml", plan("shop"));
    let run = alone.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    let keys = |report: &Value| -> Vec<String> { report.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(report), keys(&run));
    for name in ["verdict", "name"] {
        assert_eq!(report.get(name), run.get(name));
    }
    let rows =
        |report: &Value| ["rows_read", "rows_verified", "rows_rejected"].map(|name| report["tables"][0][name].clone());
    assert_eq!(rows(report), rows(&run));
}
