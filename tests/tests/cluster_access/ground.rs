//! A folder with a small job in it, and a head.

use std::time::Duration;

use sensei_tests::head::{Answer, Ask, Head};
use sensei_tests::{Deadline, Sensei};
use serde_json::Value;

/// How long the small job may take on a busy machine.
pub const JOB_MAX: Duration = Duration::from_secs(40);

pub const YAML: &str = "application/yaml";
pub const JSON: &str = "application/json";

/// Rows of the table.
const ROWS: usize = 5_000;

/// A folder with a database and no plan.
pub fn folder() -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite(
        "shop.db",
        &format!(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT);
             INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             SELECT i, 'order ' || i FROM n"
        ),
    );
    sensei
}

/// The plan of a job that copies that database to one of its own.
pub fn plan(name: &str) -> String {
    format!(
        "version: 1\nname: {name}\nsource: {{ url: \"sqlite:shop.db\" }}\ntarget: {{ url: \"sqlite:{name}-copy.db\" }}\n\
         state: ./sensei-state\nlimits: {{ split: 16KiB }}\n"
    )
}

/// Submits that plan as the admin.
pub fn submit(head: &Head, name: &str) -> Answer {
    head.ask(&Ask::new("POST", &format!("/v1/jobs?id={name}")).token(&head.token()).body(YAML, &plan(name))).expect(201)
}

/// The job, once it has ended.
#[track_caller]
pub fn ended(head: &Head, id: &str) -> Value {
    let token = head.token();
    let look = || {
        let job = head.ask(&Ask::new("GET", &format!("/v1/jobs/{id}")).token(&token)).expect(200).json();
        matches!(job["state"].as_str(), Some("done" | "failed" | "stopped" | "paused")).then_some(job)
    };
    Deadline::after(JOB_MAX).wait_for(look).unwrap_or_else(|| panic!("job {id} does not end"))
}

/// Insists that the head is well, and that a job ends as it should.
#[track_caller]
pub fn well(head: &Head, name: &str) {
    head.ask(&Ask::new("GET", "/healthz")).expect(200).says("ok");
    submit(head, name);
    let job = ended(head, name);
    assert_eq!((&job["state"], &job["report"]["verdict"]), (&"done".into(), &"equivalent".into()), "{job}");
}
