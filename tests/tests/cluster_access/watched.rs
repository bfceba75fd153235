//! What watches over a head and its workers: probes, metrics, logs that programs read.

use std::collections::BTreeSet;

use sensei_tests::head::{Ask, Head};
use serde_json::Value;

use crate::ground::{ended, folder, submit};

#[test]
fn probes_and_metrics_tell_how_the_head_is() {
    let sensei = folder();
    let mut head = Head::start(&sensei);
    head.add_worker(&sensei, &["--name", "w1"]);
    submit(&head, "shop");
    assert_eq!(ended(&head, "shop")["state"], "done");
    let get = |path: &str| head.ask(&Ask::new("GET", path)).expect(200);
    assert_eq!(get("/healthz").json()["status"], "ok");
    assert_eq!(get("/readyz").json()["role"], "leader");
    let detailed = get("/health/detailed").json();
    assert_eq!((&detailed["core_answers"], &detailed["workers"]["ready"]), (&true.into(), &1.into()), "{detailed}");

    let metrics = get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let samples = samples(&metrics.body);
    let value = |name: &str| *samples.iter().find(|(found, _)| found == name).map(|(_, value)| value).unwrap();
    assert_eq!(value("sensei_jobs{state=\"done\"}"), 1.0);
    assert_eq!(value("sensei_workers{state=\"ready\"}"), 1.0);
    assert_eq!(value("sensei_leading"), 1.0);
    assert!(value("sensei_splits_done_total") >= 2.0 && value("sensei_rows_total") >= 1.0, "{samples:?}");
    assert!(value("sensei_store_commits_total") >= 2.0);
}

/// The samples of an OpenMetrics text, insisting on its form: families are described before they come, and come together.
fn samples(text: &str) -> Vec<(String, f64)> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let (mut families, mut found) = (BTreeSet::new(), Vec::new());
    let mut family = String::new();
    for line in text.trim_end_matches("# EOF\n").lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap());
            assert!(["HELP", "TYPE", "UNIT"].contains(&kind) && words.next().is_some(), "{line:?}");
            assert!(name.starts_with("sensei_"), "{line:?}");
            if name != family {
                assert!(families.insert(name.to_owned()), "{name} comes twice");
                family = name.to_owned();
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} is no sample"));
        let bare = name.split('{').next().unwrap();
        assert!(bare.starts_with(&family) && !family.is_empty(), "{line:?} is not of {family}");
        assert!(bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line:?}");
        assert_eq!(name.contains('{'), name.ends_with('}'), "{line:?}");
        found.push((name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line:?} has no number"))));
    }
    found
}

#[test]
fn logs_for_programs_are_json_line_by_line() {
    let sensei = folder();
    let json = ["--log-format", "json", "--log-level", "info"];
    let mut head = Head::start_with(&sensei, &json.map(str::to_owned), None);
    head.add_worker(&sensei, &[&["--name", "w1"], &json[..]].concat());
    submit(&head, "shop");
    assert_eq!(ended(&head, "shop")["state"], "done");
    // One that fails says so from its process, through the worker.
    let broken = crate::ground::plan("broken").replace("shop.db", "missing.db");
    let token = head.token();
    head.ask(&Ask::new("POST", "/v1/jobs?id=broken").token(&token).body("application/yaml", &broken)).expect(201);
    ended(&head, "broken");
    let worker = head.workers()[0].stderr();
    let of_jobs = |text: &str| objects(text).iter().filter(|line| line["fields"]["job"] == "shop").count();
    let own = head.process().stderr();
    assert!(of_jobs(&own) >= 2, "the head says nothing of the job: {own}");
    assert!(of_jobs(&worker) >= 2, "the worker says nothing of the job: {worker}");
}

#[track_caller]
fn objects(text: &str) -> Vec<Value> {
    let object = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?} of\n{text}"));
        assert!(value.is_object() && value["level"].is_string(), "{line:?}");
        value
    };
    text.lines().map(object).collect()
}
