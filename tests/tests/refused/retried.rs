//! `sensei rejects list` and `sensei rejects retry`.

use sensei_tests::postgres::Server;
use sensei_tests::{Outcome, Sensei};

use crate::ground::{counts, keys, lines, plan, run};

const LIST: [&str; 5] = ["rejects", "list", "plan.yaml", "--output", "json"];
const RETRY: [&str; 5] = ["rejects", "retry", "plan.yaml", "--output", "json"];

/// A source with five rows the target refuses or that do not fit, and the plan.
fn ground(database: &str) -> (Sensei, &'static Server) {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INTEGER);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1000)
         INSERT INTO t SELECT i, 'v' || i, i FROM i;
         UPDATE t SET v = 'bad' WHERE id IN (10, 500, 1000);
         UPDATE t SET n = 'hush' WHERE id = 20;
         UPDATE t SET n = -1 WHERE id = 30;",
    );
    server.create_database(database);
    server.psql(
        database,
        "CREATE TABLE t(id bigint PRIMARY KEY, v text CONSTRAINT good CHECK (v <> 'bad'), n bigint CHECK (n > 0))",
    );
    let more = "rejects: { max: 5 }\nlimits: { split: 4KiB }";
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url(database), more));
    (sensei, server)
}

#[test]
fn rejects_are_listed_by_table_and_reason() {
    let (sensei, _) = ground("listed");
    sensei.run(&LIST).expect(2);
    run(&sensei);
    let listing = sensei.run(&LIST).expect(0).hides("bad").json();
    assert_eq!((&listing["job"], &listing["rows"], &listing["finished"]), (&"job-1".into(), &5.into(), &true.into()));
    let reasons = listing["tables"][0]["reasons"].as_array().unwrap();
    assert_eq!((reasons.len(), &reasons[0]["rows"]), (3, &3.into()), "{listing}");
    assert!(reasons[0]["reason"].as_str().unwrap().contains("good"), "{listing}");
    assert_eq!(reasons[0]["keys"], serde_json::json!(["id=10", "id=500", "id=1000"]));
    let text = sensei.run(&LIST[..3]).expect(0).hides("bad").stdout;
    assert!(text.contains("t: 5 rows") && text.contains("id=500") && text.contains("rejects/job-1"), "{text}");
    let rows = sensei.run(&[&LIST[..], &["--rows"]].concat()).expect(0).json();
    let row = rows["lines"].as_array().unwrap().iter().find(|line| line["key"] == "id=10").unwrap().clone();
    assert_eq!(row["row"], serde_json::json!({ "id": "10", "v": "bad", "n": "10" }));
    let lost = rows["lines"].as_array().unwrap().iter().find(|line| line["key"] == "id=20").unwrap().clone();
    assert!(lost["row"].is_null(), "it could not be decoded: {lost}");
}

#[test]
fn what_was_mended_arrives_and_what_was_not_stays() {
    let (sensei, server) = ground("retried");
    sensei.run(&RETRY).expect(2);
    run(&sensei);
    let certificate = std::fs::read(sensei.path("sensei-state/jobs/job-1/certificate.json")).unwrap();
    // One row is mended in the source, one kind in the target; one row is gone.
    sensei.sqlite("src.db", "UPDATE t SET n = 20 WHERE id = 20; DELETE FROM t WHERE id = 500");
    server.psql("retried", "ALTER TABLE t DROP CONSTRAINT good");
    let report = sensei.run(&RETRY).expect(4).json();
    assert_eq!((&report["verdict"], &report["job"]), (&"equivalent".into(), &"job-1-retry-1".into()), "{report}");
    assert_eq!(counts(&report, "t"), [4, 1, 3, 3]);
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("3 of 5 rejected rows arrived") && notes.contains("not all rejected rows in the source"),
        "{notes}"
    );
    assert_eq!(server.psql("retried", "SELECT count(*), count(DISTINCT id) FROM t"), "998|998");
    assert_eq!(keys(&lines(&sensei, "job-1-retry-1")), ["id=30", "id=500"]);
    assert_eq!(lines(&sensei, "job-1").len(), 5, "what was written of the job stays");
    assert_eq!(std::fs::read(sensei.path("sensei-state/jobs/job-1/certificate.json")).unwrap(), certificate);
    assert_eq!(sensei.run(&LIST).expect(0).json()["rows"], 2, "one is refused again, one is not in the source");

    // The same again changes nothing; then the last one is mended.
    let report = sensei.run(&RETRY).expect(4).json();
    assert_eq!((counts(&report, "t"), &report["job"]), ([1, 1, 0, 0], &"job-1-retry-2".into()));
    sensei.sqlite("src.db", "UPDATE t SET n = 30 WHERE id = 30; INSERT INTO t VALUES (500, 'back', 1)");
    let report = sensei.run(&RETRY).expect(0).json();
    assert_eq!(counts(&report, "t"), [2, 0, 2, 2]);
    sensei.run(&["verify", "plan.yaml"]).expect(0);
    assert_eq!(server.psql("retried", "SELECT count(*) FROM t"), "1000");
    assert_eq!(sensei.run(&LIST).expect(0).json()["rows"], 0);
    sensei.run(&RETRY).expect(2).json();
    let again = sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!((&again["job"], &again["certified_earlier"]), (&"job-1".into(), &true.into()));
    assert_eq!(server.psql("retried", "SELECT count(*) FROM pg_tables WHERE tablename = 'progress'"), "0");
}

#[test]
fn a_retry_that_was_killed_goes_on_exactly_once() {
    let (sensei, server) = ground("retry_killed");
    run(&sensei);
    server.psql(
        "retry_killed",
        "ALTER TABLE t DROP CONSTRAINT good;
         CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    let killed = |wait: u64| {
        let running = sensei.spawn(&RETRY);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        running.kill9()
    };
    for wait in [500, 900, 1200] {
        let _: Outcome = killed(wait);
    }
    server.psql("retry_killed", "DROP TRIGGER slow ON t");
    let report = sensei.run(&RETRY).json();
    assert!(report["job"].as_str().unwrap().starts_with("job-1-retry-"), "{report}");
    assert_eq!(server.psql("retry_killed", "SELECT count(*), count(DISTINCT id) FROM t"), "998|998");
    assert_eq!(sensei.run(&LIST).expect(0).json()["rows"], 2);
}

#[test]
fn a_retry_under_another_plan_takes_back_what_the_unfinished_one_wrote() {
    let (sensei, server) = ground("retry_replanned");
    // The second table stops the retry when the first is done, or nearly.
    sensei.sqlite("src.db", "CREATE TABLE z(id INTEGER PRIMARY KEY, up INTEGER); INSERT INTO z VALUES (1, 1)");
    server.psql(
        "retry_replanned",
        "CREATE TABLE up(id bigint PRIMARY KEY); CREATE TABLE z(id bigint PRIMARY KEY, up bigint CHECK (up > 1))",
    );
    let text = std::fs::read_to_string(sensei.path("plan.yaml")).unwrap();
    sensei.write("plan.yaml", text.replace("max: 5", "max: 6"));
    run(&sensei);
    // Without keys of its own, a table would take a row twice.
    server.psql(
        "retry_replanned",
        "ALTER TABLE t DROP CONSTRAINT good, DROP CONSTRAINT t_pkey;
         ALTER TABLE z DROP CONSTRAINT z_up_check, ADD FOREIGN KEY (up) REFERENCES up",
    );
    sensei.run(&RETRY).expect(4).json();
    sensei.write(
        "plan.yaml",
        text.replace("max: 5", "max: 6")
            + "tables: { rules: [{ table: z, columns: { up: { expr: \"nullif(up, 1)\" } } }] }\n",
    );
    let report = sensei.run(&RETRY).expect(4).json();
    assert_eq!(report["job"], "job-1-retry-2", "{report}");
    assert_eq!(server.psql("retry_replanned", "SELECT count(*), count(DISTINCT id) FROM t"), "998|998");
    assert_eq!(server.psql("retry_replanned", "SELECT count(*) FROM z"), "1");
    assert_eq!(keys(&lines(&sensei, "job-1-retry-2")), ["id=20", "id=30"]);
}

#[test]
fn tables_without_a_key_are_not_tried_again() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite("src.db", "CREATE TABLE t(v TEXT); INSERT INTO t VALUES ('a'), ('bad')");
    server.create_database("retry_keyless");
    server.psql("retry_keyless", "CREATE TABLE t(v text CHECK (v <> 'bad'))");
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url("retry_keyless"), "rejects: { max: 1 }"));
    run(&sensei);
    sensei.run(&RETRY[..3]).expect(2).says("table \"t\" has no key").says("hint: ");
    assert_eq!(sensei.run(&LIST).expect(0).json()["rows"], 1);
}

#[test]
fn a_rejects_file_that_was_changed_is_not_believed() {
    let (sensei, server) = ground("retry_altered");
    run(&sensei);
    let folder = sensei.path("rejects/job-1");
    let path = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"key\":\"id=", "\"key\":\"id=9")).unwrap();
    sensei.run(&RETRY[..3]).expect(7).says("error[S402]");
    assert_eq!(server.psql("retry_altered", "SELECT count(*) FROM t"), "995");
}

#[test]
fn rows_that_something_else_brought_in_are_not_doubled() {
    let (sensei, server) = ground("retry_doubled");
    run(&sensei);
    server.psql("retry_doubled", "ALTER TABLE t DROP CONSTRAINT good, DROP CONSTRAINT t_pkey");
    server.psql("retry_doubled", "INSERT INTO t VALUES (10, 'bad', 10)");
    sensei.run(&RETRY[..3]).expect(2).says("already").says("hint: ");
    assert_eq!(server.psql("retry_doubled", "SELECT count(*) FROM t WHERE id = 10"), "1");
    server.psql("retry_doubled", "DELETE FROM t WHERE id = 10");
    sensei.run(&RETRY).expect(4).json();
    assert_eq!(server.psql("retry_doubled", "SELECT count(*), count(DISTINCT id) FROM t"), "998|998");
}

#[test]
fn rows_of_equal_servers_are_retried_too() {
    let (sensei, server) = (Sensei::new(), Server::shared());
    for database in ["retry_from", "retry_to"] {
        server.create_database(database);
    }
    server.psql(
        "retry_from",
        "CREATE TABLE t(v text, id bigint PRIMARY KEY); INSERT INTO t SELECT 'v' || i, i FROM generate_series(1, 1000) i;
         UPDATE t SET v = 'bad' WHERE id IN (10, 500, 1000)",
    );
    server.psql("retry_to", "CREATE TABLE t(v text CONSTRAINT good CHECK (v <> 'bad'), id bigint PRIMARY KEY)");
    let more = "rejects: { max: 3 }\nlimits: { split: 4KiB }";
    sensei.write("plan.yaml", plan(&server.url("retry_from"), &server.url("retry_to"), more));
    assert_eq!(counts(&run(&sensei), "t"), [1000, 3, 997, 997]);
    server.psql("retry_to", "ALTER TABLE t DROP CONSTRAINT good");
    let report = sensei.run(&RETRY).expect(0).json();
    assert_eq!(counts(&report, "t"), [3, 0, 3, 3]);
    sensei.run(&["verify", "plan.yaml"]).expect(0);
    assert_eq!(server.psql("retry_to", "SELECT count(*), count(DISTINCT id) FROM t"), "1000|1000");
}
