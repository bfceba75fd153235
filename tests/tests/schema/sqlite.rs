//! SQLite to SQLite: what arrives, what is altered afterwards, what breaks a constraint, what is killed.

use std::time::Duration;

use sensei_tests::{Random, Sensei};
use serde_json::json;

use crate::{RUN, VERIFY, differences, equivalent, folder};

/// Something of everything that SQLite has.
const RICH: &str = "
    CREATE TABLE customer(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'nobody', email TEXT UNIQUE,
        price REAL CHECK (price > 0), twice REAL GENERATED ALWAYS AS (price * 2) STORED,
        CONSTRAINT short CHECK (length(name) < 100));
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id) ON DELETE CASCADE,
        total DECIMAL(10,2), at TEXT DEFAULT CURRENT_TIMESTAMP,
        next INTEGER REFERENCES orders(id) DEFERRABLE INITIALLY DEFERRED);
    CREATE INDEX by_customer ON orders(customer_id DESC, at);
    CREATE UNIQUE INDEX dear ON orders(at) WHERE total > 100;
    CREATE INDEX lowered ON customer(lower(name));
    CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
    CREATE TRIGGER busy AFTER INSERT ON orders BEGIN UPDATE customer SET name = 'touched'; END;
    INSERT INTO customer(id, name, email, price) VALUES (1, 'Ada', 'a', 1.5), (2, 'Bo', NULL, 0.1), (7, 'Cy', 'c', NULL);
    DELETE FROM customer WHERE id = 7;";

const ORDERS: &str =
    "INSERT INTO orders(id, customer_id, total, at) VALUES (1, 1, 10.5, 'a'), (2, 1, 0, 'b'), (3, 2, 199.99, 'c');
    UPDATE customer SET name = 'Ada' WHERE id = 1;";

/// A folder with a source made by `sql` and a plan into `copy.db`.
fn source(sql: &str) -> Sensei {
    let sensei = folder("sqlite:source.db", "sqlite:copy.db");
    sensei.sqlite("source.db", sql);
    sensei
}

#[test]
fn a_whole_schema_arrives_and_is_compared() {
    let sensei = source(&format!("{RICH}{ORDERS}"));
    let report = equivalent(sensei.run(&RUN));
    assert_eq!(
        report["structural"]["compared"],
        json!({"tables": 2, "columns": 10, "primary_keys": 2, "indexes": 4, "foreign_keys": 2, "checks": 2, "objects": 2,
            "numbers": 2})
    );
    assert_eq!(report["not_carried"], json!([]));
    equivalent(sensei.run(&VERIFY));
    let text = sensei.run(&["verify", "plan.yaml"]).expect(0).stdout;
    assert!(text.contains("4 other indexes") && text.contains("all as planned"), "{text}");

    let rows = "SELECT * FROM customer ORDER BY id";
    assert_eq!(sensei.sqlite_rows("copy.db", rows), sensei.sqlite_rows("source.db", rows), "the trigger did not fire");
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT seq FROM sqlite_sequence"), [["7"]], "7 was drawn and is gone");
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT total FROM totals ORDER BY 1"), [["10.5"], ["199.99"]]);

    let certificate = report["certificate"].as_str().unwrap();
    let claims = &sensei.run(&["certificate", "show", certificate, "--output", "json"]).expect(0).json()["predicate"];
    assert_eq!(
        (&claims["structural"], &claims["perspectives"]["structural"]),
        (&report["structural"], &json!("equivalent"))
    );
}

#[test]
fn what_is_altered_afterwards_is_found() {
    for (change, expected) in [
        ("DROP INDEX by_customer", "index \"by_customer\" of table \"orders\" is missing"),
        (
            "DROP INDEX dear; CREATE INDEX dear ON orders(at) WHERE total > 100",
            "index \"dear\" of table \"orders\" is not as planned in uniqueness",
        ),
        (
            "DROP INDEX dear; CREATE UNIQUE INDEX dear ON orders(at) WHERE total > 99",
            "index \"dear\" of table \"orders\" is not as planned in condition",
        ),
        ("DROP TRIGGER busy", "trigger \"busy\" of table \"orders\" is missing"),
        ("DROP VIEW totals", "view \"totals\" is missing"),
        ("ALTER TABLE orders ADD COLUMN more TEXT", "column \"more\" of table \"orders\" is not planned"),
        (
            "UPDATE sqlite_sequence SET seq = 2",
            "the numbering of column \"id\" of table \"customer\" would give numbers that are taken",
        ),
    ] {
        let sensei = source(&format!("{RICH}{ORDERS}"));
        equivalent(sensei.run(&RUN));
        sensei.sqlite("copy.db", change);
        let report = sensei.run(&VERIFY).expect(3).json();
        assert_eq!(
            (&report["verdict"], differences(&report)),
            (&json!("different"), vec![expected.to_owned()]),
            "{change}"
        );
        assert!(report["tables"].as_array().unwrap().iter().all(|table| table["verdict"] == "equivalent"), "{report}");
        let text = sensei.run(&["verify", "plan.yaml"]).expect(3).stdout;
        assert!(text.contains(expected) && text.contains("put the target's schema right"), "{text}");
    }
}

#[test]
fn a_computed_column_that_differs_is_found() {
    let sensei = source(&format!("{RICH}{ORDERS}"));
    equivalent(sensei.run(&RUN));
    let other = "SELECT replace(sql, 'price * 2', 'price * 3') FROM sqlite_schema WHERE name = 'customer'";
    sensei.sqlite(
        "copy.db",
        &format!("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = ({other}) WHERE name = 'customer';"),
    );
    sensei.sqlite("copy.db", "UPDATE customer SET price = price");
    let report = sensei.run(&VERIFY).expect(3).json();
    assert_eq!(differences(&report), ["column \"twice\" of table \"customer\" has another generation expression"]);
    assert_eq!(report["differences"][0]["counts"]["changed"], 2, "{report}");
}

#[test]
fn without_a_journal_tables_count_by_their_columns() {
    let sensei = source(&format!("{RICH}{ORDERS}"));
    equivalent(sensei.run(&RUN));
    std::fs::remove_dir_all(sensei.path("sensei-state")).unwrap();
    sensei.sqlite("copy.db", "DROP INDEX by_customer");
    let report = equivalent(sensei.run(&VERIFY));
    assert_eq!(report["structural"]["compared"]["indexes"], 0);
    assert!(report["notes"].to_string().contains("No journal says"), "{report}");
}

/// An index that its source calls unique, over rows that are not.
fn doubled() -> Sensei {
    source(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX once ON t(a);
         CREATE TABLE other(id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX plain ON other(a);
         INSERT INTO t VALUES (1, 'hush-hush'), (2, 'x'), (3, 'hush-hush'); INSERT INTO other VALUES (1, 'y');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX once ON t(a)' WHERE name = 'once';",
    )
}

#[test]
fn rows_that_break_a_constraint_stop_the_job_and_nothing_is_dropped() {
    let sensei = doubled();
    let refused = sensei.run(&RUN).expect(3).hides("hush-hush");
    let error = &refused.json()["error"];
    assert_eq!((&error["code"], &error["exit_code"]), (&json!("S305"), &json!(3)));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("\"once\"")
            && message.contains("\"t\"")
            && message.contains("keys that several rows have: 1, among them that of id=1 and id=3"),
        "{message}"
    );
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT count(*) FROM t"), [["3"]]);
    let status = sensei.run(&["status", "plan.yaml"]).expect(0).stdout;
    assert!(status.contains("S305") && status.contains("run it again"), "{status}");
    // Nothing was repaired, so it stops there again.
    sensei.run(&RUN).expect(3);

    sensei.sqlite(
        "source.db",
        "DROP INDEX once; UPDATE t SET a = 'public' WHERE id = 3; CREATE UNIQUE INDEX once ON t(a)",
    );
    let report = equivalent(sensei.run(&RUN));
    assert_eq!((&report["resumes"], &report["recopied_splits"]), (&json!(2), &json!(1)));
    assert_eq!(sensei.sqlite_rows("copy.db", "SELECT group_concat(a) FROM t"), [["'hush-hush,x,public'"]]);
}

#[test]
fn numbering_goes_on_after_source_and_rows() {
    // The source's own number is behind its rows, and moved on after the rows of another table were read.
    let sensei = source(
        "CREATE TABLE behind(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); INSERT INTO behind VALUES (40, 'x');
         UPDATE sqlite_sequence SET seq = 3;
         CREATE TABLE ahead(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); INSERT INTO ahead VALUES (90, 'y');
         DELETE FROM ahead;",
    );
    equivalent(sensei.run(&RUN));
    let next = "INSERT INTO behind(a) VALUES ('new'); INSERT INTO ahead(a) VALUES ('new')";
    sensei.sqlite("copy.db", next);
    let found = "SELECT max(id) FROM behind UNION ALL SELECT max(id) FROM ahead";
    assert_eq!(sensei.sqlite_rows("copy.db", found), [["41"], ["91"]]);
}

/// Runs killed with SIGKILL at random moments over their whole length, so in every stage.
#[test]
fn a_run_killed_in_any_stage_goes_on() {
    let mut random = Random::announced("schema");
    let many =
        "INSERT INTO orders(customer_id, total, at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE i < 4000) SELECT 1 + i % 2, i % 90, 'at ' || i FROM n;";
    let rich = format!("{RICH}{many}");
    let outcome = source(&rich).run(&RUN);
    let whole = outcome.elapsed;
    equivalent(outcome);
    let (mut killed, mut resumed) = (0, 0);
    for round in 0..20 {
        let sensei = source(&rich);
        for _ in 0..1 + random.below(3) {
            let moment = random.moment(whole + Duration::from_millis(20));
            let running = sensei.spawn(&RUN);
            std::thread::sleep(moment);
            let outcome = running.kill9();
            eprintln!("round {round}: killed after {moment:?}: {:?}", outcome.code);
            killed += usize::from(outcome.code.is_none());
        }
        let report = equivalent(sensei.run(&RUN));
        resumed += report["resumes"].as_u64().unwrap();
        equivalent(sensei.run(&VERIFY));
        let schema = "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1, 2";
        assert_eq!(sensei.sqlite_rows("copy.db", schema), sensei.sqlite_rows("source.db", schema));
    }
    assert!(killed > 10 && resumed > 3, "{killed} runs were killed, {resumed} taken up again");
}
