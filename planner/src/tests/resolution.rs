//! From file and catalogs to plan: what is taken, what is refused.

use expect_test::expect;
use sensei_storage::System::{Csv, Parquet, Postgresql, Sqlite};

use super::{catalog, check, nothing, plan, planned, references, shop, table};

#[test]
fn plain_copy_with_rules() {
    let rules = r#"
tables:
  exclude: ["tmp_*"]
  rules:
    - table: Customer
      into: customers
      where: "Fax > 'x'"
      columns:
        Email: { expr: "lower(Email)" }
        Name: { into: name, mask: { keyed_hash: { key: "${SECRET_KEY}" } } }
        Fax: { drop: true }
        Label: { expr: "concat(Name, Email)", type: varchar(80) }
"#;
    check(
        &plan(rules),
        &shop(),
        &nothing(Postgresql),
        expect![[r#"
        Customer -> customers
          read Id int64, Name text(40), Email text, Fax text, Since timestamp
          Id int64 -> Id int64 "bigint" not null
          Name text(40) masked -> name text "text" not null
          `lower(Email)` text -> Email text "text"
          Since timestamp -> Since timestamp "timestamp"
          `concat(Name, Email)` text -> Label text(80) "varchar(80)"
          primary key Id
        Invoice -> Invoice
          read Id int64, CustomerId int64, Total decimal(10,2)
          Id int64 -> Id int64 "bigint" not null
          CustomerId int64 -> CustomerId int64 "bigint" not null
          Total decimal(10,2) -> Total decimal(10,2) "numeric(10,2)"
          primary key Id
        not carried view "Sales"
        not carried foreign key of "Invoice" (CustomerId) to "Customer": only some rows of "Customer" are taken
    "#]],
    );
}

#[test]
fn all_problems_at_once() {
    let rules = r#"
tables:
  include: ["Customer", "Invoices", "Sales"]
  rules:
    - table: Custommer
    - table: tmp_log
    - table: Customer
      where: "Name"
      columns:
        Emial: { drop: true }
        Fax: { drop: true, into: x }
        Since: { type: datetimes }
        Name: { expr: "lower(Nam)" }
        Email: { into: "" }
types:
  - { from: "sqllite:datetime", to: timestamptz }
  - { from: "sqlite", to: timestamptz }
  - { from: "sqlite:datetime", to: time stamp }
"#;
    check(
        &plan(rules),
        &shop(),
        &nothing(Postgresql),
        expect![[r#"
            P103: `types[0].from` names the unknown system "sqllite"
            HINT:  Did you mean "sqlite"?
            P103: value of `types[1].from` is not valid
            DETAIL:  It must be `system:type`, as in `sqlite:datetime`.
            P204: type "time stamp", declared for `types[2].to`, is not known
            DETAIL:  The logical types are boolean, int16, int32, int64, float32, float64, decimal(p,s), numeric, text, text(n), bytes, date, time, timestamp, timestamptz, interval, uuid, json, jsonb, bits, bits(n), geometry, a system's own as in postgresql:inet, and any of these with [] for an array.
            P202: pattern "Invoices" in `tables.include` matches no table
            DETAIL:  The source has "Customer", "Invoice", "tmp_log". Case matters.
            HINT:  Did you mean "Invoice"?
            P202: pattern "Sales" in `tables.include` matches no table
            DETAIL:  The source has view "Sales", and only ordinary tables are carried.
            P202: table "Custommer", which has a rule, does not exist in the source
            DETAIL:  The source has "Customer", "Invoice", "tmp_log". Case matters.
            HINT:  Did you mean "Customer"?
            P202: rule for table "tmp_log" has no effect
            DETAIL:  The table is not included, or it is excluded.
            P204: type "datetimes", declared for column "Since" of table "Customer", is not known
            DETAIL:  The logical types are boolean, int16, int32, int64, float32, float64, decimal(p,s), numeric, text, text(n), bytes, date, time, timestamp, timestamptz, interval, uuid, json, jsonb, bits, bits(n), geometry, a system's own as in postgresql:inet, and any of these with [] for an array.
            P206: `where` of table "Customer" is not a condition
            DETAIL:  It gives text(40), not boolean.
            P206: `expr` of column "Name" of table "Customer" does not compile
            DETAIL:  There is no column "Nam".
            P203: column "Fax" of table "Customer" is dropped and has other rules
            HINT:  Keep `drop`, or keep the others.
            P203: column "Emial", which has a rule, does not exist in table "Customer"
            DETAIL:  The table has "Id", "Name", "Email", "Fax", "Since".
            HINT:  Did you mean "Email"?
            P207: column "Email" of table "Customer" cannot be named "" in the target
            DETAIL:  It is empty.
            HINT:  Choose another name with `into`.
        "#]],
    );
}

#[test]
fn unsupported_types_are_named_one_by_one() {
    let places = table("places", &["id bigint = int64 not null key", "at point = ?", "area polygon = ?"]);
    check(
        &plan(""),
        &catalog(Postgresql, vec![places]),
        &nothing(Sqlite),
        expect![[r#"
        P204: column "at" of table "places" has type "point", which is not supported
        DETAIL:  Sensei does not read this postgresql type yet, and does not turn it into text unasked.
        HINT:  Leave it out: `"at": { drop: true }`. Or give another value in its place with `expr`.
        P204: column "area" of table "places" has type "polygon", which is not supported
        DETAIL:  Sensei does not read this postgresql type yet, and does not turn it into text unasked.
        HINT:  Leave it out: `"area": { drop: true }`. Or give another value in its place with `expr`.
    "#]],
    );
    let loose = table("loose", &["a = ?", "b MONEY = ?", "c MONEY = ?"]);
    let rules = "tables: { rules: [ { table: loose, columns: { b: { type: 'decimal(10,2)' } } } ] }\n";
    check(
        &plan(rules),
        &catalog(Sqlite, vec![loose.clone()]),
        &nothing(Sqlite),
        expect![[r#"
        P204: column "a" of table "loose" has no declared type
        DETAIL:  SQLite lets it hold values of any type, and Sensei does not guess.
        HINT:  Declare one, as in `"a": { type: text }`. Leave it out: `"a": { drop: true }`.
        P204: column "c" of table "loose" has type "MONEY", which is not supported
        DETAIL:  Sensei does not read this sqlite type yet, and does not turn it into text unasked.
        HINT:  Say what it is: `"c": { type: text }`. Leave it out: `"c": { drop: true }`.
    "#]],
    );
    let rules = "tables: { rules: [ { table: loose, columns: { a: { drop: true }, c: { drop: true } } } ] }\n\
                 types: [ { from: 'sqlite:Money', to: numeric } ]\n";
    check(
        &plan(rules),
        &catalog(Sqlite, vec![loose]),
        &nothing(Sqlite),
        expect![[r#"
        loose -> loose
          read b numeric
          b numeric -> b numeric "numeric"
    "#]],
    );
}

#[test]
fn csv_columns_are_read_as_declared() {
    let rows = table("rows", &["id text = text", "day text = text"]);
    let rules = "tables: { rules: [ { table: rows, columns: { id: { type: int64 }, day: { type: timestamptz, into: at } } } ] }\n";
    check(
        &plan(rules),
        &catalog(Csv, vec![rows]),
        &nothing(Postgresql),
        expect![[r#"
        rows -> rows
          read id int64, day timestamptz
          id int64 -> id int64 "bigint"
          day timestamptz -> at timestamptz "timestamptz"
    "#]],
    );
}

#[test]
fn same_system_keeps_type_texts_and_notes_what_it_cannot() {
    let source = table(
        "t",
        &[
            "id integer = int32 not null key",
            "code character(5) = text(5)",
            "price numeric(10,2) = decimal(10,2)",
            "at timestamp(3) without time zone = timestamp",
            "mood mood = text",
            "size posint = int32",
            "twice integer = int32 generated",
        ],
    );
    check(
        &plan(""),
        &catalog(Postgresql, vec![source.clone()]),
        &nothing(Postgresql),
        expect![[r#"
            t -> t
              read id int32, code text(5), price decimal(10,2), at timestamp, mood text, size int32, twice int32
              id int32 -> id int32 "integer" not null
              code text(5) -> code text(5) "character(5)"
              price decimal(10,2) -> price decimal(10,2) "numeric(10,2)"
              at timestamp -> at timestamp "timestamp(3) without time zone"
              mood text -> mood text "mood"
              size int32 -> size int32 "posint"
              twice int32 -> twice int32 "integer"
              primary key id
        "#]],
    );
    check(
        &plan(""),
        &catalog(Postgresql, vec![source]),
        &nothing(Sqlite),
        expect![[r#"
            t -> t
              read id int32, code text(5), price decimal(10,2), at timestamp, mood text, size int32, twice int32
              id int32 -> id int32 "int32" not null
              code text(5) -> code text(5) "text(5)"
              price decimal(10,2) -> price decimal(10,2) "decimal(10,2)"
              at timestamp -> at timestamp "timestamp"
              mood text -> mood text "text"
              size int32 -> size int32 "int32"
              twice int32 -> twice int32 "int32"
              primary key id
            not carried blank padding of column "code" of table "t": "character(5)" becomes text(5), its values keep their blanks
            not carried type "mood" of column "mood" of table "t": its values are carried as text
            not carried type "posint" of column "size" of table "t": its values are carried as int32
        "#]],
    );
}

#[test]
fn existing_tables_must_fit() {
    let found = table(
        "Customer",
        &[
            "Id integer = int32 not null key",
            "Name character varying(20) = text(20) not null",
            "Email character(40) = text(40)",
            "Since timestamp with time zone = timestamptz",
            "Extra text = text",
            "Needed text = text not null",
            "Loud text = text generated",
        ],
    );
    let target = catalog(Postgresql, vec![found]);
    let rules = "tables: { include: [Customer] }\n";
    check(
        &plan(rules),
        &shop(),
        &target,
        expect![[r#"
        P208: column "Email" of table "Customer" goes into a column of type character(40)
        DETAIL:  That type pads values with blanks, so that what is read back differs from what was read.
        HINT:  Make the target's column text or varchar, or pad with `expr` on purpose.
        P208: column "Fax" of table "Customer" has no column "Fax" to go to
        DETAIL:  Table "Customer" exists in the target and has no such column.
        HINT:  Name it with `into`, or leave it out with `drop`.
        P205: column "Since" of table "Customer" is timestamp and would become timestamptz
        DETAIL:  That is right only if times without a zone are taken as UTC, which Sensei does not guess.
        HINT:  Say so with `type: timestamptz` in the column's rule, or under `types`.
    "#]],
    );
    let rules = r#"
tables:
  include: [Customer]
  rules:
    - table: Customer
      columns:
        Email: { expr: "rpad(Email)" }
        Since: { type: timestamptz }
        Fax: { into: Loud }
        Needed: { expr: "upper(Name)" }
"#;
    check(
        &plan(rules),
        &shop(),
        &target,
        expect![[r#"
        Customer -> Customer (exists)
          read Id int64, Name text(40), Email text, Since timestamp
          Id int64 -> Id int32 "integer" not null
          Name text(40) -> Name text(20) "character varying(20)" not null
          `rpad(Email)` text -> Email text(40) "character(40)"
          Since timestamp -> Since timestamptz "timestamp with time zone"
          `upper(Name)` text -> Needed text "text" not null
          primary key Id
        lossy Customer.Since: times without a zone are taken as UTC
        not carried view "Sales"
        not carried column "Fax" of table "Customer": the target computes column "Loud" itself
        not carried column "Extra" of the target's table "Customer": the plan has no value for it
    "#]],
    );
    check(
        &plan(&rules.replace("type: timestamptz", "type: date")),
        &shop(),
        &target,
        expect![[r#"
        P208: column "Since" of table "Customer" is declared date, and the target's column is timestamptz
        HINT:  Leave out `type`, or change the target.
    "#]],
    );
}

#[test]
fn zones_need_a_word_and_losses_are_listed() {
    let source = table("t", &["at DATETIME = timestamp", "n INTEGER = int64 key", "j JSON = json"]);
    let types = "types: [ { from: 'sqlite:datetime', to: timestamptz } ]\n\
                 tables: { rules: [ { table: t, columns: { n: { type: float64 }, j: { type: jsonb } } } ] }\n";
    check(
        &plan(types),
        &catalog(Sqlite, vec![source.clone()]),
        &nothing(Postgresql),
        expect![[r#"
        t -> t
          read at timestamp, n int64, j json
          at timestamp -> at timestamptz "timestamptz"
          n int64 -> n float64 "float64"
          j json -> j jsonb "jsonb"
        lossy t.at: times without a zone are taken as UTC
        lossy t.n: integers beyond 2^53 are rounded to float64
        lossy t.j: white space, key order and repeated keys are not kept
        not carried primary key of "t": column "n" is converted with a loss
    "#]],
    );
    let refused = "tables: { rules: [ { table: t, columns: { at: { type: int64 } } } ] }\n";
    check(
        &plan(refused),
        &catalog(Parquet, vec![source]),
        &nothing(Postgresql),
        expect![[r#"
        P205: column "at" of table "t" is timestamp and would become int64
        DETAIL:  Sensei has no conversion between these types.
        HINT:  Convert it with `expr`, or give the target's column another type.
    "#]],
    );
}

#[test]
fn a_declared_type_of_sqlite_is_overruled() {
    let columns =
        ["Id INTEGER = int64 key", "At DATETIME = timestamp", "Gone DATETIME = timestamp", "Note JSON = json"];
    let source = catalog(Sqlite, vec![table("t", &columns)]);
    let own = "tables: { rules: [ { table: t, columns: { At: { type: int64 }, Note: { type: text } } } ] }\n";
    check(
        &plan(own),
        &source,
        &nothing(Postgresql),
        expect![[r#"
        t -> t
          read Id int64, At int64, Gone timestamp, Note text
          Id int64 -> Id int64 "bigint"
          At int64 -> At int64 "bigint"
          Gone timestamp -> Gone timestamp "timestamp"
          Note text -> Note text "text"
          primary key Id
    "#]],
    );
    // What `type` says beside `expr` is said of the result.
    let computed = "types: [ { from: 'sqlite:datetime', to: int64 } ]\n\
                    tables: { rules: [ { table: t, columns: { At: { expr: 'f(At)', type: text }, \
                    Note: { expr: 'Note > 1', type: boolean } } } ] }\n";
    check(
        &plan(computed),
        &source,
        &nothing(Postgresql),
        expect![[r#"
        t -> t
          read Id int64, At int64, Gone int64, Note json
          Id int64 -> Id int64 "bigint"
          `f(At)` text -> At text "text"
          Gone int64 -> Gone int64 "bigint"
          `Note > 1` boolean -> Note boolean "boolean"
          primary key Id
    "#]],
    );
}

#[test]
fn foreign_keys_are_carried_or_explained() {
    let customer = table("C", &["id int = int64 not null key", "code text = text", "mail text = text"]);
    let order =
        table("O", &["c int = int64", "code text = text", "x int = int64", "mail text = text", "gone int = int64"]);
    let order = references(order, &["c"], "C", &["id"]);
    let order = references(order, &["code"], "C", &["code"]);
    let order = references(order, &["x"], "X", &["id"]);
    let order = references(order, &["gone"], "c", &[]);
    let source = catalog(Sqlite, vec![customer, order]);
    let rules = |parent: &str, child: &str| {
        plan(&format!(
            "tables:\n  rules:\n    - table: C\n      columns: {{ id: {parent} }}\n    - table: O\n      \
             columns: {{ gone: {{ drop: true }}, c: {child} }}\n"
        ))
    };
    let mask = |key: &str| format!("{{ mask: {{ keyed_hash: {{ key: '${{SECRET_{key}}}' }} }} }}");
    check(
        &rules("{}", "{}"),
        &source,
        &nothing(Postgresql),
        expect![[r#"
            C -> C
              read id int64, code text, mail text
              id int64 -> id int64 "bigint" not null
              code text -> code text "text"
              mail text -> mail text "text"
              primary key id
            O -> O
              read c int64, code text, x int64, mail text
              c int64 -> c int64 "bigint"
              code text -> code text "text"
              x int64 -> x int64 "bigint"
              mail text -> mail text "text"
              foreign key c -> C (id)
            not carried foreign key of "O" (code) to "C": what it refers to is no unique key of "C" in the target; its rows are checked without it
            not carried foreign key of "O" (x) to "X": table "X" is not part of the plan
            not carried foreign key of "O" (gone) to "c": column "gone" of "O" is dropped or computed
        "#]],
    );
    check(
        &rules(&mask("A"), &mask("A")),
        &source,
        &nothing(Postgresql),
        expect![[r#"
            C -> C
              read id int64, code text, mail text
              id int64 masked -> id text "text" not null
              code text -> code text "text"
              mail text -> mail text "text"
              primary key id
            O -> O
              read c int64, code text, x int64, mail text
              c int64 masked -> c text "text"
              code text -> code text "text"
              x int64 -> x int64 "bigint"
              mail text -> mail text "text"
              foreign key c -> C (id)
            not carried foreign key of "O" (code) to "C": what it refers to is no unique key of "C" in the target; its rows are checked without it
            not carried foreign key of "O" (x) to "X": table "X" is not part of the plan
            not carried foreign key of "O" (gone) to "c": column "gone" of "O" is dropped or computed
        "#]],
    );
    let reasons = |parent: &str, child: &str| {
        let plan = planned(&rules(parent, child), &source, &nothing(Postgresql)).unwrap();
        assert!(plan.tables[1].target.foreign_keys.is_empty());
        plan.not_carried.into_iter().find(|note| note.contains("(c)")).unwrap()
    };
    expect![[r#"foreign key of "O" (c) to "C": columns "c" and "id" are masked with different keys"#]]
        .assert_eq(&reasons(&mask("A"), &mask("B")));
    expect![[r#"foreign key of "O" (c) to "C": only one of columns "c" and "id" is masked"#]]
        .assert_eq(&reasons(&mask("A"), "{}"));
    expect![[r#"foreign key of "O" (c) to "C": column "id" of "C" is dropped or computed"#]]
        .assert_eq(&reasons("{ expr: 'abs(1)' }", "{}"));
    expect![[r#"foreign key of "O" (c) to "C": column "c" is int64 and "id" is text"#]]
        .assert_eq(&reasons("{ type: text }", "{}"));
    let filtered = rules("{}", "{}").replace("- table: C", "- table: C\n      where: '1 = 1'");
    let plan = planned(&filtered, &source, &nothing(Postgresql)).unwrap();
    assert!(plan.not_carried.iter().any(|note| note.ends_with("only some rows of \"C\" are taken")));
}

#[test]
fn names_must_be_free_and_fit() {
    let long = "x".repeat(64);
    let source = catalog(
        Sqlite,
        vec![table("a", &["x int = int64", "y int = int64"]), table("B", &[&format!("{long} int = int64")])],
    );
    let rules = "tables: { rules: [ { table: a, into: b, columns: { x: { into: Y } } } ] }\n";
    check(
        &plan(rules),
        &source,
        &nothing(Sqlite),
        expect![[r#"
        P207: table "a" and table "B" would both become table "B"
        DETAIL:  The target does not tell names apart that differ only in case.
        HINT:  Choose another name with `into`.
        P207: column "x" of table "a" and column "y" of table "a" would both become column "y"
        DETAIL:  The target does not tell names apart that differ only in case.
        HINT:  Choose another name with `into`.
    "#]],
    );
    check(
        &plan(rules),
        &source,
        &nothing(Postgresql),
        expect![[r#"
        P207: column "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" of table "B" cannot be named "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" in the target
        DETAIL:  It has 64 bytes, and the target's limit is 63.
        HINT:  Choose another name with `into`.
    "#]],
    );
}

#[test]
fn masks_need_text_and_a_key() {
    let target = catalog(
        Postgresql,
        vec![table("Customer", &["Id bigint = int64", "Name varchar(64) = text(64)", "Email varchar(63) = text(63)"])],
    );
    let mask = "{ mask: { keyed_hash: { key: '${SECRET_A}' } } }";
    let rules = format!(
        "tables: {{ include: [Customer], rules: [ {{ table: Customer, columns: {{ Id: {mask}, Name: {mask}, \
         Email: {mask}, Fax: {{ drop: true }}, Since: {{ drop: true }} }} }} ] }}\n"
    );
    check(
        &plan(&rules),
        &shop(),
        &target,
        expect![[r#"
        P209: column "Id" of table "Customer" is masked, and its target has type bigint
        DETAIL:  A keyed hash is text of 64 hexadecimal digits.
        HINT:  Make the target's column text.
        P209: column "Email" of table "Customer" is masked, and its target has type varchar(63)
        DETAIL:  A keyed hash is text of 64 hexadecimal digits.
        HINT:  Make the target's column text.
    "#]],
    );
    let rules = rules.replacen("SECRET_A", "EMPTY", 1);
    check(
        &plan(&rules),
        &shop(),
        &nothing(Postgresql),
        expect![[r#"
        P209: mask of column "Id" of table "Customer" has an empty key
        HINT:  Set the variable that the key comes from.
    "#]],
    );
}

#[test]
fn places_that_make_no_sense() {
    let text = "version: 1\nname: t\nsource: { url: 'x', schema: s, csv: {} }\ntarget: { url: 'x' }\n";
    check(
        text,
        &shop(),
        &nothing(Csv),
        expect![[r#"
        P201: csv cannot be a target
        HINT:  Parquet files can.
        P201: source and target are the same place
        DETAIL:  The tables would be copied onto themselves.
        HINT:  Give the target another URL or schema.
        P201: `source.csv` is given, and the source is sqlite
        HINT:  Leave it out.
        P201: `source.schema` is given, and sqlite has no schemas
        HINT:  Leave it out.
    "#]],
    );
    check(
        &plan("tables: { exclude: ['*'] }\n"),
        &shop(),
        &nothing(Parquet),
        expect![[r#"
        P202: plan takes no table
        DETAIL:  The source has 3 tables, and the patterns leave none.
    "#]],
    );
    check(
        &plan(""),
        &nothing(Sqlite),
        &nothing(Parquet),
        expect![[r#"
        P202: plan takes no table
        DETAIL:  The source has no tables there.
    "#]],
    );
}

#[test]
fn hash_depends_on_meaning_and_not_on_layout() {
    let (source, target) = (shop(), nothing(Postgresql));
    let hash = |rest: &str| planned(&plan(rest), &source, &target).unwrap().sha256();
    assert_eq!(hash("verify: full\nrejects: { max: 0 }\n"), hash("rejects:\n  max: 0\n"));
    assert_ne!(hash("verify: counts\n"), hash(""));
    let key = |key| {
        format!(
            "tables: {{ rules: [ {{ table: Customer, columns: {{ Fax: {{ mask: {{ keyed_hash: {{ key: '{key}' }} }} }} }} }} ] }}\n"
        )
    };
    assert_eq!(hash(&key("${SECRET_A}")), hash(&key("${SECRET_B}")));
}
