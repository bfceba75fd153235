//! Jobs that are cut off while rows are being told apart, or after.

use std::time::Duration;

use sensei_tests::postgres::Server;
use sensei_tests::{Random, Sensei};

use crate::ground::{counts, keys, lines, plan};

/// A source of 20,000 rows, and a target that refuses every 2,000th, slowly.
fn ground(database: &str, more: &str) -> (Sensei, &'static Server) {
    let (sensei, server) = (Sensei::new(), Server::shared());
    sensei.sqlite(
        "src.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 20000)
         INSERT INTO t SELECT i, 'v' || i FROM i;",
    );
    server.create_database(database);
    server.psql(
        database,
        "CREATE TABLE t(id bigint PRIMARY KEY, v text);
         CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id % 2000 = 0 THEN PERFORM pg_sleep(0.005); RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER guard BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION guard()",
    );
    let more = format!("rejects: {{ max: 10 }}\nlimits: {{ split: 64KiB, workers: 2 }}\n{more}");
    sensei.write("plan.yaml", plan("sqlite:src.db", &server.url(database), &more));
    (sensei, server)
}

const RUN: [&str; 4] = ["run", "plan.yaml", "--output", "json"];

#[test]
fn a_run_killed_while_isolating_goes_on_exactly_once() {
    let mut random = Random::announced("killed while isolating");
    for round in 0..4 {
        let (sensei, server) = ground(&format!("killed_isolating_{round}"), "");
        for _ in 0..2 {
            let running = sensei.spawn(&RUN);
            std::thread::sleep(Duration::from_millis(150 + random.below(900) as u64));
            running.kill9();
        }
        let report = sensei.run(&RUN).expect(0).json();
        assert_eq!(counts(&report, "t"), [20_000, 10, 19_990, 19_990], "{report}");
        assert_eq!(lines(&sensei, report["job"].as_str().unwrap()).len(), 10);
        assert_eq!(report["recopied_splits"], 0, "the source did not change: {report}");
        let sum = server.psql(&format!("killed_isolating_{round}"), "SELECT count(*), count(DISTINCT id) FROM t");
        assert_eq!(sum, "19990|19990");
    }
}

#[test]
fn splits_with_refused_rows_are_not_copied_again_when_a_job_goes_on() {
    let (sensei, server) = ground("refused_and_resumed", "");
    // The last table stops the job when all else is done.
    sensei.sqlite("src.db", "CREATE TABLE z(id INTEGER PRIMARY KEY, up INTEGER); INSERT INTO z VALUES (1, 1)");
    server.psql(
        "refused_and_resumed",
        "CREATE TABLE up(id bigint PRIMARY KEY); CREATE TABLE z(id bigint PRIMARY KEY, up bigint REFERENCES up)",
    );
    sensei.run(&RUN).expect(4);
    server.psql("refused_and_resumed", "INSERT INTO up VALUES (1)");
    let report = sensei.run(&RUN).expect(0).json();
    assert_eq!((&report["recopied_splits"], &report["resumes"]), (&0.into(), &1.into()), "{report}");
    assert_eq!(counts(&report, "t"), [20_000, 10, 19_990, 19_990]);
    assert_eq!(keys(&lines(&sensei, "job-1")).len(), 10);
}
