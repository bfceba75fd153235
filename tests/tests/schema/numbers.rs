//! What numbers itself goes on: never back, and not beyond the last number.

use sensei_tests::{Sensei, mysql, postgres};

use crate::{RUN, VERIFY, equivalent, folder};

/// Adds a line to the plan.
fn with(sensei: Sensei, line: &str) -> Sensei {
    let plan = std::fs::read_to_string(sensei.path("plan.yaml")).unwrap();
    sensei.write("plan.yaml", format!("{plan}{line}\n"));
    sensei
}

/// Rows that have the last numbers of 64 and of 16 bits.
const LAST: &str =
    "CREATE TABLE large(id INTEGER PRIMARY KEY, a TEXT); INSERT INTO large VALUES (1, 'x'), (9223372036854775807, 'y');
    CREATE TABLE small(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); INSERT INTO small VALUES (32767, 'z');";

const SMALL: &str = "tables: { rules: [{ table: small, columns: { id: { type: int16 } } }] }";

#[test]
fn where_the_last_number_is_taken_the_target_refuses_to_draw() {
    let (server, other) = (postgres::Server::shared(), mysql::Server::shared());
    server.create_database("last");
    other.create_database("last");
    for url in [server.url("last"), other.url("last"), "sqlite:copy.db".to_owned()] {
        let is_sqlite = url.starts_with("sqlite");
        let sensei = folder("sqlite:source.db", &url);
        let sensei = if is_sqlite { sensei } else { with(sensei, SMALL) };
        sensei.sqlite("source.db", LAST);
        let report = equivalent(sensei.run(&RUN));
        let notes = report["notes"].to_string();
        assert!(
            notes.contains("no number left in the numbering of column \\\"id\\\" of table \\\"large\\\""),
            "{notes}"
        );
        assert_eq!(notes.contains("of table \\\"small\\\""), !is_sqlite, "64 bits go on: {notes}");
        equivalent(sensei.run(&VERIFY));
    }
    for table in ["large", "small"] {
        let refused = server.try_psql("last", &format!("INSERT INTO {table}(a) VALUES ('more')")).unwrap_err();
        assert!(refused.contains("reached maximum value of sequence"), "{refused}");
        other.try_sql("last", &format!("INSERT INTO {table}(a) VALUES ('more')")).expect_err("out of range");
    }

    server.create_database("last_copy");
    let sensei = folder(&server.url("last"), &server.url("last_copy"));
    equivalent(sensei.run(&RUN));
    server.try_psql("last_copy", "INSERT INTO large(a) VALUES ('more')").expect_err("exhausted there, exhausted here");
}

#[test]
fn numbering_that_has_come_further_in_the_target_is_not_set_back() {
    let (server, other) = (postgres::Server::shared(), mysql::Server::shared());
    server.create_database("further");
    other.create_database("further");
    server.psql("further", "CREATE TABLE t(id bigserial PRIMARY KEY, a text); SELECT setval('t_id_seq', 500)");
    other.sql("further", "CREATE TABLE t(id bigint PRIMARY KEY AUTO_INCREMENT, a text) AUTO_INCREMENT = 501");
    for (url, draw) in [
        (
            server.url("further"),
            &(|| server.psql("further", "INSERT INTO t(a) VALUES ('new') RETURNING id")) as &dyn Fn() -> String,
        ),
        (other.url("further"), &|| other.sql("further", "INSERT INTO t(a) VALUES ('new') RETURNING id")),
    ] {
        let sensei = folder("sqlite:source.db", &url);
        let plan = std::fs::read_to_string(sensei.path("plan.yaml")).unwrap();
        sensei.write("plan.yaml", plan.replace(&format!("\"{url}\""), &format!("\"{url}\", on_existing: append")));
        sensei.sqlite(
            "source.db",
            "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT); INSERT INTO t VALUES (40, 'x')",
        );
        equivalent(sensei.run(&RUN));
        assert_eq!(draw().lines().next(), Some("501"), "{url}");
        // And a second time, when rows are there.
        sensei.sqlite("source.db", "UPDATE t SET id = 41; UPDATE sqlite_sequence SET seq = 41");
        equivalent(sensei.run(&["run", "plan.yaml", "--fresh", "--output", "json"]));
        assert_eq!(draw().lines().next(), Some("502"), "{url}");
    }
}
