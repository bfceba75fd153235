//! Which rows are found, and what becomes of all others.

use sensei_tests::Sensei;
use sensei_tests::postgres::Server;

use crate::ground::{counts, keys, lines, plan, run};

#[test]
fn every_way_to_refuse_a_row_is_told_with_its_reason() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT, n INTEGER, v TEXT);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 900)
         INSERT INTO t SELECT i, 'c' || i, i, 'v' FROM i;
         UPDATE t SET code = 'c100' WHERE id = 200;
         UPDATE t SET n = -7 WHERE id = 300;
         UPDATE t SET n = NULL WHERE id = 400;
         UPDATE t SET v = 'hush-too-long' WHERE id = 500;
         UPDATE t SET v = 'a' || char(0) || 'b' WHERE id = 600;
         UPDATE t SET v = 'raise' WHERE id = 700;
         UPDATE t SET v = 'skip' WHERE id = 800;",
    );
    server.create_database("every_way");
    server.psql(
        "every_way",
        "CREATE TABLE t(id bigint PRIMARY KEY, code text UNIQUE, n bigint CONSTRAINT present CHECK (n IS NOT NULL), v text,
            CONSTRAINT positive CHECK (n > 0), CONSTRAINT short CHECK (length(v) < 10));
         CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.v = 'raise' THEN RAISE EXCEPTION 'no %', NEW.v; END IF;
            IF NEW.v = 'skip' THEN RETURN NULL; END IF;
            RETURN NEW; END $$;
         CREATE TRIGGER guard BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION guard()",
    );
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("every_way"), "rejects: { max: 7 }"));
    let report = run(&sensei);
    assert_eq!(counts(&report, "t"), [900, 7, 893, 893]);
    let found = lines(&sensei, "job-1");
    let reasons = [
        ("id=200", "t_code_key"),
        ("id=300", "positive"),
        ("id=400", "present"),
        ("id=500", "short"),
        ("id=600", "U+0000"),
        ("id=700", "trigger"),
        ("id=800", "trigger"),
    ];
    for ((key, reason), line) in reasons.iter().zip(&found) {
        assert_eq!(line["key"], *key);
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
        assert!(!line["reason"].as_str().unwrap().contains("hush"), "{line}");
        assert_eq!(line["row"]["id"], key[3..], "the row itself: {line}");
    }
    assert_eq!(found.len(), 7);
    assert_eq!(found[2]["row"]["n"], serde_json::Value::Null);
    assert_eq!(found[3]["row"]["v"], "hush-too-long");
    assert_eq!(server.psql("every_way", "SELECT count(*), sum(id) FROM t"), format!("893|{}", 405_450 - 3500));
}

#[test]
fn sqlite_refuses_rows_one_by_one_too() {
    let sensei = Sensei::new();
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT, n INTEGER);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 5000)
         INSERT INTO t SELECT i, 'c' || i, i FROM i;
         UPDATE t SET code = 'c1' WHERE id = 5000; UPDATE t SET n = -1 WHERE id = 1; UPDATE t SET n = 77777 WHERE id = 2500;",
    );
    sensei.sqlite(
        "out.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, code TEXT UNIQUE, n INTEGER CONSTRAINT positive CHECK (n > 0));
         CREATE TRIGGER guard BEFORE INSERT ON t WHEN NEW.n = 77777 BEGIN SELECT RAISE(ABORT, 'hush'); END",
    );
    let limits = "limits: { split: 32KiB }";
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", &format!("rejects: {{ max: 3 }}\n{limits}")));
    let report = run(&sensei);
    // The first row is refused, so the last one's code is free.
    assert_eq!(counts(&report, "t"), [5000, 2, 4998, 4998]);
    let found = lines(&sensei, "job-1");
    assert_eq!(keys(&found), ["id=1", "id=2500"]);
    assert!(found[0]["reason"].as_str().unwrap().contains("positive"), "{found:?}");
    assert!(!found[1]["reason"].as_str().unwrap().contains("hush"), "{found:?}");

    sensei.sqlite("src.db", "UPDATE t SET n = 1 WHERE id = 1");
    sensei.sqlite("out.db", "DELETE FROM t");
    run_fresh(&sensei);
    let found = lines(&sensei, "job-2");
    assert_eq!(keys(&found), ["id=2500", "id=5000"]);
    assert_eq!((&found[1]["column"], &found[1]["row"]["code"]), (&"code".into(), &"c1".into()));
}

fn run_fresh(sensei: &Sensei) {
    sensei.run(&["run", "plan.yaml", "--fresh"]).expect(0);
}

#[test]
fn a_trigger_that_rolls_back_everything_refuses_the_split() {
    let sensei = Sensei::new();
    sensei.sqlite("src.db", "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    sensei.sqlite(
        "out.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY);
         CREATE TRIGGER guard BEFORE INSERT ON t WHEN NEW.id = 2 BEGIN SELECT RAISE(ROLLBACK, 'no'); END",
    );
    sensei.write("plan.yaml", plan("sqlite:src.db", "sqlite:out.db", "rejects: { max: 3 }"));
    sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S303]").says("whole transactions");
}

#[test]
fn constraints_checked_at_the_commit_refuse_the_split() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite("src.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'a')");
    server.create_database("deferred");
    server.psql("deferred", "CREATE TABLE t(id bigint, v text UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("deferred"), "rejects: { max: 3 }"));
    sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S303]").says("t_v_key");
    assert_eq!(server.psql("deferred", "SELECT count(*) FROM t"), "0");
}

#[test]
fn one_row_in_a_hundred_thousand_is_found_wherever_it_is() {
    let server = Server::shared();
    server.create_database("needle_source");
    server.psql(
        "needle_source",
        "CREATE TABLE t(id bigint PRIMARY KEY, v text);
         INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 100000) i; ANALYZE t",
    );
    for (index, bad) in [1, 100_000, 61_803].into_iter().enumerate() {
        let (sensei, database) = (Sensei::new(), format!("needle_{index}"));
        server.create_database(&database);
        server.psql(&database, &format!("CREATE TABLE t(id bigint PRIMARY KEY CHECK (id <> {bad}), v text)"));
        let more = "rejects: { max: 1 }\nlimits: { split: 512KiB, workers: 2 }";
        sensei.write("plan.yaml", plan(&server.url("needle_source"), &server.url(&database), more));
        let report = run(&sensei);
        assert_eq!(counts(&report, "t"), [100_000, 1, 99_999, 99_999]);
        assert_eq!(keys(&lines(&sensei, "job-1")), [format!("id={bad}")]);
        assert_eq!(
            server.psql(&database, "SELECT count(*), sum(id) FROM t"),
            format!("99999|{}", 5_000_050_000_i64 - bad)
        );
    }
}

#[test]
fn many_refused_rows_cost_no_others() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, k INTEGER);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 4000)
         INSERT INTO t SELECT i, i / 2 FROM i;",
    );
    server.create_database("many");
    server.psql("many", "CREATE TABLE t(id bigint PRIMARY KEY, k bigint UNIQUE)");
    let more = "rejects: { max: 3000 }\nlimits: { split: 4KiB, workers: 2 }";
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("many"), more));
    let report = run(&sensei);
    let [read, rejected, written, verified] = counts(&report, "t");
    assert_eq!((read, rejected, written, verified), (4000, 1999, 2001, 2001), "one row of each k");
    assert_eq!(lines(&sensei, "job-1").len(), 1999);
    assert_eq!(server.psql("many", "SELECT count(DISTINCT k) FROM t"), "2001");
}

#[test]
fn equal_rows_are_refused_one_at_a_time() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite("src.db", "CREATE TABLE t(v TEXT); INSERT INTO t VALUES ('a'), ('b'), ('a'), ('a')");
    server.create_database("equal_rows");
    server.psql("equal_rows", "CREATE TABLE t(v text UNIQUE)");
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("equal_rows"), "rejects: { max: 2 }"));
    assert_eq!(counts(&run(&sensei), "t"), [4, 2, 2, 2]);
}

#[test]
fn more_than_the_limit_stops_with_the_first_rows_named() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1000)
         INSERT INTO t SELECT i, CASE WHEN i % 100 = 0 THEN 'bad' ELSE 'good' END FROM i;",
    );
    server.create_database("limit");
    server.psql("limit", "CREATE TABLE t(id bigint PRIMARY KEY, v text CHECK (v <> 'bad'))");
    let all = |max: u64| {
        sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("limit"), &format!("rejects: {{ max: {max} }}")));
        sensei.run(&["run", "plan.yaml", "--output", "json"])
    };
    for max in [0, 9] {
        let outcome = all(max).expect(4);
        assert_eq!(outcome.json()["error"]["code"], "S304");
        assert_eq!(lines(&sensei, "job-1").len(), 10, "all are named, up to a bound");
        assert_eq!(server.psql("limit", "SELECT count(*) FROM t"), "0");
    }
    let report = all(10).expect(0).json();
    assert_eq!(counts(&report, "t"), [1000, 10, 990, 990]);
    assert_eq!((&report["job"], lines(&sensei, "job-1").len()), (&"job-1".into(), 10));
    let certificate = report["certificate"].as_str().unwrap();
    let claims = sensei.run(&["certificate", "show", certificate, "--output", "json"]).expect(0).stdout;
    assert!(claims.contains("\"rows_rejected\": 10") && claims.contains("\"count\": 10"), "{claims}");
}

#[test]
fn a_child_without_its_parent_refuses_the_split() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei
        .sqlite("src.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, up INTEGER); INSERT INTO t VALUES (1, NULL), (2, 9)");
    server.create_database("orphan");
    server.psql("orphan", "CREATE TABLE up(id bigint PRIMARY KEY); CREATE TABLE t(id bigint, up bigint REFERENCES up)");
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("orphan"), "rejects: { max: 3 }"));
    sensei.run(&["run", "plan.yaml"]).expect(4).says("error[S303]").says("t_up_fkey");
}

#[test]
fn between_equal_servers_a_value_without_a_carrier_is_rejected_whatever_is_verified() {
    let server = Server::shared();
    server.create_database("carried_from");
    server.psql(
        "carried_from",
        "CREATE TABLE t(id int PRIMARY KEY, v interval); INSERT INTO t SELECT i, '1 day' FROM generate_series(1, 100) i;
         UPDATE t SET v = '3000000 hours' WHERE id = 50",
    );
    for verify in ["full", "counts", "off"] {
        let (sensei, target) = (Sensei::new(), format!("carried_{verify}"));
        server.create_database(&target);
        let more = format!("rejects: {{ max: 1 }}\nverify: {verify}");
        sensei.write("plan.yaml", plan(&server.url("carried_from"), &server.url(&target), &more));
        let report = sensei.run(&["run", "plan.yaml", "--output", "json"]).json();
        assert_eq!(counts(&report, "t")[..3], [100, 1, 99], "{verify}: {report}");
        assert_eq!(keys(&lines(&sensei, "job-1")), ["id=50"], "{verify}");
        assert_eq!(server.psql(&target, "SELECT count(*) FROM t WHERE id <> 50"), "99", "{verify}");
    }
}
