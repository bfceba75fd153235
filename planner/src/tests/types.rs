//! Types that no other system has, and values that no other system holds.

use expect_test::{Expect, expect};
use sensei_storage::System::{self, Mysql, Postgresql, Sqlite};
use sensei_storage::{Catalog, LogicalType};

use super::{catalog, check, nothing, plan, table};

/// A source whose dates, times and arrays may hold more than their logical types do.
fn source(system: System) -> Catalog {
    let mut events = table(
        "events",
        &[
            "id bigint = int64 not null key",
            "day date = date",
            "at timestamp = timestamptz",
            "note text = text",
            "flag tinyint(1) = int16",
            "tags integer[] = int32[]",
            "shape geometry = geometry",
            "mask bit(3) = bits(3)",
        ],
    );
    for column in &mut events.columns {
        let native = column.native.clone();
        if ["date", "timestamp", "integer[]"].contains(&native.as_str()) {
            column.verbatim = Some(LogicalType::Opaque { system, native });
        } else if native == "tinyint(1)" {
            column.readings = vec![LogicalType::Boolean];
        }
    }
    catalog(system, vec![events])
}

fn events(from: System, to: System, rest: &str, expected: Expect) {
    check(&plan(rest), &source(from), &nothing(to), expected);
}

#[test]
fn between_equal_systems_their_own_text_carries_what_types_cannot() {
    events(
        Postgresql,
        Postgresql,
        "",
        expect![[r#"
            events -> events
              read id int64, day postgresql:date, at postgresql:timestamp, note text, flag int16, tags postgresql:integer[], shape geometry, mask bits(3)
              id int64 -> id int64 "bigint" not null
              day postgresql:date -> day postgresql:date "date"
              at postgresql:timestamp -> at postgresql:timestamp "timestamp"
              note text -> note text "text"
              flag int16 -> flag int16 "tinyint(1)"
              tags postgresql:integer[] -> tags postgresql:integer[] "integer[]"
              shape geometry -> shape geometry "geometry"
              mask bits(3) -> mask bits(3) "bit(3)"
              primary key id
        "#]],
    );
}

#[test]
fn what_an_expression_looks_into_is_read_by_its_type() {
    let rules = "tables: { rules: [{ table: events, where: 'id > 3' }] }";
    events(
        Postgresql,
        Postgresql,
        rules,
        expect![[r#"
            events -> events
              read id int64, day date, at timestamptz, note text, flag int16, tags int32[], shape geometry, mask bits(3)
              id int64 -> id int64 "bigint" not null
              day date -> day date "date"
              at timestamptz -> at timestamptz "timestamp"
              note text -> note text "text"
              flag int16 -> flag int16 "tinyint(1)"
              tags int32[] -> tags int32[] "integer[]"
              shape geometry -> shape geometry "geometry"
              mask bits(3) -> mask bits(3) "bit(3)"
              primary key id
        "#]],
    );
}

#[test]
fn another_system_gets_what_it_can_hold() {
    events(
        Mysql,
        Sqlite,
        "",
        expect![[r#"
        events -> events
          read id int64, day date, at timestamptz, note text, flag int16, tags int32[], shape geometry, mask bits(3)
          id int64 -> id int64 "int64" not null
          day date -> day date "date"
          at timestamptz -> at timestamptz "timestamptz"
          note text -> note text "text"
          flag int16 -> flag int16 "int16"
          tags int32[] -> tags int32[] "int32[]"
          shape geometry -> shape bytes "bytes"
          mask bits(3) -> mask text "text"
          primary key id
    "#]],
    );
}

#[test]
fn zero_dates_and_nul_characters_are_cleaned_where_the_plan_says_so() {
    let rules = r#"
types:
  - { from: "mysql:date", zero_dates: nullify }
  - { from: "mysql:timestamp", zero_dates: nullify }
  - { from: "mysql:tinyint(1)", to: boolean }
tables:
  rules:
    - table: events
      columns:
        note: { nul_characters: remove }
"#;
    events(
        Mysql,
        Postgresql,
        rules,
        expect![[r#"
            events -> events
              read id int64, day mysql:date, at mysql:timestamp, note text, flag boolean, tags int32[], shape geometry, mask bits(3)
              id int64 -> id int64 "bigint" not null
              day mysql:date -> day date "date"
              at mysql:timestamp -> at timestamptz "timestamptz"
              note text -> note text "text"
              flag boolean -> flag boolean "boolean"
              tags int32[] -> tags int32[] "int32[]"
              shape geometry -> shape bytes "bytes"
              mask bits(3) -> mask bits(3) "bits(3)"
              primary key id
            lossy events.day: dates that are zero, have a zero part or name no day become NULL
            lossy events.at: dates that are zero, have a zero part or name no day become NULL
            lossy events.note: characters U+0000 are removed
        "#]],
    );
}

#[test]
fn what_cannot_be_cleaned_is_told() {
    let rules = r#"
types:
  - { from: "mysql:tinyint(1)", zero_dates: nullify }
  - { from: "mysql:bit" }
tables: { rules: [{ table: events, columns: { id: { nul_characters: remove } } }] }
"#;
    events(
        Mysql,
        Postgresql,
        rules,
        expect![[r#"
        P103: `types[1]` says nothing about "mysql:bit"
        HINT:  Give `to`, `zero_dates` or `nul_characters`.
        P103: column "id" of table "events" is bigint, and its `nul_characters` are to be removed
        DETAIL:  Only text can hold them.
        HINT:  Leave it out.
        P103: column "flag" of table "events" is tinyint(1), and its `zero_dates` are to become NULL
        DETAIL:  Only dates of MySQL and MariaDB can be zero.
        HINT:  Leave it out.
        P204: column "flag" of table "events" has type "tinyint(1)", which is not supported
        DETAIL:  Sensei does not read this mysql type yet, and does not turn it into text unasked.
        HINT:  Leave it out: `"flag": { drop: true }`. Or give another value in its place with `expr`.
    "#]],
    );
}
