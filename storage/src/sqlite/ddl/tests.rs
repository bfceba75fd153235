//! Definitions as people write them, and as nobody should.

use proptest::prelude::*;

use super::*;
use crate::catalog::{Check, Timing};

fn table(sql: &str) -> TableText {
    read_table(sql).unwrap_or_else(|reason| panic!("{reason}: {sql}"))
}

fn check(name: Option<&str>, expression: &str) -> Check {
    Check { name: name.map(str::to_owned), expression: expression.to_owned() }
}

#[test]
fn columns_and_what_is_said_of_them() {
    let read = table(
        "CREATE TABLE \"t(\"(\n  a INTEGER PRIMARY KEY ASC ON CONFLICT ABORT AUTOINCREMENT, -- a comment, with (\n\
         [b ] c] VARCHAR ( 10 ) NOT NULL DEFAULT 'it''s, (' COLLATE NOCASE,\n\
         `c``d` \"DECIMAL\"(10, -2) CONSTRAINT positive CHECK (`c``d` > 0 /* ) */ AND 1) UNIQUE,\n\
         'e' DEFAULT -1.5e+3 CHECK ('e' <> ')'),\n  key desc, g INT GENERATED ALWAYS AS (a + 1) STORED,\n\
         h AS (length(\"b ] c\")), i BLOB DEFAULT x'00ff' NULL, j GENERATED DEFAULT (1 -- one\n + 2))"
            .replace("[b ] c]", "\"b ] c\"")
            .as_str(),
    );
    let names: Vec<_> = read.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "b ] c", "c`d", "e", "key", "g", "h", "i", "j"]);
    let defaults: Vec<_> = read.columns.iter().map(|column| column.default.as_deref()).collect();
    let none = None::<&str>;
    assert_eq!(
        defaults,
        [none, Some("'it''s, ('"), None, Some("-1.5e+3"), None, None, None, Some("x'00ff'"), Some("1 + 2")]
    );
    let generated: Vec<_> = read.columns.iter().filter_map(|column| column.generation.as_deref()).collect();
    assert_eq!(generated, ["a + 1", "length(\"b ] c\")"]);
    assert_eq!(read.checks, [check(Some("positive"), "`c``d` > 0 AND 1"), check(None, "'e' <> ')'")]);
    assert!(!read.conflict_clauses);
}

#[test]
fn a_name_as_default_is_a_string() {
    let default = |text: &str| table(&format!("CREATE TABLE t(a {text})")).columns[0].default.clone();
    for (text, expected) in [
        ("DEFAULT pending", Some("'pending'")),
        ("DEFAULT \"it's\"", Some("'it''s'")),
        ("DEFAULT (\"x\")", Some("'x'")),
        ("DEFAULT NULL", None),
        ("DEFAULT (NULL)", None),
        ("DEFAULT true", Some("true")),
        ("DEFAULT \"true\"", Some("'true'")),
        ("DEFAULT current_timestamp", Some("current_timestamp")),
        ("DEFAULT + 5", Some("+5")),
        ("DEFAULT (random())", Some("random()")),
    ] {
        assert_eq!(default(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn constraints_of_the_table() {
    let read = table(
        "CREATE TABLE t(a, b REFERENCES p DEFERRABLE INITIALLY DEFERRED, c REFERENCES \"q q\"(x) ON DELETE SET NULL \
         MATCH FULL ON UPDATE NO ACTION NOT DEFERRABLE INITIALLY DEFERRED, \
         CONSTRAINT pk PRIMARY KEY(a) CONSTRAINT \"u n\" UNIQUE (b COLLATE nocase DESC, c) ON CONFLICT REPLACE \
         CHECK (a IN (1, 2)) ON CONFLICT FAIL, CONSTRAINT forgotten, \
         CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES r(x, y) ON DELETE CASCADE DEFERRABLE) STRICT, WITHOUT \"rowid\"",
    );
    let references: Vec<_> = read
        .references
        .iter()
        .map(|key| (key.name.as_deref(), key.columns.join(","), key.parent.as_str(), key.timing))
        .collect();
    assert_eq!(
        references,
        [
            (None, "b".to_owned(), "p", Timing::Deferred),
            (None, "c".to_owned(), "q q", Timing::Immediate),
            (Some("fk"), "a,b".to_owned(), "r", Timing::Deferrable),
        ]
    );
    assert_eq!((read.uniques[0].name.as_str(), read.uniques[0].columns.join(",")), ("u n", "b,c".to_owned()));
    assert_eq!(read.checks, [check(None, "a IN (1, 2)")]);
    assert!(read.conflict_clauses);
}

#[test]
fn indexes() {
    let read = read_index(
        "CREATE UNIQUE INDEX \"i,\" ON t(a, lower(b) COLLATE nocase DESC, json_extract(c, '$.x,y') ASC, asc) \
         WHERE a > 1 -- not (\n AND b",
    );
    let parts = ["a", "lower(b) COLLATE nocase", "json_extract(c, '$.x,y')", "asc"].map(str::to_owned).to_vec();
    assert_eq!(read, Ok(IndexText { parts, predicate: Some("a > 1 AND b".to_owned()) }));
    assert!(read_index("CREATE INDEX i ON t(a) USING btree").is_err());
}

#[test]
fn what_cannot_be_told_is_not_guessed() {
    for sql in [
        "",
        "CREATE",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE t USING fts5(a)",
        "CREATE TABLE t",
        "CREATE TABLE t(",
        "CREATE TABLE t()",
        "CREATE TABLE t(a))",
        "CREATE TABLE t(a,)",
        "CREATE TABLE t(a 'unclosed)",
        "CREATE TABLE t(a [unclosed)",
        "CREATE TABLE t(a CHECK)",
        "CREATE TABLE t(a CHECK ())",
        "CREATE TABLE t(a DEFAULT)",
        "CREATE TABLE t(a INT(x))",
        "CREATE TABLE t(a FOO BAR WITH (1) SOMETHING NEW)",
        "CREATE TABLE t(a, CHECK (1), b)",
        "CREATE TABLE t(a) PARTITION BY a",
        "CREATE TABLE t(a) STRICT STRICT",
        "CREATE TABLE t(a\0)",
        "CREATE TABLE t(a REFERENCES p ON DELETE EXPLODE)",
    ] {
        assert!(read_table(sql).is_err(), "{sql:?}");
    }
    let long = format!("CREATE TABLE t(a DEFAULT '{}')", "x".repeat(STATEMENT_BYTES_MAX));
    assert!(read_table(&long).is_err());
}

#[test]
fn expressions_and_types_do_not_end_before_they_end() {
    for text in ["a > 0", "(a, b) = (1, 2)", "a IN ('x)', \"y(\")", "1 - -1"] {
        assert!(is_expression(text), "{text}");
    }
    for text in ["", " ", "1) STRICT; --", "(1", "1, 2", "1; DROP TABLE t", "1 -- x", "1 /* x", "'x", "a /* */ + 1"] {
        assert!(!is_expression(text), "{text}");
    }
    for text in
        ["INTEGER", "unsigned  big int", "DECIMAL(10, -2)", "VARCHAR(max_not)", "INT CHECK (1)", "INT --", "\"x\"", ""]
    {
        let expected = !["VARCHAR(max_not)", "INT CHECK (1)", "INT --", "\"x\""].contains(&text);
        assert_eq!(is_type(text), expected, "{text}");
    }
    assert!(creates("create /* */ View v AS SELECT 1", "VIEW") && !creates("DROP VIEW v", "VIEW"));
}

#[test]
fn names_count_however_they_are_quoted() {
    let names = names("CREATE VIEW v AS SELECT \"A\", [b c], 'D' FROM main.`e` -- f").unwrap();
    for name in ["v", "a", "b c", "d", "main", "e"] {
        assert!(names.contains(name), "{name}");
    }
    assert!(!names.contains("f"));
}

proptest! {
    /// Whatever stands in a file, reading it comes to an end.
    #[test]
    fn nothing_makes_it_panic(words in prop::collection::vec(prop_oneof![
        Just("CREATE TABLE t(a".to_owned()), Just("CREATE INDEX i ON t(".to_owned()), Just(")".to_owned()),
        Just("(".to_owned()), Just(",".to_owned()), Just("'".to_owned()), Just("\"".to_owned()), Just("[".to_owned()),
        Just("--".to_owned()), Just("/*".to_owned()), Just("*/".to_owned()), Just("\n".to_owned()),
        Just("DEFAULT".to_owned()), Just("CHECK".to_owned()), Just("REFERENCES".to_owned()), Just("AS".to_owned()),
        Just("x'".to_owned()), Just("1e".to_owned()), Just("e+".to_owned()), Just("0x".to_owned()), ".*",
    ], 0..24)) {
        for separator in ["", " "] {
            let sql = words.join(separator);
            let _ = (read_table(&sql), read_index(&sql), names(&sql), is_expression(&sql), is_type(&sql));
        }
    }
}
