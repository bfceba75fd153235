//! `sensei check`: what it finds before a run, what it says of it, and that it leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sensei_tests::Sensei;
use sensei_tests::postgres::{Options, Server};
use serde_json::Value;

fn plan(source: &str, target: &str, more: &str) -> String {
    format!("version: 1\nname: job\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}\n")
}

/// The assessment as an object, with the exit code it must have.
#[track_caller]
fn check(sensei: &Sensei, exit: i32, more: &[&str]) -> Value {
    sensei.run(&[&["check", "plan.yaml", "--output", "json"], more].concat()).expect(exit).json()
}

#[track_caller]
fn table<'a>(assessment: &'a Value, name: &str) -> &'a Value {
    let tables = assessment["tables"].as_array().unwrap();
    tables.iter().find(|table| table["source"] == name).unwrap_or_else(|| panic!("no {name} in {assessment}"))
}

/// Every file below a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false => drop(found.insert(entry.clone(), std::fs::read(&entry).unwrap())),
            }
        }
        found.insert(next, Vec::new());
    }
    found
}

#[test]
fn values_out_of_range_are_found_in_a_million_rows_before_the_run() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("range");
    sensei.sqlite(
        "big.db",
        "CREATE TABLE reading(id INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, note TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
             INSERT INTO reading SELECT i, i % 100, 'reading ' || i FROM n;
         INSERT INTO reading VALUES (3000000000, 5, 'xyzzy');
         UPDATE reading SET note = 'a' || char(0) || 'b' WHERE id = 999990;",
    );
    let rules = "tables: { rules: [{ table: reading, columns: { id: { type: int32 } } }] }";
    sensei.write("plan.yaml", plan("sqlite:big.db", &server.url("range"), rules));
    let outcome = sensei.run(&["check", "plan.yaml", "--output", "json"]).expect(2).hides("xyzzy");
    assert!(outcome.elapsed < Duration::from_secs(30), "{:?}", outcome.elapsed);
    let found = outcome.json();
    let reading = &table(&found, "reading")["reading"];
    assert!(reading["rows"].as_u64().unwrap() < 30_000 && reading["whole"] == false, "{reading}");
    assert_eq!(reading["rejects"][0]["keys"][0], "id=3000000000", "{reading}");
    let bounds = &table(&found, "reading")["columns"][0]["bounds"];
    assert_eq!((&bounds["greatest"], &bounds["fits"]), (&3_000_000_000_u64.into(), &false.into()));
    assert_eq!(found["verdict"], "not_ready");
    assert!(found["blockers"][0]["what"].as_str().unwrap().contains("would be rejected, and the plan allows 0"));
    assert!(found["estimate"]["seconds_high"].as_f64() > found["estimate"]["seconds_low"].as_f64());
    assert_eq!(server.psql("range", "SELECT count(*) FROM pg_stat_user_tables"), "0");

    let text = sensei.run(&["check", "plan.yaml", "--sample", "100"]).expect(2).stdout;
    assert!(text.starts_with("Plan job: NOT READY\n") && text.contains("the key goes from 1 to 3000000000"), "{text}");
}

#[test]
fn every_row_is_counted_under_exact() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("exact");
    sensei.sqlite(
        "shop.db",
        "CREATE TABLE item(id INTEGER PRIMARY KEY, weight REAL, born DATE, note TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO item SELECT i, i + 0.1, '2024-01-01', 'secret word' FROM n;
         UPDATE item SET born = '0000-00-00' WHERE id % 500 = 250;
         UPDATE item SET note = 'a' || char(0) WHERE id = 2001;",
    );
    let rules = "rejects: { max: 20 }\ntables: { rules: [{ table: item, columns: { weight: { type: float32 } } }] }";
    sensei.write("plan.yaml", plan("sqlite:shop.db", &server.url("exact"), rules));
    let found = check(&sensei, 0, &["--exact"]);
    let item = table(&found, "item");
    assert_eq!((&item["rows"], &item["rows_counted"]), (&5000.into(), &true.into()));
    assert_eq!(item["reading"]["rows_rejected"], 11, "ten zero dates and a NUL byte: {item}");
    let reasons = item["reading"]["rejects"].to_string();
    assert!(reasons.contains("no such day") && reasons.contains("U+0000"), "{reasons}");
    let weight = item["columns"].as_array().unwrap().iter().find(|column| column["target"] == "weight").unwrap();
    assert_eq!(weight["decision"], "lossy");
    assert!(weight["rows_touched"].as_u64().unwrap() > 4000, "{weight}");
    assert_eq!(found["verdict"], "ready_with_remarks");
    sensei.run(&["check", "plan.yaml", "--exact"]).expect(0).hides("secret word");
    sensei.run(&["check", "plan.yaml", "--exact", "--sample", "5"]).expect(2);
    let ran = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(ran["tables"][0]["rows_rejected"], 11, "the run finds what the check found");
}

#[test]
fn servers_are_described_without_their_passwords() {
    let password = "p4ssw0rd-hidden";
    let settings = vec![("old_snapshot_threshold".to_owned(), "60min".to_owned())];
    let server = Server::start_with(Options { password: Some(password.to_owned()), settings, ..Options::default() });
    server.create_database("target");
    server.psql(
        "postgres",
        "CREATE TABLE pair(a int, b text); INSERT INTO pair SELECT i, 'cell value' FROM generate_series(1, 1000) i",
    );
    let sensei = Sensei::new().env("SECRET", password);
    let url = |database: &str| server.tcp_url("postgres", database).replace("postgres@", "postgres:${SECRET}@");
    sensei.write("plan.yaml", plan(&url("postgres"), &url("target"), "limits: { source_connections: 99 }"));
    let outcome = sensei.run(&["check", "plan.yaml", "--html", "report.html", "--log-level", "trace"]).expect(0);
    outcome.hides(password).hides("cell value");
    let page = std::fs::read_to_string(sensei.path("report.html")).unwrap();
    assert!(!page.contains(password) && !page.contains("cell value"));
    let found = check(&sensei, 0, &[]);
    for side in ["source", "target"] {
        let names: Vec<_> =
            found[side]["settings"].as_array().unwrap().iter().map(|setting| &setting["name"]).collect();
        assert!(names.contains(&&"max_connections".into()) && names.contains(&&"lc_collate".into()), "{names:?}");
    }
    let remarks = found["remarks"].to_string();
    assert!(remarks.contains("The plan may open 99 connections"), "{remarks}");
    assert!(remarks.contains("old_snapshot_threshold") && remarks.contains("1 table has no key"), "{remarks}");
    let pair = table(&found, "pair");
    assert_eq!((&pair["reading"]["whole"], &pair["rows"]), (&true.into(), &1000.into()));
}

#[test]
fn a_partly_read_table_is_read_from_its_first_row_to_its_last() {
    let server = Server::shared();
    server.create_database("places");
    server.psql(
        "places",
        "CREATE TABLE big(id bigint PRIMARY KEY, pad text); \
         INSERT INTO big SELECT i, repeat('x', 100) FROM generate_series(1, 100000) i; \
         UPDATE big SET pad = 'way too long ' || repeat('y', 200) WHERE id IN (1, 100000); ANALYZE big; \
         CREATE TABLE parts(id bigint PRIMARY KEY, at date) PARTITION BY RANGE (id); \
         CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (20000); \
         CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (20000) TO (90000); \
         INSERT INTO parts SELECT i, '2024-01-01' FROM generate_series(1, 50000) i; ANALYZE parts",
    );
    let sensei = Sensei::new();
    let rules = "tables: { rules: [{ table: big, columns: { pad: { type: \"text(120)\" }, id: { type: int32 } } }] }";
    sensei.write("plan.yaml", plan(&server.url("places"), "parquet:out", rules));
    let found = check(&sensei, 2, &["--sample", "2000"]);
    let big = table(&found, "big");
    assert_eq!((&big["reading"]["places"], &big["reading"]["whole"]), (&8.into(), &false.into()));
    let keys = big["reading"]["rejects"][0]["keys"].to_string();
    assert!(keys.contains("id=100000"), "the row that was written last is among those read: {big}");
    assert_eq!(big["columns"][0]["bounds"]["greatest"], 100_000);
    assert_eq!(table(&found, "parts")["reading"]["places"], 8);
    assert!(!sensei.path("out").exists());
}

#[test]
fn text_files_show_what_does_not_fit() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("files");
    sensei.write(
        "people.csv",
        b"id,name,born,code\n1,Ada,1815-12-10,ABC\n2,Bo,0000-00-00,ABC\n3,\xff\xfe,2000-01-01,ABC\n4,Di,2000-01-01,ABCDE\nfive,Ed,2000-01-01,A\n",
    );
    let rules = "tables: { rules: [{ table: people, columns: { id: { type: int32 }, born: { type: date }, code: { type: \"text(3)\" } } }] }";
    sensei.write("plan.yaml", plan("csv:people.csv", &server.url("files"), rules));
    let found = check(&sensei, 2, &[]);
    let reading = &table(&found, "people")["reading"];
    assert_eq!((&reading["rows"], &reading["rows_rejected"]), (&5.into(), &4.into()), "{reading}");
    let columns: Vec<_> =
        reading["rejects"].as_array().unwrap().iter().map(|group| group["column"].as_str().unwrap()).collect();
    for column in ["id", "name", "born", "code"] {
        assert!(columns.contains(&column), "{column} is not in {columns:?}");
    }
    sensei.run(&["check", "plan.yaml"]).expect(2).hides("ABCDE").hides("1815");
}

#[test]
fn hostile_names_are_harmless_on_the_page() {
    let sensei = Sensei::new();
    sensei.sqlite(
        "shop.db",
        "CREATE TABLE \"<script>alert(1)</script>\"(\"id\" INTEGER PRIMARY KEY, \"'\"\"><img src=x onerror=alert(2)>\" DATE);
         INSERT INTO \"<script>alert(1)</script>\" VALUES (1, 'never');
         CREATE VIEW \"</style><script>\" AS SELECT 1;",
    );
    sensei.write("plan.yaml", plan("sqlite:shop.db", "sqlite:copy.db", ""));
    let text = sensei.run(&["check", "plan.yaml", "--html", "report.html"]).expect(2).stdout;
    assert!(text.contains("\"<script>alert(1)</script>\""), "{text}");
    let page = std::fs::read_to_string(sensei.path("report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.matches("</style>").count() == 1);
    let again = sensei.run(&["check", "plan.yaml", "--html", "report.html"]).expect(2);
    again.says("S301").says("never overwritten");
    assert_eq!(std::fs::read_to_string(sensei.path("report.html")).unwrap(), page);
}

#[test]
fn every_problem_of_the_names_is_in_the_report() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("names");
    let long = "a".repeat(64);
    sensei.sqlite(
        "shop.db",
        &format!("CREATE TABLE one(id INTEGER PRIMARY KEY, {long} TEXT); CREATE TABLE two(id INTEGER PRIMARY KEY)"),
    );
    let rules = "tables: { rules: [{ table: two, into: one }] }";
    sensei.write("plan.yaml", plan("sqlite:shop.db", &server.url("names"), rules));
    let found = check(&sensei, 2, &["--html", "report.html"]);
    let blockers = found["blockers"].as_array().unwrap();
    assert_eq!(blockers.len(), 2, "{found}");
    assert!(blockers.iter().all(|blocker| blocker["code"] == "P207"), "{found}");
    let told = found["blockers"].to_string();
    assert!(told.contains("64 bytes") && told.contains("would both become table"), "{told}");
    assert_eq!(found["tables"].as_array().unwrap().len(), 2, "sizes are told even so");
    let text = sensei.run(&["check", "plan.yaml"]).expect(2).stdout;
    assert!(text.contains("P207") && text.contains("Choose another name with `into`."), "{text}");
}

#[test]
fn nothing_is_written_anywhere() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("untouched");
    sensei.sqlite("shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    let server_url = server.url("untouched");
    for target in ["sqlite:copy.db", "parquet:deep/out", &server_url] {
        sensei.write("plan.yaml", plan("sqlite:shop.db", target, "state: ./deep/state"));
        let before = contents(sensei.folder());
        check(&sensei, 0, &[]);
        check(&sensei, 0, &["--exact"]);
        sensei.run(&["explain", "plan.yaml"]).expect(0);
        assert!(contents(sensei.folder()) == before, "{target}");
    }
    assert_eq!(server.psql("untouched", "SELECT count(*) FROM pg_namespace WHERE nspname = 'sensei'"), "0");
    assert_eq!(server.psql("untouched", "SELECT count(*) FROM pg_stat_user_tables"), "0");
}

#[test]
fn an_unfinished_job_is_checked_as_one_to_go_on_with() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("half");
    for target in ["sqlite:copy.db", "parquet:out", &server.url("half")] {
        sensei.sqlite(
            "shop.db",
            "DROP TABLE IF EXISTS good; DROP TABLE IF EXISTS poor;
             CREATE TABLE good(id INTEGER PRIMARY KEY); INSERT INTO good VALUES (1), (2);
             CREATE TABLE poor(id INTEGER PRIMARY KEY, born DATE); INSERT INTO poor VALUES (1, 'never');",
        );
        let name = target.split(':').next().unwrap();
        let text =
            plan("sqlite:shop.db", target, "limits: { workers: 1 }").replace("name: job", &format!("name: {name}"));
        sensei.write("plan.yaml", &text);
        sensei.run(&["run", "plan.yaml"]).expect(4);
        let found = check(&sensei, 2, &[]);
        assert_eq!(found["job"]["state"], "resumable", "{found}");
        assert!(found["blockers"].to_string().contains("S304"), "the poor row is still there: {found}");

        sensei.sqlite("shop.db", "UPDATE poor SET born = '2024-01-01'");
        let before = contents(sensei.folder());
        let found = check(&sensei, 0, &[]);
        assert!(contents(sensei.folder()) == before, "{target}");
        assert_eq!((&found["verdict"], &found["job"]["splits"]), (&"ready_with_remarks".into(), &2.into()));
        assert_eq!(table(&found, "good")["standing"], "under_way");
        let changed = format!("{text}tables: {{ exclude: [good] }}\n");
        sensei.write("plan.yaml", changed);
        let found = check(&sensei, 2, &[]);
        assert_eq!(found["job"]["state"], "changed");
        assert!(found["blockers"].to_string().contains("has changed since"), "{found}");
        sensei.write("plan.yaml", &text);
        sensei.run(&["run", "plan.yaml"]).expect(0);
        let found = check(&sensei, 2, &[]);
        assert_eq!(found["job"]["state"], "finished");
        assert!(found["remarks"].to_string().contains("shows its certificate and copies nothing"), "{found}");
    }
}

#[test]
fn rows_that_would_be_deleted_are_told() {
    let sensei = Sensei::new();
    sensei.sqlite("shop.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
    sensei.sqlite("copy.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (7)");
    let place = "target: { url: \"sqlite:copy.db\", on_existing: truncate }";
    let text = plan("sqlite:shop.db", "sqlite:copy.db", "").replace("target: { url: \"sqlite:copy.db\" }", place);
    sensei.write("plan.yaml", text);
    let found = check(&sensei, 0, &[]);
    assert_eq!(found["headlines"][1], "1 target table with rows will be emptied first", "{found}");
    assert_eq!(table(&found, "t")["standing"], "occupied");
}
