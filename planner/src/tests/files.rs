//! What the plan file alone shows to be wrong.

use expect_test::expect;

use super::{SECRET, check_file, lookup, plan};
use crate::PlanFile;

#[test]
fn unknown_keys_name_the_nearest_and_the_place() {
    check_file(
        &plan("tables:\n  rules:\n    - table: Customer\n      colums:\n        Email: { drop: true }\n"),
        expect![[""]],
    );
    check_file(
        &plan("tables:\n  rules:\n    - table: A\n      columns:\n        Odd Name: { mask: { keyed_hsh: {} } }\n"),
        expect![[""]],
    );
    check_file(&plan("vefiry: full\n"), expect![[""]]);
}

#[test]
fn wrong_values_are_placed_and_never_quoted() {
    check_file(&plan("verify: '${SECRET_WORD}'\n"), expect![[""]]);
    check_file(&plan("limits: { workers: \"${SECRET_NUMBER}\" }\n"), expect![[""]]);
    check_file(&plan("limits: { memory: 256MB }\n"), expect![[""]]);
    check_file(&plan("tables: [\"*\"]\n"), expect![[""]]);
    check_file(&plan("tables:\n  include: all\n"), expect![[""]]);
    check_file("version: 1\nname: t\nsource: { url: [1] }\ntarget: { url: b }\n", expect![[""]]);
    check_file("version: 1\nname: t\nsource: { url: a }\n", expect![[""]]);
}

#[test]
fn bounds() {
    check_file(
        "version: 2\nname: Shop 1\nsource: { url: '', csv: { delimiter: '::', quote: '' } }\ntarget: { url: b }\n\
         limits: { workers: 0, memory: 1MiB, split: 8GiB }\n",
        expect![[""]],
    );
}

#[test]
fn not_yaml_or_more_than_yaml() {
    check_file("", expect![[""]]);
    check_file("# only a comment\n", expect![[""]]);
    check_file("version: 1\nname: [\n", expect![[""]]);
    check_file("version: 1\nversion: 1\n", expect![[""]]);
    check_file("version: &a 1\nname: *a\n", expect![[""]]);
    check_file("version: !!int 1\n", expect![[""]]);
    check_file("version: 1\n---\nversion: 1\n", expect![[""]]);
    check_file("just text\n", expect![[""]]);
    check_file(&"[".repeat(200), expect![[""]]);
}

#[test]
fn variables() {
    check_file(
        "version: 1\nname: t\nsource: { url: 'x${NOT_SET}' }\ntarget: { url: '${ALSO_NOT}' }\nstate: '${bad'\n",
        expect![[""]],
    );
    let text = plan("limits: { workers: '${THREE}' }\nstate: 'a$$b$c${YAML}'\nrejects: { to: '${EMPTY}x' }\n");
    let file = PlanFile::parse(&text, &lookup).unwrap();
    assert_eq!(file.limits.workers, Some(3));
    assert_eq!(file.state, "a$b$c{ a: b }\nc: d");
    assert_eq!(file.rejects.to, "x");
}

#[test]
fn everything_at_once() {
    check_file(
        r#"
version: 1
name: chinook
source: { url: "sqlite:data/chinook.db" , quiesced: true, csv: { delimiter: "\t", null: NULL, header: false } }
target: { url: "postgresql://postgres:${SECRET_PG}@localhost:5432/chinook", schema: public, on_existing: truncate }
state: ./sensei-state
tables:
  include: ["*"]
  exclude: ["tmp_*"]
  rules:
    - table: Customer
      into: customers
      where: "Country <> 'XX'"
      columns:
        Email: { expr: "lower(trim(Email))" }
        Phone: { into: phone, mask: { keyed_hash: { key: "${SECRET_MASK}" } } }
        Fax:   { drop: true }
types:
  - { from: "mysql:tinyint(1)", to: boolean }
verify: counts
rejects: { max: 0, to: "./rejects" }
limits: { workers: 2, source_connections: 4, target_connections: 4, memory: 256MiB }
"#,
        expect![[""]],
    );
}

#[test]
fn mask_keys_are_found_by_target_column() {
    let rules = "tables: { rules: [ { table: C, columns: { P: { into: p, mask: { keyed_hash: { key: '${SECRET_K}' } } } } } ] }\n";
    let file = PlanFile::parse(&plan(rules), &lookup).unwrap();
    let keys = file.mask_keys();
    assert_eq!(keys[&("C".to_owned(), "p".to_owned())].expose(), format!("{SECRET}SECRET_K"));
    assert!(!format!("{file:?}").contains(SECRET));
}
