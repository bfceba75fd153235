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
    check(&plan(rules), &shop(), &nothing(Postgresql), expect![[""]]);
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
    check(&plan(rules), &shop(), &nothing(Postgresql), expect![[""]]);
}

#[test]
fn unsupported_types_are_named_one_by_one() {
    let places = table("places", &["id bigint = int64 not null key", "at point = ?", "area polygon = ?"]);
    check(&plan(""), &catalog(Postgresql, vec![places]), &nothing(Sqlite), expect![[""]]);
    let loose = table("loose", &["a = ?", "b MONEY = ?", "c MONEY = ?"]);
    let rules = "tables: { rules: [ { table: loose, columns: { b: { type: 'decimal(10,2)' } } } ] }\n";
    check(&plan(rules), &catalog(Sqlite, vec![loose.clone()]), &nothing(Sqlite), expect![[""]]);
    let rules = "tables: { rules: [ { table: loose, columns: { a: { drop: true }, c: { drop: true } } } ] }\n\
                 types: [ { from: 'sqlite:Money', to: numeric } ]\n";
    check(&plan(rules), &catalog(Sqlite, vec![loose]), &nothing(Sqlite), expect![[""]]);
}

#[test]
fn csv_columns_are_read_as_declared() {
    let rows = table("rows", &["id text = text", "day text = text"]);
    let rules = "tables: { rules: [ { table: rows, columns: { id: { type: int64 }, day: { type: timestamptz, into: at } } } ] }\n";
    check(&plan(rules), &catalog(Csv, vec![rows]), &nothing(Postgresql), expect![[""]]);
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
    check(&plan(""), &catalog(Postgresql, vec![source.clone()]), &nothing(Postgresql), expect![[""]]);
    check(&plan(""), &catalog(Postgresql, vec![source]), &nothing(Sqlite), expect![[""]]);
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
    check(&plan(rules), &shop(), &target, expect![[""]]);
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
    check(&plan(rules), &shop(), &target, expect![[""]]);
    check(&plan(&rules.replace("type: timestamptz", "type: date")), &shop(), &target, expect![[""]]);
}

#[test]
fn zones_need_a_word_and_losses_are_listed() {
    let source = table("t", &["at DATETIME = timestamp", "n INTEGER = int64 key", "j JSON = json"]);
    let types = "types: [ { from: 'sqlite:datetime', to: timestamptz } ]\n\
                 tables: { rules: [ { table: t, columns: { n: { type: float64 }, j: { type: jsonb } } } ] }\n";
    check(&plan(types), &catalog(Sqlite, vec![source.clone()]), &nothing(Postgresql), expect![[""]]);
    let refused = "tables: { rules: [ { table: t, columns: { at: { type: int64 } } } ] }\n";
    check(&plan(refused), &catalog(Sqlite, vec![source]), &nothing(Postgresql), expect![[""]]);
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
    check(&rules("{}", "{}"), &source, &nothing(Postgresql), expect![[""]]);
    check(&rules(&mask("A"), &mask("A")), &source, &nothing(Postgresql), expect![[""]]);
    let reasons = |parent: &str, child: &str| {
        let plan = planned(&rules(parent, child), &source, &nothing(Postgresql)).unwrap();
        assert!(plan.tables[1].target.foreign_keys.is_empty());
        plan.not_carried.into_iter().find(|note| note.contains("(c)")).unwrap()
    };
    expect![[""]].assert_eq(&reasons(&mask("A"), &mask("B")));
    expect![[""]].assert_eq(&reasons(&mask("A"), "{}"));
    expect![[""]].assert_eq(&reasons("{ expr: 'abs(1)' }", "{}"));
    expect![[""]].assert_eq(&reasons("{ type: text }", "{}"));
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
    check(&plan(rules), &source, &nothing(Sqlite), expect![[""]]);
    check(&plan(rules), &source, &nothing(Postgresql), expect![[""]]);
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
    check(&plan(&rules), &shop(), &target, expect![[""]]);
    let rules = rules.replacen("SECRET_A", "EMPTY", 1);
    check(&plan(&rules), &shop(), &nothing(Postgresql), expect![[""]]);
}

#[test]
fn places_that_make_no_sense() {
    let text = "version: 1\nname: t\nsource: { url: 'x', schema: s, csv: {} }\ntarget: { url: 'x' }\n";
    check(text, &shop(), &nothing(Csv), expect![[""]]);
    check(&plan("tables: { exclude: ['*'] }\n"), &shop(), &nothing(Parquet), expect![[""]]);
    check(&plan(""), &nothing(Sqlite), &nothing(Parquet), expect![[""]]);
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
