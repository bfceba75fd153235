//! What is masked stays masked, also in what is kept of rejected rows.

use std::path::Path;

use sensei_tests::Sensei;
use sensei_tests::postgres::Server;

use crate::ground::{lines, plan, run};

/// Every file below a folder, databases left out.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => found.extend(texts(&path)),
            false if path.extension().is_some_and(|extension| extension == "db") => {}
            false => found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            )),
        }
    }
    found
}

#[test]
fn a_masked_value_is_in_no_file_and_no_log() {
    let (sensei, server) = (Sensei::new().env("MASK_KEY", "k3y"), Server::shared());
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, email TEXT, phone TEXT, n INTEGER);
         INSERT INTO t VALUES (1, 'raw-secret-1', '555-1', 1), (2, 'raw-secret-2', '555-2', -2), (3, 'raw-secret-3', '555-3', 'x');
         CREATE TABLE k(email TEXT PRIMARY KEY, n INTEGER);
         INSERT INTO k VALUES ('raw-secret-4', 1), ('raw-secret-5', -1)",
    );
    server.create_database("masked");
    server.psql(
        "masked",
        "CREATE TABLE t(id bigint PRIMARY KEY, email text, phone text, n bigint CHECK (n > 0));
         CREATE TABLE k(email text PRIMARY KEY, n bigint CHECK (n > 0))",
    );
    let mask = "mask: { keyed_hash: { key: \"${MASK_KEY}\" } }";
    let more = format!(
        "rejects: {{ max: 9 }}\ntables:\n  rules:\n  - {{ table: t, columns: {{ email: {{ {mask} }} }} }}\n  \
         - {{ table: k, columns: {{ email: {{ expr: \"upper(email)\", {mask} }} }} }}"
    );
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("masked"), &more));
    let outcome = sensei.run(&["run", "plan.yaml", "--log-level", "trace"]).expect(0);
    let log = outcome.hides("raw-secret").hides("RAW-SECRET");
    assert!(!log.stderr.contains("555-2"), "a row is in no log");
    let found = lines(&sensei, "job-1");
    let refused = found.iter().find(|line| line["key"] == "id=2").unwrap();
    let email = refused["row"]["email"].as_str().unwrap();
    assert_eq!(
        (email.len(), &refused["row"]["phone"]),
        (64, &"555-2".into()),
        "masked, and what is not masked: {refused}"
    );
    assert!(
        found.iter().any(|line| line["table"] == "k" && line["key"].is_null()),
        "a masked key is not told: {found:?}"
    );
    for (name, text) in texts(sensei.folder()) {
        assert!(!text.to_lowercase().contains("raw-secret"), "a masked value is in {name}");
        assert!(!text.contains("555-2") || name.contains("rejects/"), "a row's value is in {name}");
    }
}

#[test]
fn values_are_left_out_where_the_plan_says_so() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei
        .sqlite("src.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'hush'), (2, 'b')");
    server.create_database("without_rows");
    server.psql("without_rows", "CREATE TABLE t(id bigint PRIMARY KEY, v text CHECK (v <> 'hush'))");
    let more = "rejects: { max: 1, rows: false }";
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("without_rows"), more));
    run(&sensei);
    let found = lines(&sensei, "job-1");
    assert_eq!((found.len(), &found[0]["key"], found[0].get("row")), (1, &"id=1".into(), None));
    assert!(!texts(sensei.folder()).iter().any(|(_, text)| text.contains("hush")));
}
