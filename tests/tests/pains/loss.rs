//! Rows that silently do not arrive: pain 4.

use crate::ground::{Postgres, counts, differences, ends, rejects};

/// A value that the target's enum lacks, a table without a key, and one more row that only a trigger will mind.
const ROWS: &str = "
    CREATE TABLE mood (id int PRIMARY KEY, mood text);
    CREATE TABLE log (line text);
    CREATE TABLE fee (id int PRIMARY KEY, amount int);
    INSERT INTO mood SELECT i, CASE WHEN i = 77 THEN 'glum' ELSE 'sad' END FROM generate_series(1, 500) i;
    INSERT INTO log SELECT 'line ' || i % 3 FROM generate_series(1, 500) i;
    INSERT INTO fee SELECT i, i FROM generate_series(1, 500) i";

/// The same tables in the target, which keeps one fee out without a word.
const TABLES: &str = "
    CREATE TYPE mood_kind AS ENUM ('sad', 'happy');
    CREATE TABLE mood (id int PRIMARY KEY, mood mood_kind);
    CREATE TABLE log (line text);
    CREATE TABLE fee (id int PRIMARY KEY, amount int);
    CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.id = 13 THEN RETURN NULL; END IF; RETURN NEW; END';
    CREATE TRIGGER keep_out BEFORE INSERT ON fee FOR EACH ROW EXECUTE FUNCTION keep_out()";

/// A trigger that stores something else than it was given.
const ALTER: &str = "
    CREATE OR REPLACE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.id = 13 THEN NEW.amount = 0; END IF; RETURN NEW; END'";

/// Elsewhere a load ends with exit code 0 and rows are missing: one bad value takes its whole batch with it, a trigger
/// drops rows unseen, a table without a key arrives empty. Here one row more than the plan allows to be rejected is a
/// failure, the others arrive, read = written + rejected, and what a trigger stored otherwise is a difference.
#[test]
fn pain_04_success_is_counted_not_assumed() {
    let job = Postgres::new(ROWS, "");
    job.target(TABLES);
    ends(&job.sensei, 4).says("error[S304]");

    let job = Postgres::new(ROWS, "rejects: { max: 2 }");
    job.target(TABLES);
    let report = job.sensei.run(&["run", "plan.yaml", "--output", "json"]).expect(0).json();
    assert_eq!(counts(&report, "mood"), [500, 1, 499, 499]);
    assert_eq!(counts(&report, "fee"), [500, 1, 499, 499]);
    assert_eq!(counts(&report, "log"), [500, 0, 500, 500]);
    let found = rejects(&job.sensei);
    assert!(found[0].starts_with("id=13 ") && found[1].starts_with("id=77 ") && found.len() == 2, "{found:?}");
    assert_eq!(job.target("SELECT count(*), sum(id) FROM mood"), "499|125173");
    assert_eq!(differences(&job.sensei).len(), 2, "what was rejected is missing, and `verify` says so");

    let job = Postgres::new(&ROWS.replace("glum", "happy"), "");
    job.target(&format!("{TABLES}; {ALTER}"));
    ends(&job.sensei, 3);
    assert_eq!(differences(&job.sensei), ["fee: changed id=13 [\"amount\"]"]);
    job.target("DROP TRIGGER keep_out ON fee");
    job.sensei.run(&["repair", "plan.yaml"]).expect(0);
    job.sensei.run(&["verify", "plan.yaml"]).expect(0);
}
