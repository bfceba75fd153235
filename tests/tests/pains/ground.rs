//! Two databases of one server and a plan between them; runs, and what both databases say by SQL.

use std::fs;
use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Deadline, Outcome, Running, Sensei};
use serde_json::Value;

/// How long a job may take to write its first checkpoint.
const UNDER_WAY_MAX: Duration = Duration::from_secs(60);

/// Tests wait for one another on machines of few cores.
const TIME_MAX: Duration = Duration::from_secs(240);

/// The plan `job` from one URL to another; `more` is appended.
pub fn plan(source: &str, target: &str, more: &str) -> String {
    format!("version: 1\nname: job\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}\n")
}

/// A folder with a plan `plan.yaml`.
pub fn sensei(source: &str, target: &str, more: &str) -> Sensei {
    let sensei = Sensei::new().time_max(TIME_MAX);
    sensei.write("plan.yaml", plan(source, target, more));
    sensei
}

/// A server with the databases `source`, filled, and `target`, empty, and a plan from one to the other.
pub struct Postgres {
    pub server: Server,
    pub sensei: Sensei,
}

impl Postgres {
    /// Fills `source` by `sql`.
    pub fn new(sql: &str, more: &str) -> Postgres {
        let server = Server::start();
        server.create_database("source");
        server.create_database("target");
        server.psql("source", sql);
        let sensei = sensei(&server.url("source"), &server.url("target"), more);
        Postgres { server, sensei }
    }

    /// What `sql` finds in both databases, which must be the same and not nothing.
    #[track_caller]
    pub fn same(&self, sql: &str) -> String {
        let [sent, arrived] = ["source", "target"].map(|database| self.server.psql(database, sql));
        assert_eq!(sent, arrived, "{sql}");
        assert!(!sent.is_empty(), "{sql}");
        sent
    }

    /// What `sql` finds in the target.
    pub fn target(&self, sql: &str) -> String {
        self.server.psql("target", sql)
    }
}

/// Runs the plan and verifies it: both say `equivalent`, and the certificate is whole. Returns the run's report.
#[track_caller]
pub fn run(sensei: &Sensei) -> Value {
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(report["verdict"], "equivalent", "{report}");
    let certificate = report["certificate"].as_str().expect("a run ends with a certificate");
    let checked = sensei.run(&["certificate", "verify", certificate]);
    assert!(checked.stdout.starts_with("whole: "), "{checked:?}");
    let verified = sensei.run(&["verify", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(verified["verdict"], "equivalent", "{verified}");
    report
}

/// Runs the plan, which must end with `code`, in text.
#[track_caller]
pub fn ends(sensei: &Sensei, code: i32) -> Outcome {
    sensei.run(&["run", "plan.yaml"]).expect(code)
}

/// Each difference that `verify` finds, as `table: kind key columns`.
#[track_caller]
pub fn differences(sensei: &Sensei) -> Vec<String> {
    sensei.run(&["verify", "plan.yaml", "--report", "found.jsonl"]).expect(3);
    let lines = fs::read_to_string(sensei.path("found.jsonl")).unwrap();
    let line = |line: &str| {
        let found: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| found[key].as_str().unwrap_or("-").to_owned();
        format!("{}: {} {} {}", text("target"), text("kind"), text("key"), found["columns"])
    };
    let mut found: Vec<String> = lines.lines().map(line).collect();
    found.sort();
    found
}

/// One table's counts in a report: read, rejected, written, verified.
pub fn counts(report: &Value, table: &str) -> [u64; 4] {
    let tables = report["tables"].as_array().unwrap();
    let table = tables.iter().find(|found| found["source"] == table).unwrap();
    ["rows_read", "rows_rejected", "rows_written", "rows_verified"].map(|key| table[key].as_u64().unwrap())
}

/// The reasons in the rejects files of `job-1`, each as `key column: reason`, sorted.
pub fn rejects(sensei: &Sensei) -> Vec<String> {
    let Ok(files) = fs::read_dir(sensei.path("rejects/job-1")) else { return Vec::new() };
    let text: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let line = |line: &str| {
        let reject: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| reject[key].as_str().unwrap_or("-").to_owned();
        format!("{} {}: {}", text("key"), text("column"), text("reason"))
    };
    let mut lines: Vec<String> = text.lines().map(line).collect();
    lines.sort();
    lines
}

/// Starts the plan and kills it without warning once it has written a checkpoint.
#[track_caller]
pub fn killed_midway(sensei: &Sensei) {
    let mut running = sensei.spawn(&["run", "plan.yaml"]);
    under_way(sensei, &mut running);
    let killed = running.kill9();
    assert_eq!(killed.code, None, "it ended before it was killed: {killed:?}");
}

/// Waits until a started job has written its first checkpoint.
#[track_caller]
pub fn under_way(sensei: &Sensei, running: &mut Running) {
    let epoch = sensei.path("sensei-state/jobs/job-1/epochs/00000002.json");
    let found = Deadline::after(UNDER_WAY_MAX).wait_for(|| (epoch.exists() || !running.is_running()).then_some(()));
    assert!(found.is_some() && running.is_running(), "the job is not under way: {}", running.stderr());
}

/// Runs the plan's `command` to its end; returns its outcome and its peak resident memory in MiB.
pub fn watched(sensei: &Sensei, command: &str) -> (Outcome, u64) {
    let mut running = sensei.spawn(&[command, "plan.yaml", "--output", "json"]);
    let mut peak = 0;
    let ended = Deadline::after(TIME_MAX).wait_for(|| {
        peak = peak.max(peak_mib(&running));
        (!running.is_running()).then_some(())
    });
    assert!(ended.is_some(), "{command} still runs");
    (running.wait(), peak)
}

/// Peak resident memory of a process so far; 0 when it is gone.
fn peak_mib(running: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
}
