//! Whole schemas: traits of columns, indexes, keys, partitions, and what stands beside the tables.

use expect_test::{Expect, expect};
use sensei_storage::System::{self, Mysql, Parquet, Postgresql, Sqlite};
use sensei_storage::{
    Catalog, Check, ForeignKey, Generation, Identity, IdentityKind, Index, IndexPart, IndexTerm, Object, ObjectKind,
    Partition, Partitioning, Table, Timing,
};

use super::{catalog, nothing, plan, planned, references, stages, table};
use crate::{Format, explain};

/// The tables of the plan, what stands beside them, and what is not carried.
fn check(rules: &str, source: &Catalog, target: &Catalog, expected: Expect) {
    let plan = planned(&plan(rules), source, target).unwrap_or_else(|problems| panic!("{problems:?}"));
    let shown = explain(&plan, &stages(&plan, source), Format::Text);
    let from = shown.find("\nTable").unwrap();
    let mut shown = shown[from..shown.find("\nStages").unwrap()].to_owned();
    for numbering in &plan.numbering {
        shown.push_str(&format!("goes on {:?}.{} as {:?}\n", numbering.table, numbering.of, numbering.source));
    }
    expected.assert_eq(&shown);
}

fn index(name: &str, columns: &[&str]) -> Index {
    let part = |of: &&str| IndexPart { of: IndexTerm::Column((*of).to_owned()), ..IndexPart::default() };
    let parts = columns.iter().map(part).collect();
    Index { name: name.to_owned(), method: "btree".to_owned(), parts, ..Index::default() }
}

fn unique(name: &str, columns: &[&str]) -> Index {
    Index { unique: true, constraint: true, ..index(name, columns) }
}

fn by_expression(name: &str, sql: &str) -> Index {
    let of = IndexTerm::Expression(sql.to_owned());
    Index { parts: vec![IndexPart { of, descending: true, ..IndexPart::default() }], ..index(name, &[]) }
}

fn object(kind: ObjectKind, name: &str, table: Option<&str>, definition: &str) -> Object {
    let definition = (!definition.is_empty()).then(|| definition.to_owned());
    Object { kind, name: name.to_owned(), table: table.map(str::to_owned), definition, next: Some(7) }
}

fn numbers(table: &mut Table, column: usize, kind: IdentityKind) {
    table.columns[column].traits.identity = Some(Identity { kind, next: Some(100), increment: 1 });
}

/// A PostgreSQL schema with something of everything.
fn postgres() -> Catalog {
    let mut users = table(
        "users",
        &[
            "id bigint = int64 not null key",
            "email text = text not null",
            "status status = text",
            "created timestamp with time zone = timestamptz",
            "token uuid = uuid",
            "total numeric(10,2) = numeric",
            "loud text = text",
            "half integer = int32",
            "age integer = int32",
        ],
    );
    users.columns[5].logical = crate::logical_type("decimal(10,2)");
    numbers(&mut users, 0, IdentityKind::Always);
    users.columns[2].traits.labels = vec!["new".to_owned(), "it's old".to_owned()];
    for (column, default) in [
        (2, "'new'::status"),
        (3, "now()"),
        (4, "gen_random_uuid()"),
        (5, "0.00"),
        (6, "my_function()"),
        (8, "'-1'::integer"),
    ] {
        users.columns[column].traits.default = Some(default.to_owned());
    }
    let generated = |sql: &str| Some(Generation { expression: sql.to_owned(), stored: true });
    users.columns[6].traits.default = None;
    users.columns[6].traits.generation = generated("(email || '!'::text)");
    users.columns[7].traits.generation = generated("(age / 2)");
    users.columns[1].traits.comment = Some("where to write to".to_owned());
    users.comment = Some("who uses it".to_owned());
    users.indexes = vec![
        unique("users_email_key", &["email"]),
        Index { predicate: Some("(age > 18)".to_owned()), ..index("adults", &["age"]) },
        Index { include: vec!["total".to_owned()], ..index("with_total", &["status"]) },
        Index { method: "gin".to_owned(), ..index("words", &["email"]) },
        by_expression("lower_email", "lower(email)"),
        by_expression("half_age", "(age % 2)"),
        Index { nulls_not_distinct: true, ..unique("one_token", &["token"]) },
    ];
    users.checks = vec![Check { name: Some("adult".to_owned()), expression: "(age >= 0)".to_owned() }];
    let mut orders =
        table("orders", &["id integer = int32 not null key", "email text = text", "day date = date not null"]);
    numbers(&mut orders, 0, IdentityKind::Serial { sequence: "orders_id_seq".to_owned() });
    orders = references(orders, &["email"], "users", &["email"]);
    let key = ForeignKey { match_full: true, timing: Timing::Deferred, ..orders.foreign_keys[0].clone() };
    orders.foreign_keys = vec![ForeignKey { name: Some("orders_email_fkey".to_owned()), ..key }];
    orders.indexes = vec![index("adults", &["day"])];
    orders.partitioning = Some(Partitioning {
        by: "RANGE (day)".to_owned(),
        partitions: vec![Partition {
            name: "orders_2020".to_owned(),
            bound: "FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')".to_owned(),
            by: None,
            of: None,
        }],
    });
    let mut source = catalog(Postgresql, vec![orders, users]);
    source.objects = vec![
        object(ObjectKind::Enum, "status", None, "CREATE TYPE status AS ENUM ('new', 'it''s old')"),
        object(ObjectKind::Sequence, "tickets", None, "CREATE SEQUENCE tickets"),
        object(ObjectKind::Function, "f()", None, "CREATE FUNCTION f() …"),
        object(ObjectKind::View, "grown_ups", None, "CREATE VIEW grown_ups AS SELECT email FROM users"),
        object(ObjectKind::View, "on_view", None, "CREATE VIEW on_view AS SELECT * FROM grown_ups"),
        object(ObjectKind::Trigger, "t", Some("orders"), "CREATE TRIGGER t …"),
        object(ObjectKind::Type, "odd", None, ""),
    ];
    source
}

#[test]
fn equal_systems_carry_everything() {
    check("", &postgres(), &nothing(Postgresql), expect![[""]]);
}

#[test]
fn equal_systems_under_rules() {
    let rules = r#"
tables:
  rules:
    - table: users
      into: people
      columns:
        age: { into: years }
        email: { mask: { keyed_hash: { key: "${SECRET_A}" } } }
        status: { drop: true }
    - table: orders
      columns: { day: { into: "on" } }
objects: { exclude: ["trigger *", "enum type *"] }
"#;
    check(rules, &postgres(), &nothing(Postgresql), expect![[""]]);
}

#[test]
fn from_postgresql_elsewhere() {
    check("", &postgres(), &nothing(Sqlite), expect![[""]]);
    check("", &postgres(), &nothing(Mysql), expect![[""]]);
    check("", &postgres(), &nothing(Parquet), expect![[""]]);
}

#[test]
fn tables_that_are_there_keep_their_own() {
    let mut there = table("users", &["id bigint = int64 not null key", "email text = text not null"]);
    numbers(&mut there, 0, IdentityKind::ByDefault);
    let rules = "tables: { include: [users], rules: [ { table: users, columns: { status: { drop: true }, created: { drop: \
                 true }, token: { drop: true }, total: { drop: true }, loud: { drop: true }, half: { drop: true }, age: \
                 { drop: true } } } ] }\nobjects: { include: ['view *'] }\n";
    check(rules, &postgres(), &catalog(Postgresql, vec![there]), expect![[""]]);
}

/// A MySQL schema with what only MySQL has.
fn mysql() -> Catalog {
    let mut notes = table(
        "notes",
        &[
            "id int = int32 not null key",
            "kind enum('a','b') = text",
            "title varchar(100) = text(100)",
            "body longtext = text",
            "at datetime(6) = timestamp",
            "done tinyint(1) = boolean",
            "zero date = date",
        ],
    );
    numbers(&mut notes, 0, IdentityKind::ByDefault);
    notes.columns[1].traits.labels = vec!["a".to_owned(), "b".to_owned()];
    notes.columns[2].traits.collation = Some("utf8mb4_general_ci".to_owned());
    for (column, default) in [(1, "'a'"), (2, "''"), (4, "CURRENT_TIMESTAMP(6)"), (5, "b'0'"), (6, "'0000-00-00'")] {
        notes.columns[column].traits.default = Some(default.to_owned());
    }
    let prefixed = |mut index: Index, chars| {
        index.parts[0].prefix = Some(chars);
        index
    };
    notes.indexes = vec![
        prefixed(index("body", &["body"]), 20),
        prefixed(Index { unique: true, ..index("title", &["title"]) }, 10),
        prefixed(index("start", &["title"]), 10),
        Index { method: "fulltext".to_owned(), ..index("words", &["body"]) },
        index(&"long".repeat(16), &["kind"]),
    ];
    let mut other = table("other", &["id int = int32 not null key", "kind enum('a') = text"]);
    other.columns[1].traits.labels = vec!["a".to_owned()];
    other.indexes = vec![index("start", &["kind"]), index("notes", &["kind"])];
    catalog(Mysql, vec![notes, other])
}

#[test]
fn from_mysql_elsewhere() {
    check("", &mysql(), &nothing(Postgresql), expect![[""]]);
    check("", &mysql(), &nothing(Sqlite), expect![[""]]);
}

#[test]
fn from_sqlite_elsewhere() {
    let source = |system: System| {
        let mut t = table("t", &["id INTEGER = int64 not null key", "tag TEXT = text", "at TEXT = text"]);
        numbers(&mut t, 0, IdentityKind::ByDefault);
        t.columns[1].traits.collation = Some("NOCASE".to_owned());
        t.columns[2].traits.default = Some("CURRENT_TIMESTAMP".to_owned());
        t.indexes = vec![unique("sqlite_autoindex_t_1", &["tag"]), index("t", &["at"])];
        t.indexes[1].parts[0].collation = Some("NOCASE".to_owned());
        let u = table("u", &["k TEXT = text not null key"]);
        catalog(system, vec![t, u])
    };
    check("", &source(Sqlite), &nothing(Postgresql), expect![[""]]);
    check("", &source(Sqlite), &nothing(Mysql), expect![[""]]);
}

#[test]
fn patterns_of_objects_must_match() {
    let problems = planned(&plan("objects: { exclude: ['view grown_up'] }\n"), &postgres(), &nothing(Postgresql));
    expect![[""]].assert_eq(&problems.unwrap_err()[0].to_string());
}

#[test]
fn a_plan_has_no_next_numbers() {
    let hash = |source: &Catalog| planned(&plan(""), source, &nothing(Postgresql)).unwrap().sha256();
    let (before, mut after) = (postgres(), postgres());
    after.objects[1].next = Some(8);
    numbers(&mut after.tables[0], 0, IdentityKind::Serial { sequence: "orders_id_seq".to_owned() });
    after.tables[0].columns[0].traits.identity.as_mut().unwrap().next = None;
    assert_eq!(hash(&before), hash(&after));
}
