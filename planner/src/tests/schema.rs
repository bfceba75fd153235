//! Whole schemas: traits of columns, indexes, keys, partitions, and what stands beside the tables.

use expect_test::{Expect, expect};
use sensei_storage::System::{Mysql, Parquet, Postgresql, Sqlite};
use sensei_storage::{
    Catalog, Check, ForeignKey, Generation, Identity, IdentityKind, Index, IndexPart, IndexTerm, Object, ObjectKind,
    Partition, Partitioning, Table, Timing,
};

use super::{catalog, nothing, plan, planned, references, stages, table};
use crate::{Format, explain};

/// The tables of the plan, what stands beside them, and what is not carried.
pub(super) fn check(rules: &str, source: &Catalog, target: &Catalog, expected: Expect) {
    let plan = planned(&plan(rules), source, target).unwrap_or_else(|problems| panic!("{problems:?}"));
    let shown = explain(&plan, &stages(&plan, source), Format::Text);
    let from = shown.find("\nTable").unwrap();
    let mut shown = shown[from..shown.find("\nStages").unwrap()].to_owned();
    for numbering in &plan.numbering {
        shown.push_str(&format!("goes on {:?}.{} as {:?}\n", numbering.table, numbering.of, numbering.source));
    }
    expected.assert_eq(&shown);
}

pub(super) fn index(name: &str, columns: &[&str]) -> Index {
    let part = |of: &&str| IndexPart { of: IndexTerm::Column((*of).to_owned()), ..IndexPart::default() };
    let parts = columns.iter().map(part).collect();
    Index { name: name.to_owned(), method: "btree".to_owned(), parts, ..Index::default() }
}

pub(super) fn unique(name: &str, columns: &[&str]) -> Index {
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

pub(super) fn numbers(table: &mut Table, column: usize, kind: IdentityKind) {
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
    orders.indexes = vec![index("by_day", &["day"])];
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
    check(
        "",
        &postgres(),
        &nothing(Postgresql),
        expect![[r#"

            Table "orders" -> "orders" (created)
              "id" integer  ->  "id" integer not null  [numbers itself, serial]
              "email" text  ->  "email" text
              "day" date    ->  "day" date not null
              primary key (id)
              foreign key (email) -> "users" (email) deferred
              index "by_day" (day)
              partitioned by RANGE (day), 1 in all

            Table "users" -> "users" (created)
              "id" bigint                         ->  "id" bigint not null  [numbers itself, always]
              "email" text                        ->  "email" text not null
              "status" status                     ->  "status" status  [default 'new'::status]
              "created" timestamp with time zone  ->  "created" timestamp with time zone  [default now()]
              "token" uuid                        ->  "token" uuid  [default gen_random_uuid()]
              "total" numeric(10,2)               ->  "total" numeric(10,2)  [default 0.00]
              "loud" text                         ->  "loud" text  [computed, stored: (email || '!'::text)]
              "half" integer                      ->  "half" integer  [computed, stored: (age / 2)]
              "age" integer                       ->  "age" integer  [default '-1'::integer]
              primary key (id)
              unique constraint "users_email_key" (email)
              index "adults" (age) where (age > 18)
              index "with_total" (status) include (total)
              index "words" using gin (email)
              index "lower_email" (lower(email) desc)
              index "half_age" ((age % 2) desc)
              unique constraint "one_token" (token)
              check "adult" (age >= 0)

            Relations checked (1)
              - orders (email) → users (email) (foreign key; orphans fail the job)

            Declared losses and assumptions: none

            Beside the tables (6)
              - enum type "status"
              - sequence "tickets"
              - function "f()"
              - view "grown_ups"
              - view "on_view"
              - trigger "t" on "orders"

            Not carried (1)
              - type "odd": no statement creates it anew
            goes on Some("orders").id as Column { table: "orders", column: "id" }
            goes on Some("users").id as Column { table: "users", column: "id" }
            goes on None.tickets as Sequence { name: "tickets" }
        "#]],
    );
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
    check(
        rules,
        &postgres(),
        &nothing(Postgresql),
        expect![[r#"

            Table "orders" -> "orders" (created)
              "id" integer  ->  "id" integer not null  [numbers itself, serial]
              "email" text  ->  "email" text
              "day" date    ->  "on" date not null  [renamed]
              primary key (id)
              index "by_day" (on)

            Table "users" -> "people" (created)
              "id" bigint                         ->  "id" bigint not null  [numbers itself, always]
              "email" text                        ->  "email" text not null  [masked: keyed hash]
              "created" timestamp with time zone  ->  "created" timestamp with time zone  [default now()]
              "token" uuid                        ->  "token" uuid  [default gen_random_uuid()]
              "total" numeric(10,2)               ->  "total" numeric(10,2)  [default 0.00]
              "loud" text                         ->  "loud" text
              "half" integer                      ->  "half" integer  [computed, stored: ("years" / 2)]
              "age" integer                       ->  "years" integer  [renamed]  [default '-1'::integer]
              primary key (id)
              unique constraint "users_email_key" (email)
              index "adults" (years) where ("years" > 18)
              index "half_age" (("years" % 2) desc)
              unique constraint "one_token" (token)
              check "adult" ("years" >= 0)

            Relations checked: none

            Declared losses and assumptions: none

            Beside the tables (2)
              - sequence "tickets"
              - function "f()"

            Not carried (11)
              - enum type "status": the plan leaves it out
              - view "grown_ups": it names table "users", which the target does not get under that name
              - view "on_view": it names view "grown_ups", which the target does not get under that name
              - trigger "t": the plan leaves it out
              - type "odd": no statement creates it anew
              - partitions of table "orders": they are cut by column "day", which changes
              - foreign key "orders_email_fkey" of "orders" (email) to "users": only one of columns "email" and "email" is masked
              - generation expression of column "loud" of table "users": column "email" is masked; its values are carried
              - index "with_total" of table "users": column "status" is dropped or computed
              - index "words" of table "users": column "email" is masked
              - index "lower_email" of table "users": column "email" is masked
            goes on Some("orders").id as Column { table: "orders", column: "id" }
            goes on Some("people").id as Column { table: "users", column: "id" }
            goes on None.tickets as Sequence { name: "tickets" }
        "#]],
    );
}

#[test]
fn from_postgresql_elsewhere() {
    check(
        "",
        &postgres(),
        &nothing(Sqlite),
        expect![[r#"

            Table "orders" -> "orders" (created)
              "id" integer  ->  "id" INTEGER not null  [numbers itself, by default]
              "email" text  ->  "email" text
              "day" date    ->  "day" date not null
              primary key (id)
              foreign key (email) -> "users" (email) deferred
              index "by_day" (day)

            Table "users" -> "users" (created)
              "id" bigint                         ->  "id" INTEGER not null  [numbers itself, by default]
              "email" text                        ->  "email" text not null
              "status" status                     ->  "status" text  [default 'new']
              "created" timestamp with time zone  ->  "created" timestamptz  [default (strftime('%Y-%m-%d %H:%M:%S', 'now') || '+00')]
              "token" uuid                        ->  "token" uuid
              "total" numeric(10,2)               ->  "total" decimal(10,2)  [default 0.00]
              "loud" text                         ->  "loud" text  [computed, stored: ("email" || '!')]
              "half" integer                      ->  "half" int32  [computed, stored: ("age" / 2)]
              "age" integer                       ->  "age" int32  [default -1]
              primary key (id)
              unique constraint "users_email_key" (email)
              index "adults" (age) where ("age" > 18)
              index "with_total" (status)
              index "half_age" (("age" % 2) desc)
              check "users_status_labels" ("status" IN ('new', 'it''s old'))
              check "adult" ("age" >= 0)

            Relations checked (1)
              - orders (email) → users (email) (foreign key; orphans fail the job)

            Declared losses and assumptions: none

            Not carried (16)
              - enum type "status": SQLite has no types of its own; columns carry its labels
              - sequence "tickets": it stands alone, and SQLite numbers columns only
              - function "f()": it is written in PostgreSQL's SQL
              - view "grown_ups": it is written in PostgreSQL's SQL
              - view "on_view": it is written in PostgreSQL's SQL
              - trigger "t": it is written in PostgreSQL's SQL
              - type "odd": PostgreSQL's own type; columns carry its values
              - partitions of table "orders": the table is one piece in SQLite, which cuts tables in another way
              - labels of column "status" of table "users": a check in SQLite, their order is not carried
              - comments on table "users" and its columns: SQLite keeps none
              - default of column "created" of table "users": it gives the time to the second
              - default of column "token" of table "users": it calls PostgreSQL's function gen_random_uuid()
              - index "with_total" of table "users": SQLite stores no further columns in an index; it is carried without them
              - index "words" of table "users": it is a gin index, PostgreSQL's own kind
              - index "lower_email" of table "users": it calls lower(), which knows only ASCII letters in SQLite
              - unique constraint "one_token" of table "users": it takes NULLs for equal, which SQLite does not
            goes on Some("orders").id as Column { table: "orders", column: "id" }
            goes on Some("users").id as Column { table: "users", column: "id" }
        "#]],
    );
    check(
        "",
        &postgres(),
        &nothing(Mysql),
        expect![[r#"

            Table "orders" -> "orders" (created)
              "id" integer  ->  "id" int32 not null  [numbers itself, by default]
              "email" text  ->  "email" text  [collation utf8mb4_0900_bin]
              "day" date    ->  "day" date not null
              primary key (id)
              index "by_day" (day)

            Table "users" -> "users" (created)
              "id" bigint                         ->  "id" int64 not null  [numbers itself, by default]
              "email" text                        ->  "email" text not null  [collation utf8mb4_0900_bin]
              "status" status                     ->  "status" enum('new','it''s old')  [default 'new']  [collation utf8mb4_0900_bin]
              "created" timestamp with time zone  ->  "created" timestamptz  [default CURRENT_TIMESTAMP]
              "token" uuid                        ->  "token" uuid  [default (uuid())]
              "total" numeric(10,2)               ->  "total" decimal(10,2)  [default 0.00]
              "loud" text                         ->  "loud" text  [computed, stored: concat(`email`, '!')]  [collation utf8mb4_0900_bin]
              "half" integer                      ->  "half" int32  [computed, stored: (`age` DIV 2)]
              "age" integer                       ->  "age" int32  [default -1]
              primary key (id)
              index "with_total" (status)
              index "half_age" ((`age` % 2) desc)
              check "adult" (`age` >= 0)

            Relations checked (1)
              - orders (email) → users (email) (foreign key; orphans fail the job)

            Declared losses and assumptions: none

            Not carried (16)
              - enum type "status": MySQL has no types of its own; columns carry its labels
              - sequence "tickets": it stands alone, and MySQL numbers columns only
              - function "f()": it is written in PostgreSQL's SQL
              - view "grown_ups": it is written in PostgreSQL's SQL
              - view "on_view": it is written in PostgreSQL's SQL
              - trigger "t": it is written in PostgreSQL's SQL
              - type "odd": PostgreSQL's own type; columns carry its values
              - partitions of table "orders": the table is one piece in MySQL, which cuts tables in another way
              - foreign key "orders_email_fkey" of "orders" (email) to "users": what it refers to is no unique key of "users" in the target; its rows are checked without it
              - default of column "token" of table "users": it gives UUIDs of version 1, which tell time and machine
              - unique constraint "users_email_key" of table "users": MySQL indexes no more than 768 characters, which column "email" may exceed (say with `type` how long it is)
              - index "adults" of table "users": MySQL has no indexes with a condition
              - index "with_total" of table "users": MySQL stores no further columns in an index; it is carried without them
              - index "words" of table "users": it is a gin index, PostgreSQL's own kind
              - index "lower_email" of table "users": MySQL indexes no expression of column "email", whose length is open
              - unique constraint "one_token" of table "users": it takes NULLs for equal, which MySQL does not
            goes on Some("orders").id as Column { table: "orders", column: "id" }
            goes on Some("users").id as Column { table: "users", column: "id" }
        "#]],
    );
    check(
        "",
        &postgres(),
        &nothing(Parquet),
        expect![[r#"

            Table "orders" -> "orders" (created)
              "id" integer  ->  "id" int32 not null
              "email" text  ->  "email" text
              "day" date    ->  "day" date not null
              primary key (id)

            Table "users" -> "users" (created)
              "id" bigint                         ->  "id" int64 not null
              "email" text                        ->  "email" text not null
              "status" status                     ->  "status" text
              "created" timestamp with time zone  ->  "created" timestamptz
              "token" uuid                        ->  "token" uuid
              "total" numeric(10,2)               ->  "total" decimal(10,2)
              "loud" text                         ->  "loud" text
              "half" integer                      ->  "half" int32
              "age" integer                       ->  "age" int32
              primary key (id)

            Relations checked (1)
              - orders (email) → users (email) (foreign key; orphans fail the job)

            Declared losses and assumptions: none

            Not carried (10)
              - enum type "status": Parquet has no types of its own; columns carry its labels
              - sequence "tickets": it stands alone, and Parquet numbers columns only
              - function "f()": it is written in PostgreSQL's SQL
              - view "grown_ups": it is written in PostgreSQL's SQL
              - view "on_view": it is written in PostgreSQL's SQL
              - trigger "t": it is written in PostgreSQL's SQL
              - type "odd": PostgreSQL's own type; columns carry its values
              - indexes and partitions of table "orders": Parquet holds rows only
              - foreign key "orders_email_fkey" of "orders" (email) to "users": what it refers to is no unique key of "users" in the target; its rows are checked without it
              - labels, defaults, generation expressions, indexes and checks of table "users": Parquet holds rows only
        "#]],
    );
}

#[test]
fn tables_that_are_there_keep_their_own() {
    let mut there = table("users", &["id bigint = int64 not null key", "email text = text not null"]);
    numbers(&mut there, 0, IdentityKind::ByDefault);
    let rules = "tables: { include: [users], rules: [ { table: users, columns: { status: { drop: true }, created: { drop: \
                 true }, token: { drop: true }, total: { drop: true }, loud: { drop: true }, half: { drop: true }, age: \
                 { drop: true } } } ] }\nobjects: { include: ['view *'] }\n";
    check(
        rules,
        &postgres(),
        &catalog(Postgresql, vec![there]),
        expect![[r#"

            Table "users" -> "users" (exists)
              "id" bigint   ->  "id" bigint not null
              "email" text  ->  "email" text not null
              primary key (id)

            Relations checked: none

            Declared losses and assumptions: none

            Beside the tables (2)
              - view "grown_ups"
              - view "on_view"

            Not carried (6)
              - enum type "status": the plan leaves it out
              - sequence "tickets": the plan leaves it out
              - function "f()": the plan leaves it out
              - trigger "t": the plan leaves it out
              - type "odd": the plan leaves it out
              - defaults, generation expressions, indexes and checks of table "users": the target's table keeps its own
            goes on Some("users").id as Column { table: "users", column: "id" }
        "#]],
    );
}

#[test]
fn patterns_of_objects_must_match() {
    let problems = planned(&plan("objects: { exclude: ['view grown_up'] }\n"), &postgres(), &nothing(Postgresql));
    expect![[r#"
        P202: pattern "view grown_up" in `objects.exclude` matches nothing
        DETAIL:  The source has "enum type status", "sequence tickets", "function f()", "view grown_ups", "view on_view", "trigger t", "type odd". Case matters.
        HINT:  Did you mean "view grown_ups"?"#]].assert_eq(&problems.unwrap_err()[0].to_string());
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
