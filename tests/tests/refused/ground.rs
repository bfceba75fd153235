//! Plans, rejects files and counts, as every test here needs them.

use std::os::unix::fs::PermissionsExt;

use sensei_tests::Sensei;
use serde_json::Value;

/// A plan with the name `job` that appends to what is there or not.
pub fn plan(source: &str, target: &str, more: &str) -> String {
    format!("version: 1\nname: job\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}\n")
}

/// The lines of every rejects file of a job, ordered by key. The files are for their owner alone.
pub fn lines(sensei: &Sensei, job: &str) -> Vec<Value> {
    let folder = sensei.path("rejects").join(job);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let mut lines = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        assert_eq!(path.extension().unwrap(), "jsonl", "{path:?} is complete");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    lines.sort_by_key(|line| line["key"].as_str().map(str::to_owned));
    lines
}

/// The keys among them.
pub fn keys(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["key"].as_str().unwrap()).collect()
}

/// One table's counts in a report: read, rejected, written, verified.
pub fn counts(report: &Value, table: &str) -> [u64; 4] {
    let tables = report["tables"].as_array().unwrap();
    let table = tables.iter().find(|found| found["source"] == table).unwrap();
    ["rows_read", "rows_rejected", "rows_written", "rows_verified"].map(|key| table[key].as_u64().unwrap())
}

/// Runs the plan and insists on `equivalent`.
#[track_caller]
pub fn run(sensei: &Sensei) -> Value {
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(report["verdict"], "equivalent", "{report}");
    let certificate = report["certificate"].as_str().unwrap();
    let checked = sensei.run(&["certificate", "verify", certificate]);
    assert!(checked.stdout.starts_with("whole: "), "{checked:?}");
    report
}
