//! Bad input gets a clear error and loses nothing: plans, places, values, files.
//!
//! What breaks while a job runs (disks, servers, journals) is in `breakage.rs`.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use sensei_tests::postgres::{Options, Server};
use sensei_tests::{Outcome, Sensei, corpora};
use serde_json::Value;

/// Two customers and three orders.
const SHOP: &str = "
    CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id), total DECIMAL(10,2));
    INSERT INTO customer VALUES (1, 'Ada', 'ada@example.org'), (2, 'Bo', NULL);
    INSERT INTO orders VALUES (1, 1, 10.5), (2, 1, 0), (3, 2, 99.99);";

fn plan(source: &str, target: &str, more: &str) -> String {
    format!("version: 1\nname: job\nsource: {{ url: \"{source}\" }}\ntarget: {{ url: \"{target}\" }}\n{more}\n")
}

/// A folder with the shop, and a plan that copies it to `copy.db`.
fn shop(more: &str) -> Sensei {
    let sensei = Sensei::new();
    sensei.sqlite("shop.db", SHOP);
    sensei.write("plan.yaml", plan("sqlite:shop.db", "sqlite:copy.db", more));
    sensei
}

/// Insists that a command fails with this exit code and error code, says all of `texts`, and says what to do; in both
/// forms of output.
#[track_caller]
fn refused(sensei: &Sensei, command: &[&str], exit: i32, code: &str, texts: &[&str]) -> Outcome {
    let object = sensei.run(&[command, &["--output", "json"]].concat()).expect(exit).json();
    assert_eq!((&object["error"]["code"], &object["error"]["exit_code"]), (&code.into(), &exit.into()), "{object}");
    assert!(!object["error"]["hint"].as_str().unwrap().is_empty(), "{object}");
    let outcome = sensei.run(command).expect(exit).says(&format!("error[{code}]: ")).says("hint: ");
    assert_eq!(outcome.stdout, "", "results only on stdout");
    texts.iter().fold(outcome, |outcome, text| outcome.says(text))
}

/// Files of a folder and those in it, by their path from there; keys and lock files do not count.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path());
        let (inner, plain): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
        folders.extend(inner.into_iter().filter(|path| !path.ends_with(".config")));
        let plain = plain.into_iter().filter(|path| path.extension().is_none_or(|extension| extension != "lock"));
        found.extend(plain.map(|path| path.strip_prefix(folder).unwrap().display().to_string()));
    }
    found.sort();
    found
}

/// The rows of every file in the rejects folder.
fn rejects(sensei: &Sensei) -> Vec<Value> {
    let all = files(sensei.folder());
    let names = all.iter().filter(|name| name.starts_with("rejects/"));
    let texts = names.map(|name| {
        assert!(name.ends_with(".jsonl"), "{name} is complete");
        std::fs::read_to_string(sensei.path(name)).unwrap()
    });
    texts.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
}

/// One table's counts in a report: read, rejected, written, verified.
fn counts(report: &Value, table: &str) -> [u64; 4] {
    let tables = report["tables"].as_array().unwrap();
    let table = tables.iter().find(|found| found["source"] == table).unwrap();
    ["rows_read", "rows_rejected", "rows_written", "rows_verified"].map(|key| table[key].as_u64().unwrap())
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let rule = |column: &str| format!("tables: {{ rules: [{{ table: customer, columns: {{ name: {column} }} }}] }}");
    let cases = [
        ("verifi: full".to_owned(), "verifi", "verify"),
        ("rejects: { maxx: 3 }".to_owned(), "maxx", "max"),
        (rule("{ exprs: \"1\" }"), "exprs", "expr"),
    ];
    for (more, unknown, nearest) in cases {
        let sensei = shop(&more);
        let before = files(sensei.folder());
        for command in [["check", "plan.yaml"], ["run", "plan.yaml"], ["verify", "plan.yaml"]] {
            let texts = ["P102", &format!("unknown key \"{unknown}\""), &format!("Did you mean \"{nearest}\"?")];
            refused(&sensei, &command, 2, "S210", &texts);
        }
        assert_eq!(files(sensei.folder()), before, "nothing is written");
    }
}

#[test]
fn values_of_the_plan_file_are_checked() {
    for (more, texts) in [
        ("verify: maybe", ["P103", "verify"]),
        ("rejects: { max: -1 }", ["P103", "max"]),
        ("limits: { workers: 0 }", ["P103", "workers"]),
        ("limits: { memory: plenty }", ["P103", "memory"]),
        ("state: ${SENSEI_TEST_NOT_SET}", ["P104", "SENSEI_TEST_NOT_SET"]),
        ("tables: [", ["P101", "ine "]),
    ] {
        let sensei = shop(more);
        refused(&sensei, &["run", "plan.yaml"], 2, "S210", &texts);
        assert_eq!(files(sensei.folder()), ["plan.yaml", "shop.db"], "{more}");
    }
    let sensei = shop("");
    refused(&sensei, &["run", "absent.yaml"], 2, "S201", &["absent.yaml"]);
}

#[test]
fn an_unreachable_database_is_named() {
    let sensei = shop("");
    let nowhere = "postgresql://me@127.0.0.1:1/x";
    for (source, target) in [("sqlite:shop.db", nowhere), (nowhere, "sqlite:copy.db")] {
        sensei.write("plan.yaml", plan(source, target, ""));
        for command in [["check", "plan.yaml"], ["run", "plan.yaml"], ["verify", "plan.yaml"]] {
            refused(&sensei, &command, 5, "S101", &["cannot reach", "127.0.0.1:1/x"]);
        }
        assert_eq!(sensei.run(&["plan", source, target]).expect(5).says("127.0.0.1:1/x").stdout, "");
        assert_eq!(files(sensei.folder()), ["plan.yaml", "shop.db"]);
    }
    sensei.write("plan.yaml", plan("sqlite:absent.db", "sqlite:copy.db", ""));
    refused(&sensei, &["run", "plan.yaml"], 2, "S201", &["\"absent.db\" does not exist"]);
    assert_eq!(files(sensei.folder()), ["plan.yaml", "shop.db"], "an absent source is not created");
}

#[test]
fn a_password_is_never_echoed() {
    let right = "p@ss/w0rd:s3cret";
    let server = Server::start_with(Options { password: Some(right.to_owned()), ..Options::default() });
    let place = server.tcp_url("postgres", "postgres").replace("postgres@", "postgres:${SECRET}@");
    let encoded = |password: &str| password.replace('@', "%40").replace('/', "%2F").replace(':', "%3A");
    let trace = ["--log-level", "trace"];

    let wrong = "wr0ng@sw0rdfish";
    let sensei = shop("").env("SECRET", wrong);
    let literal = place.replace("${SECRET}", &encoded(wrong));
    for place in [&place, &literal] {
        sensei.write("plan.yaml", plan("sqlite:shop.db", place, ""));
        for command in [["check", "plan.yaml"], ["run", "plan.yaml"], ["verify", "plan.yaml"]] {
            let outcome = refused(&sensei, &command, 5, "S102", &["postgres"]);
            outcome.hides("sw0rdfish");
            let outputs = [["--output", "json"], ["--log-format", "json"]];
            for output in outputs {
                sensei.run(&[&command[..], &trace[..], &output[..]].concat()).expect(5).hides("sw0rdfish");
            }
        }
        sensei.run(&["plan", "sqlite:shop.db", place, "--log-level", "trace"]).expect(5).hides("sw0rdfish");
    }
    assert_eq!(files(sensei.folder()), ["plan.yaml", "shop.db"]);

    let sensei = shop("").env("SECRET", right);
    sensei.write("plan.yaml", plan("sqlite:shop.db", &place, ""));
    for command in ["check", "explain", "run", "verify", "status"] {
        sensei.run(&[&[command, "plan.yaml"][..], &trace[..]].concat()).expect(0).hides("w0rd");
    }
    let literal = place.replace("${SECRET}", &encoded(right));
    let proposed = sensei.run(&["plan", "sqlite:shop.db", &literal, "--log-level", "trace"]).expect(0).hides("w0rd");
    assert!(proposed.stdout.contains("PASSWORD}@"), "a variable stands for it: {}", proposed.stdout);
    assert!(files(sensei.folder()).iter().any(|name| name.ends_with("certificate.json")));
    for name in files(sensei.folder()) {
        let text = String::from_utf8_lossy(&std::fs::read(sensei.path(&name)).unwrap()).into_owned();
        let decoded = sensei.run(&["certificate", "show", &name, "--output", "json"]);
        assert!(!text.contains("w0rd") && !decoded.stdout.contains("w0rd"), "the password is in {name}");
    }
}

#[test]
fn a_missing_table_or_column_is_named_with_what_is_there() {
    let rule = |rule: &str| format!("tables: {{ rules: [{{ table: {rule} }}] }}");
    for (more, texts) in [
        ("tables: { include: [custmer] }".to_owned(), ["P202", "\"custmer\"", "Did you mean \"customer\"?"]),
        (rule("order, into: x"), ["P202", "\"order\"", "Did you mean \"orders\"?"]),
        (rule("customer, columns: { emial: { drop: true } }"), ["P203", "\"emial\"", "Did you mean \"email\"?"]),
        (rule("customer, where: \"nmae = 'x'\""), ["P206", "nmae", "customer"]),
        (rule("customer, columns: { name: { expr: \"upper(nmae)\" } }"), ["P206", "nmae", "customer"]),
    ] {
        let sensei = shop(&more);
        refused(&sensei, &["run", "plan.yaml"], 2, "S210", &texts).hides("Ada");
        assert_eq!(files(sensei.folder()), ["plan.yaml", "shop.db"], "{more}");
    }
}

#[test]
fn a_target_table_that_lacks_a_column_is_refused() {
    let sensei = shop("");
    sensei.sqlite("copy.db", "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT)");
    refused(&sensei, &["run", "plan.yaml"], 2, "S210", &["P208", "\"customer\"", "\"email\""]);
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT name FROM sqlite_schema"), [["'customer'"]]);
}

#[test]
fn a_target_table_with_rows_is_left_alone() {
    let sensei = shop("");
    sensei.sqlite("copy.db", "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT)");
    sensei.sqlite("copy.db", "INSERT INTO customer VALUES (77, 'old', NULL)");
    let before = std::fs::read(sensei.path("copy.db")).unwrap();
    let blocked = sensei.run(&["check", "plan.yaml", "--output", "json"]).expect(2).json();
    assert_eq!(blocked["ready"], false);
    assert!(blocked["blockers"][0]["what"].as_str().unwrap().contains("\"customer\" has rows"), "{blocked}");
    refused(&sensei, &["run", "plan.yaml"], 2, "S301", &["table \"customer\" already exists", "on_existing"]);
    assert!(std::fs::read(sensei.path("copy.db")).unwrap() == before, "not one byte changed");

    let server = Server::shared();
    server.create_database("occupied");
    server.psql(
        "occupied",
        "CREATE TABLE orders(id bigint PRIMARY KEY, customer_id bigint NOT NULL, total numeric(10,2))",
    );
    server.psql("occupied", "INSERT INTO orders VALUES (77, 1, 1)");
    sensei.write("plan.yaml", plan("sqlite:shop.db", &server.url("occupied"), ""));
    refused(&sensei, &["run", "plan.yaml"], 2, "S301", &["table \"orders\" already exists", "on_existing"]);
    assert_eq!(server.psql("occupied", "SELECT id FROM orders"), "77");
    let tables = "SELECT string_agg(relname, ',') FROM pg_stat_user_tables";
    assert_eq!(server.psql("occupied", tables), "orders", "no other table was made");
}

#[test]
fn source_and_target_may_not_be_the_same_place() {
    let sensei = shop("");
    std::os::unix::fs::symlink("shop.db", sensei.path("link.db")).unwrap();
    let server = Server::start_with(Options { tcp: true, ..Options::default() });
    server.psql("postgres", "CREATE TABLE t AS SELECT 1 AS a");
    let url = server.url("postgres");
    let cases = [
        ("sqlite:shop.db", "sqlite:shop.db".to_owned()),
        ("sqlite:shop.db", "sqlite:./shop.db".to_owned()),
        ("sqlite:shop.db", "sqlite:link.db".to_owned()),
        (&url, url.clone()),
        (&url, server.tcp_url("postgres", "postgres")),
    ];
    for (source, target) in cases {
        let text = plan(source, &target, "")
            .replace(&format!("\"{target}\" }}\n\n"), &format!("\"{target}\", on_existing: truncate }}\n"));
        assert!(text.contains("truncate"));
        sensei.write("plan.yaml", text);
        refused(&sensei, &["run", "plan.yaml"], 2, "S210", &["P201"]);
        assert_eq!(server.psql("postgres", "SELECT a FROM t"), "1");
        assert_eq!(sensei.sqlite_rows("shop.db", "SELECT count(*) FROM orders"), [["3"]]);
    }
}

#[test]
fn values_that_do_not_fit_are_rejected_up_to_a_limit() {
    let sensei = Sensei::new();
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, d DATE);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 20000)
         INSERT INTO t SELECT i, i * 7, '2024-01-31' FROM i;
         UPDATE t SET n = 'hush-hush' WHERE id IN (19000, 19500);
         UPDATE t SET d = '2023-02-29' WHERE id = 19800;",
    );
    let with =
        |more: &str| plan("sqlite:src.db", "sqlite:out.db", &format!("limits: {{ split: 64KiB, workers: 1 }}\n{more}"));
    let run = ["run", "plan.yaml", "--output", "json"];
    sensei.write("plan.yaml", with("rejects: { max: 2 }"));
    let failed =
        sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S304]").says("plan allows 2").says("./rejects");
    failed.says("raise rejects.max").hides("hush").hides("2023-02-29");
    let mut found = rejects(&sensei);
    found.sort_by_key(|line| line["key"].as_str().unwrap().to_owned());
    let [one, two, three] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&one["table"], &one["key"], &one["column"]), (&"t".into(), &"id=19000".into(), &"n".into()));
    assert_eq!((&two["key"], &two["column"]), (&"id=19500".into(), &"n".into()));
    assert_eq!((&three["key"], &three["column"]), (&"id=19800".into(), &"d".into()));
    let reasons: String = found.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains("int64") && !reasons.contains("hush") && !reasons.contains("2023"), "{reasons}");

    // Whole splits stand, each row as in the source.
    let committed = "SELECT count(*) > 1000 FROM out.t";
    let strange = "SELECT count(*) FROM (SELECT * FROM out.t EXCEPT SELECT * FROM t)";
    let across = |sql: &str| {
        let database = attached(&sensei);
        database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(across(committed), 1);
    assert_eq!(across(strange), 0);
    assert_eq!(sensei.run(&["status", "plan.yaml"]).expect(0).stdout.matches("job-1").count(), 1);

    sensei.write("plan.yaml", with("rejects: { max: 3 }"));
    let report = sensei.run(&run).expect(0).json();
    assert_eq!(report["verdict"], "equivalent");
    assert_eq!((&report["job"], &report["resumes"]), (&"job-1".into(), &1.into()));
    assert_eq!(counts(&report, "t"), [20_000, 3, 19_997, 19_997]);
    assert_eq!(across("SELECT count(*) FROM (SELECT * FROM t EXCEPT SELECT * FROM out.t)"), 3);
    assert_eq!(across(strange), 0);
    assert_eq!(rejects(&sensei).len(), 3, "each once, although the job ran twice");
    let certificate = report["certificate"].as_str().unwrap();
    let claims = sensei.run(&["certificate", "show", certificate, "--output", "json"]).expect(0).json();
    assert_eq!(claims["predicate"]["rejects"]["count"], 3);
}

/// The source, with the target attached as `out`.
fn attached(sensei: &Sensei) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(sensei.path("src.db")).unwrap();
    database.execute("ATTACH ?1 AS out", [sensei.path("out.db").to_str().unwrap()]).unwrap();
    database
}

#[test]
fn text_that_postgresql_cannot_hold_is_rejected() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("nul");
    sensei.sqlite("src.db", "CREATE TABLE t(a TEXT, b INTEGER, v TEXT, PRIMARY KEY(b, a))");
    sensei.sqlite("src.db", "INSERT INTO t VALUES ('x', 1, 'fine'), ('y', 2, 'hu' || char(0) || 'sh'), ('z', 3, NULL)");
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("nul"), "rejects: { max: 1 }"));
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "t"), [3, 1, 2, 2]);
    let found = rejects(&sensei);
    assert_eq!(found[0]["key"], "b=2, a=y", "{found:?}");
    assert_eq!((found.len(), &found[0]["column"]), (1, &"v".into()));
    assert_eq!(server.psql("nul", "SELECT * FROM t ORDER BY b"), "x|1|fine\nz|3|∅");
}

#[test]
fn numbers_that_parquet_cannot_hold_are_rejected() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    server.create_database("nan");
    server.psql(
        "nan",
        "CREATE TABLE t(id int PRIMARY KEY, d numeric(30, 10)); INSERT INTO t VALUES (1, 1.5), (2, 'NaN')",
    );
    sensei.write("plan.yaml", plan(&server.url("nan"), "parquet:out", ""));
    sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S304]");
    sensei.write("plan.yaml", plan(&server.url("nan"), "parquet:out", "rejects: { max: 1 }"));
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "t"), [2, 1, 1, 1]);
    let found = rejects(&sensei);
    assert_eq!((&found[0]["key"], &found[0]["column"]), (&"id=2".into(), &"d".into()));
}

#[test]
fn a_sqlite_column_with_values_of_several_types_is_sorted_out() {
    let sensei = Sensei::new();
    let values = "(1, 1), (2, 'hush'), (3, x'00ff'), (4, 4.5), (5, NULL), (6, '7'), (7, 9e18), (8, 2.0)";
    sensei
        .sqlite("src.db", &format!("CREATE TABLE t(id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES {values}"));
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", ""));
    sensei.run(&["run", "plan.yaml"]).expect(4).says("3 rows were rejected").hides("hush");
    let found: Vec<(String, bool)> = rejects(&sensei)
        .iter()
        .map(|line| (line["key"].as_str().unwrap().to_owned(), line["reason"].as_str().unwrap().contains("int64")))
        .collect();
    assert_eq!(found, [("id=2".to_owned(), true), ("id=3".to_owned(), true), ("id=4".to_owned(), true)]);
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", "rejects: { max: 3 }"));
    sensei.run(&["run", "plan.yaml"]).expect(0);
    let rows = sensei.sqlite_rows("out.db", "SELECT id, v FROM t ORDER BY id");
    let expected = [["1", "1"], ["5", "NULL"], ["6", "7"], ["7", "9000000000000000000"], ["8", "2"]];
    assert_eq!(rows, expected);

    sensei.sqlite("src.db", "CREATE TABLE free(a, b ANY)");
    refused(
        &sensei,
        &["run", "plan.yaml", "--fresh"],
        2,
        "S210",
        &["P204", "column \"a\" of table \"free\"", "type: text"],
    );
}

#[test]
fn csv_with_invalid_text_or_ragged_lines_is_rejected_by_line() {
    for (bytes, lines, reason) in [
        (&b"id,v\n1,a\n2,\xff\xfe\n3,c\n"[..], &["line 3"][..], "UTF-8"),
        (b"id,v\n1,a\n2\n3,c,d,e\n4,d\n", &["line 3", "line 4"], "cells"),
    ] {
        let sensei = Sensei::new();
        sensei.write("t.csv", bytes);
        sensei.write("plan.yaml", plan("csv:t.csv", "sqlite:out.db", ""));
        sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S304]");
        let found = rejects(&sensei);
        assert_eq!(found.iter().map(|line| line["key"].as_str().unwrap()).collect::<Vec<_>>(), lines);
        assert!(found.iter().all(|line| line["reason"].as_str().unwrap().contains(reason)), "{found:?}");
        sensei.write("plan.yaml", plan("csv:t.csv", "sqlite:out.db", "rejects: { max: 2 }"));
        let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
        let [read, rejected, written, verified] = counts(&report, "t");
        assert_eq!((read, rejected), (written + rejected, lines.len() as u64));
        assert_eq!((written, verified), (2, 2));
        let letters = sensei.sqlite_rows("out.db", "SELECT id || v FROM t ORDER BY 1");
        assert_eq!(letters[0], ["'1a'"]);
    }
    let sensei = Sensei::new();
    sensei.write("t.csv", "id,v\n1,a\n2,\"hush-hush\n");
    sensei.write("plan.yaml", plan("csv:t.csv", "sqlite:out.db", ""));
    refused(&sensei, &["run", "plan.yaml"], 5, "S401", &["t.csv", "line 3"]).hides("hush");
}

/// A folder `pq` with the shop as Parquet, written by Sensei, and a plan that reads it.
fn parquet() -> (Sensei, PathBuf) {
    let sensei = shop("");
    sensei.write("plan.yaml", plan("sqlite:shop.db", "parquet:pq", ""));
    sensei.run(&["run", "plan.yaml"]).expect(0);
    sensei.write("plan.yaml", plan("parquet:pq", "sqlite:out.db", "").replace("name: job", "name: back"));
    let all = files(sensei.folder());
    let file = all.iter().find(|name| name.starts_with("pq/customer") && name.ends_with(".parquet"));
    let file = sensei.path(file.unwrap());
    (sensei, file)
}

#[test]
fn a_truncated_parquet_file_is_refused() {
    let (sensei, file) = parquet();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(file.with_file_name("_manifest.json")).unwrap();
    for kept in [0, 3, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..kept]).unwrap();
        refused(&sensei, &["run", "plan.yaml"], 5, "S401", &[file.file_name().unwrap().to_str().unwrap()]);
    }
    // Damage in the middle of the pages: an error or a reject, never another value without a word.
    assert!(!sensei.path("out.db").exists() || sensei.sqlite_rows("out.db", "SELECT * FROM sqlite_schema").is_empty());
}

#[test]
fn a_parquet_file_that_changed_since_its_manifest_is_refused() {
    let (sensei, file) = parquet();
    let bytes = std::fs::read(&file).unwrap();
    let mut flipped = bytes.clone();
    flipped[30..34].copy_from_slice(&[0xAA, 0xBB, 0xCC, 0xDD]);
    for changed in [&bytes[..bytes.len() - 20], &flipped] {
        std::fs::write(&file, changed).unwrap();
        let outcome = sensei.run(&["run", "plan.yaml"]).says(file.file_name().unwrap().to_str().unwrap());
        assert!(matches!(outcome.code, Some(5 | 7)), "{outcome:?}");
    }
}

#[test]
fn malformed_parquet_files_of_others_get_errors() {
    let Some(corpus) = corpora::find("parquet") else { return };
    let mut seen = 0;
    for name in files(&corpus.join("bad_data")) {
        // Its zero bit width is unusual; the values are there.
        let readable = name == "ARROW-GH-43605.parquet";
        if !name.ends_with(".parquet") || readable {
            continue;
        }
        let sensei = Sensei::new();
        std::fs::create_dir(sensei.path("in")).unwrap();
        std::fs::copy(corpus.join("bad_data").join(&name), sensei.path("in").join(&name)).unwrap();
        sensei.write("plan.yaml", plan("parquet:in", "sqlite:out.db", ""));
        let outcome = sensei.run(&["run", "plan.yaml"]).hides("panicked").says("hint: ");
        assert!(matches!(outcome.code, Some(2 | 5)), "{name}: {outcome:?}");
        assert!(outcome.stderr.contains(&name) || outcome.stderr.contains("P204"), "{outcome:?}");
        seen += 1;
    }
    assert!(seen >= 7, "the corpus has malformed files");
}

#[test]
fn nothing_is_copied_from_an_empty_source_without_a_word() {
    let sensei = Sensei::new();
    sensei.sqlite("src.db", "");
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", ""));
    refused(&sensei, &["run", "plan.yaml"], 2, "S210", &["P202"]);
    assert!(!sensei.path("out.db").exists(), "nothing is made");
}

#[test]
fn missing_privileges_are_named() {
    let (sensei, server) = (shop(""), Server::shared());
    server.create_database("privileges");
    server.psql(
        "privileges",
        "CREATE TABLE vault(id int PRIMARY KEY); INSERT INTO vault VALUES (1); CREATE ROLE guest LOGIN",
    );
    let guest = server.url("privileges").replace("postgres@", "guest@");
    for (source, target, object) in
        [(guest.as_str(), "sqlite:out.db", "vault"), ("sqlite:shop.db", &guest, "privileges")]
    {
        sensei.write("plan.yaml", plan(source, target, ""));
        refused(&sensei, &["run", "plan.yaml", "--fresh"], 5, "S103", &["permission denied", object]);
        let checked = sensei.run(&["check", "plan.yaml", "--output", "json"]);
        assert_eq!(checked.code, Some(2), "check finds it beforehand: {checked:?}");
        assert!(checked.json()["blockers"].to_string().contains(object), "{checked:?}");
    }
    assert_eq!(server.psql("privileges", "SELECT count(*) FROM pg_stat_user_tables"), "1");
}

#[test]
fn a_constraint_of_the_target_refuses_single_rows() {
    let (sensei, server) = (shop(""), Server::shared());
    server.create_database("constraint");
    server.psql(
        "constraint",
        "CREATE TABLE customer(id bigint PRIMARY KEY, name text NOT NULL CHECK (name <> 'Bo'), email text)",
    );
    sensei.write("plan.yaml", plan("sqlite:shop.db", &server.url("constraint"), ""));
    refused(&sensei, &["run", "plan.yaml"], 4, "S304", &["1 rows were rejected"]).hides("Bo").hides("Ada");
    let [line] = &rejects(&sensei)[..] else { panic!() };
    assert_eq!((&line["table"], &line["key"]), (&"customer".into(), &"id=2".into()));
    assert!(line["reason"].as_str().unwrap().contains("\"customer_name_check\""), "{line}");
    assert_eq!(server.psql("constraint", "SELECT count(*) FROM customer"), "0", "none of its rows");
    server.psql("constraint", "ALTER TABLE customer DROP CONSTRAINT customer_name_check");
    let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!((&report["verdict"], &report["job"]), (&"equivalent".into(), &"job-1".into()));
    assert_eq!(counts(&report, "customer"), [2, 0, 2, 2]);
}

#[test]
fn rows_that_are_there_already_are_not_replaced() {
    let (sensei, server) = (shop(""), Server::shared());
    server.create_database("twice");
    server.psql("twice", "CREATE TABLE customer(id bigint PRIMARY KEY, name text NOT NULL, email text)");
    server.psql("twice", "INSERT INTO customer VALUES (2, 'mine', NULL)");
    let text = plan("sqlite:shop.db", &server.url("twice"), "");
    sensei.write("plan.yaml", text.replacen("twice\" }", "twice\", on_existing: append }", 1));
    refused(&sensei, &["run", "plan.yaml"], 4, "S304", &["1 rows were rejected"]).hides("mine");
    let [line] = &rejects(&sensei)[..] else { panic!() };
    assert!(line["reason"].as_str().unwrap().contains("\"customer_pkey\""), "{line}");
    assert_eq!(server.psql("twice", "SELECT * FROM customer"), "2|mine|∅");
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let sensei = shop("state: ./taken");
    sensei.write("taken", "a file");
    refused(&sensei, &["run", "plan.yaml"], 5, "S101", &["\"./taken\""]);
    let sensei = shop("rejects: { to: ./taken }");
    sensei.write("taken", "a file");
    sensei.sqlite("shop.db", "INSERT INTO orders VALUES (4, 2, 'hush')");
    let outcome = sensei.run(&["run", "plan.yaml"]).says("\"./taken").hides("hush");
    assert!(matches!(outcome.code, Some(2 | 5)), "{outcome:?}");
    std::fs::remove_file(sensei.path("taken")).unwrap();
    sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S304]");
    let lines = std::fs::read_dir(sensei.path("taken/job-1")).unwrap().count();
    assert_eq!(lines, 1);
}
