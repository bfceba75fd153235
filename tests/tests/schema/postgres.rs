//! Into PostgreSQL, out of PostgreSQL and out of SQLite.

use sensei_tests::Random;
use sensei_tests::postgres::Server;
use serde_json::json;

use crate::{RUN, VERIFY, differences, equivalent, folder};

/// Something of everything that PostgreSQL has: routines that tables need and that need tables, cycles, partitions.
const RICH: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE DOMAIN year AS integer CHECK (VALUE > 1900);
    CREATE SEQUENCE tickets START 100 INCREMENT 5;
    CREATE FUNCTION fresh() RETURNS text LANGUAGE sql AS 'SELECT ''fresh''::text';
    CREATE TABLE customer(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(40) NOT NULL DEFAULT fresh(),
        email text UNIQUE, feeling mood DEFAULT 'ok', born year, price numeric(10,2), twice numeric GENERATED ALWAYS AS
        (price * 2) STORED, CONSTRAINT sane CHECK (name IN ('Ada', 'Bo', 'Cy', 'touched') AND price > 0), best bigint);
    CREATE FUNCTION all_customers() RETURNS SETOF customer LANGUAGE sql AS 'SELECT * FROM customer';
    CREATE TABLE orders(id serial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer ON DELETE CASCADE
        DEFERRABLE INITIALLY DEFERRED, ticket bigint DEFAULT nextval('tickets'), at timestamptz, during tstzrange,
        EXCLUDE USING gist (during WITH &&));
    ALTER TABLE customer ADD CONSTRAINT favourite FOREIGN KEY (best) REFERENCES orders;
    CREATE INDEX lowered ON customer (lower(name) DESC NULLS LAST) WHERE price > 1;
    CREATE INDEX covering ON orders (customer_id) INCLUDE (at);
    CREATE TABLE readings(at date NOT NULL, value float8) PARTITION BY RANGE (at);
    CREATE TABLE readings_a PARTITION OF readings FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE readings_b PARTITION OF readings DEFAULT;
    CREATE INDEX by_day ON readings (at);
    COMMENT ON TABLE customer IS 'people'; COMMENT ON COLUMN customer.born IS 'a year';
    CREATE VIEW totals AS SELECT customer_id, count(*) AS orders FROM orders GROUP BY customer_id;
    CREATE MATERIALIZED VIEW names AS SELECT name FROM customer;
    INSERT INTO customer(name, email, price, feeling, born) VALUES ('Ada', 'a', 1.50, 'happy', 1980), ('Bo', NULL, 2, NULL, NULL);
    INSERT INTO orders(customer_id, at) VALUES (1, '2020-02-29 12:00+02'), (1, NULL), (2, NULL);
    UPDATE customer SET best = 1 WHERE id = 1;
    INSERT INTO readings SELECT '2020-06-01'::date + 7 * i, i / 3.0 FROM generate_series(1, 100) i;
    SELECT setval('customer_id_seq', 41); SELECT nextval('tickets');
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := ''touched''; RETURN NEW; END';
    CREATE TRIGGER busy BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION touch();";

#[test]
fn a_whole_schema_arrives_and_goes_on_numbering() {
    let server = Server::shared();
    server.create_database("rich");
    server.create_database("rich_copy");
    server.psql("rich", RICH);
    let sensei = folder(&server.url("rich"), &server.url("rich_copy"));
    let report = equivalent(sensei.run(&RUN));
    let compared = &report["structural"]["compared"];
    assert_eq!(
        (&compared["tables"], &compared["checks"], &compared["foreign_keys"]),
        (&json!(3), &json!(1), &json!(2))
    );
    assert_eq!(report["not_carried"], json!([]));
    equivalent(sensei.run(&VERIFY));
    for query in [
        "SELECT * FROM customer ORDER BY id",
        "SELECT * FROM orders ORDER BY id",
        "SELECT tableoid::regclass, * FROM readings ORDER BY at",
        "SELECT * FROM totals ORDER BY 1",
        "SELECT * FROM all_customers() ORDER BY id",
    ] {
        assert_eq!(server.psql("rich", query), server.psql("rich_copy", query), "{query}");
    }
    let drawn = "INSERT INTO customer(price) VALUES (3) RETURNING id; INSERT INTO orders(customer_id) VALUES (1) RETURNING id, ticket";
    assert_eq!(server.psql("rich_copy", drawn), server.psql("rich", drawn), "both go on with the same numbers");
    for (change, expected) in [
        ("DROP INDEX lowered", "index \"lowered\" of table \"customer\" is missing"),
        ("ALTER TABLE customer DROP CONSTRAINT sane", "check \"sane\" of table \"customer\" is missing"),
        ("DROP TRIGGER busy ON customer", "trigger \"busy\" of table \"customer\" is missing"),
        (
            "ALTER TABLE customer ALTER feeling SET DEFAULT 'sad'",
            "column \"feeling\" of table \"customer\" has another default",
        ),
        ("SELECT setval('tickets', 1)", "sequence \"tickets\" would give numbers that are taken"),
    ] {
        server.psql("rich_copy", change);
        let found = differences(&sensei.run(&VERIFY).expect(3).json());
        assert!(found.iter().any(|found| found == expected), "{change}: {found:?}");
    }
}

#[test]
fn a_live_source_moves_on() {
    let server = Server::shared();
    server.create_database("live");
    server.create_database("live_copy");
    let many = "INSERT INTO t(note) SELECT 'note ' || i FROM generate_series(1, 20000) i";
    server.psql("live", &format!("CREATE TABLE t(id serial PRIMARY KEY, note text); {many}"));
    let sensei = folder(&server.url("live"), &server.url("live_copy"));
    let running = sensei.spawn(&RUN);
    // Rows that the snapshot does not see draw numbers while it is copied.
    for _ in 0..20 {
        server.psql("live", "INSERT INTO t(note) VALUES ('late')");
    }
    equivalent(running.wait());
    let copied: u64 = server.psql("live_copy", "SELECT max(id) FROM t").parse().unwrap();
    let next: u64 = server.psql("live_copy", "SELECT nextval('t_id_seq')").parse().unwrap();
    assert!(next > copied && next <= 20_021, "{next} after {copied}");
}

#[test]
fn rows_that_break_a_check_stop_the_job_until_they_are_corrected() {
    let server = Server::shared();
    server.create_database("broken");
    let sensei = folder("sqlite:source.db", &server.url("broken"));
    sensei.sqlite(
        "source.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, CONSTRAINT positive CHECK (a > 0)); CREATE INDEX by_a ON t(a);
         PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES (1, 5), (2, -77123), (3, 0)",
    );
    let refused = sensei.run(&RUN).expect(3).hides("77123").json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert_eq!(refused["error"]["code"], "S305");
    assert!(
        message.contains("\"positive\"")
            && message.contains("table \"t\"")
            && message.contains("rows that break it: 2, among them id=2; id=3"),
        "{message}"
    );
    assert_eq!(server.psql("broken", "SELECT count(*) FROM t"), "3", "nothing is dropped");
    sensei.sqlite("source.db", "UPDATE t SET a = 7 WHERE a <= 0");
    let report = equivalent(sensei.run(&RUN));
    assert_eq!(report["recopied_splits"], 1, "{report}");
    assert_eq!(server.psql("broken", "SELECT sum(a) FROM t"), "19");
}

#[test]
fn equal_keys_are_counted() {
    let server = Server::shared();
    server.create_database("doubled");
    let sensei = folder("sqlite:source.db", &server.url("doubled"));
    sensei.sqlite(
        "source.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INTEGER); CREATE INDEX once ON t(a DESC, b);
         INSERT INTO t VALUES (1, 'hush', 1), (2, 'hush', 1), (3, 'x', 1), (4, 'x', 1), (5, 'y', NULL), (6, 'y', NULL);
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX once ON t(a DESC, b)' WHERE name = 'once';",
    );
    let refused = sensei.run(&RUN).expect(3).hides("hush").json();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("\"once\"")
            && message
                .contains("keys that several rows have: 2, among them that of id=1 and id=2; that of id=3 and id=4"),
        "{message}"
    );
}

#[test]
fn sqlite_schemas_arrive_in_postgresql() {
    let server = Server::shared();
    server.create_database("from_sqlite");
    let sensei = folder("sqlite:source.db", &server.url("from_sqlite"));
    sensei.sqlite(
        "source.db",
        "CREATE TABLE customer(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'nobody', email TEXT UNIQUE,
             price INTEGER CHECK (price > 0), twice INTEGER GENERATED ALWAYS AS (price * 2) STORED);
         CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer(id), at TEXT);
         CREATE INDEX by_customer ON orders(customer_id DESC, at);
         CREATE UNIQUE INDEX late ON orders(at) WHERE customer_id > 1;
         CREATE VIEW v AS SELECT 1 AS one;
         INSERT INTO customer(id, name, email, price) VALUES (1, 'Ada', 'a', 15), (2, 'Bo', NULL, 1);
         INSERT INTO orders VALUES (10, 1, 'x'), (20, 2, 'y');",
    );
    let report = equivalent(sensei.run(&RUN));
    let compared = &report["structural"]["compared"];
    assert_eq!((&compared["indexes"], &compared["checks"], &compared["numbers"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(report["not_carried"].as_array().unwrap().len(), 1, "{report}");
    server.psql("from_sqlite", "INSERT INTO customer(price) VALUES (2); INSERT INTO orders(customer_id) VALUES (1)");
    let last = "SELECT max(id), max(twice) FROM customer WHERE price = 2 UNION ALL SELECT max(id), 0 FROM orders";
    assert_eq!(server.psql("from_sqlite", last), "3|4\n21|0");
    let text = sensei.run(&["verify", "plan.yaml"]).stdout;
    assert!(text.contains("view \"v\": it is written in SQLite's SQL"), "{text}");
}

/// Runs killed at random moments over their whole length: in every stage, among them statements that go on in the server.
#[test]
fn a_run_killed_in_any_stage_goes_on() {
    let mut random = Random::announced("postgres schema");
    let server = Server::shared();
    server.create_database("killed");
    let many = "ALTER TABLE customer DISABLE TRIGGER busy; INSERT INTO orders(customer_id, at) SELECT 1 + i % 2, now() FROM generate_series(1, 5000) i;
        ALTER TABLE customer ENABLE TRIGGER busy;";
    server.psql("killed", &format!("{RICH}{many}"));
    let copy = |name: &str| {
        server.create_database(name);
        folder(&server.url("killed"), &server.url(name))
    };
    let outcome = copy("killed_whole").run(&RUN);
    let whole = outcome.elapsed;
    equivalent(outcome);
    let (mut killed, mut resumed) = (0, 0);
    for round in 0..12 {
        let sensei = copy(&format!("killed_{round}"));
        for _ in 0..1 + random.below(3) {
            let moment = random.moment(whole);
            let running = sensei.spawn(&RUN);
            std::thread::sleep(moment);
            let outcome = running.kill9();
            eprintln!("round {round}: killed after {moment:?}: {:?}", outcome.code);
            killed += usize::from(outcome.code.is_none());
        }
        let report = equivalent(sensei.run(&RUN));
        resumed += report["resumes"].as_u64().unwrap();
        equivalent(sensei.run(&VERIFY));
    }
    assert!(killed > 6 && resumed > 2, "{killed} runs were killed, {resumed} taken up again");
}

#[test]
fn policies_that_bind_the_owner_hide_nothing_from_the_last_count() {
    let server = Server::shared();
    server.create_database("hidden");
    server.create_database("hidden_copy");
    server.psql("postgres", "CREATE ROLE keeper LOGIN; ALTER DATABASE hidden_copy OWNER TO keeper");
    server.psql(
        "hidden",
        "CREATE TABLE t(id int PRIMARY KEY, a text); INSERT INTO t SELECT i, 'a' FROM generate_series(1, 10) i;
         CREATE POLICY few ON t USING (id < 4); ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY",
    );
    let target = server.url("hidden_copy").replace("postgres@", "keeper@");
    let sensei = folder(&server.url("hidden"), &target);
    let report = equivalent(sensei.run(&RUN));
    assert_eq!(report["structural"]["compared"]["objects"], 2, "{report}");
    let seen = |sql: &str| server.psql("hidden_copy", &format!("SET ROLE keeper; {sql}"));
    assert!(seen("SELECT count(*) FROM t").ends_with('3'), "the policy is in force");
    assert_eq!(server.psql("hidden_copy", "SELECT count(*) FROM t"), "10");
}
