//! Expressions from one system to another: what is carried, in which words, and why not.

use std::fmt::Write;

use expect_test::{Expect, expect};
use sensei_storage::System::{self, Mysql, Postgresql, Sqlite};
use sensei_storage::{Check, Table};

use super::{catalog, nothing, plan, planned, table};

fn people(source: System) -> Table {
    let mut people = table(
        "people",
        &[
            "id integer = int64 not null key",
            "age integer = int32",
            "name text = text",
            "price decimal(10,2) = decimal(10,2)",
            "rate double precision = float64",
            "active boolean = boolean",
            "born date = date",
            "seen timestamp = timestamp",
            "mood mood = text",
            "data jsonb = jsonb",
        ],
    );
    people.columns[8].traits.labels = vec!["sad".to_owned(), "ok".to_owned()];
    if source == Mysql {
        people.columns[2].traits.collation = Some("utf8mb4_0900_bin".to_owned());
    }
    people
}

/// Each expression as a check, under `rules` of the table, and what becomes of it.
fn check_rules(source: System, target: System, rules: &str, expressions: &[&str], expected: Expect) {
    let mut shown = String::new();
    for expression in expressions {
        let mut people = people(source);
        people.checks.push(Check { name: Some("c".to_owned()), expression: (*expression).to_owned() });
        let plan = planned(&plan(rules), &catalog(source, vec![people]), &nothing(target)).unwrap();
        let checks = &plan.tables[0].target.checks;
        let made = checks.iter().find(|check| check.name.as_deref() == Some("c"));
        let note = plan.not_carried.iter().find_map(|note| note.strip_prefix("check \"c\" of table \"people\": "));
        let _ = match (made, note) {
            (Some(check), None) => writeln!(shown, "{expression}\n    {}", check.expression),
            (None, Some(why)) => writeln!(shown, "{expression}\n    refused: {why}"),
            both => panic!("{both:?}"),
        };
    }
    expected.assert_eq(&shown);
}

fn check(source: System, target: System, expressions: &[&str], expected: Expect) {
    check_rules(source, target, "", expressions, expected);
}

#[test]
fn postgresql_prints_checks_its_own_way() {
    let printed = [
        "(age >= 0) AND (age < 150)",
        "(price > (0)::numeric)",
        "(price >= 0.5)",
        "((name)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[]))",
        "(name <> ALL (ARRAY['a'::text, 'b'::text]))",
        "((mood = 'ok'::mood) OR (mood IS NULL))",
        "(mood = 'glad'::mood)",
        "(active AND (NOT (active IS NOT TRUE)))",
        "(active = true)",
        "(born > '1900-01-01'::date)",
        "(seen >= '2000-01-01 00:00:00'::timestamp without time zone)",
        "(char_length(TRIM(BOTH FROM name)) > 0)",
        "(length(name) <= 40)",
        "((name || '!'::text) <> 'x!'::text)",
        "(name IS DISTINCT FROM 'x'::text)",
        "(COALESCE(age, 0) >= '-1'::integer)",
        "CASE WHEN (age > 3) THEN (age / 2) ELSE (age % 2) END < 70",
        "((rate * (2)::double precision) < (10)::double precision)",
        "(lower(name) = name)",
        "(name ~~ 'a%'::text)",
        "(name ~ '^a'::text)",
        "(name < 'b'::text)",
        "((data ->> 'a'::text) = 'b'::text)",
        "(EXTRACT(year FROM born) > (1900)::numeric)",
        "(age > (SELECT 1))",
        "(elsewhere > 1)",
        "(my.f(age) > 1)",
        "((price * (2)::numeric) > (10)::numeric)",
        "((age / id) > 1)",
        "round(price) > (1)::numeric",
        "not sql at all (",
    ];
    check(Postgresql, Sqlite, &printed, expect![[""]]);
    check(Postgresql, Mysql, &printed, expect![[""]]);
}

#[test]
fn sqlite_is_looser_than_others() {
    let written = [
        "active IN (0, 1)",
        "[age] BETWEEN 0 AND 150",
        "\"age\" > 0 AND id",
        "length(name) > 0",
        "name = 'a'",
        "name = \"a\"",
        "price >= 0 AND price <> 1e3",
        "price * 2 > 1",
        "price >= 0.12345678901234567",
        "upper(name) = name",
        "name LIKE 'a%'",
        "name GLOB 'a*'",
        "born > '2000-01-01'",
        "ifnull(age, 1) = 1",
        "age -- a comment\n > 1",
        "age > - -1",
        "age / 0 > 1",
        "CAST(age AS TEXT) = '1'",
    ];
    check(Sqlite, Postgresql, &written, expect![[""]]);
    check(
        Sqlite,
        Mysql,
        &["active IN (0, 1)", "length(name) > 0", "age / 2 = 1", "name = 'back\\slash'"],
        expect![[""]],
    );
}

#[test]
fn mysql_compares_by_collation() {
    let printed = [
        "(`age` > 0)",
        "(`name` in (_utf8mb4'a',_utf8mb4'b'))",
        "(`name` <=> NULL)",
        "((`age` / 2) > 1)",
        "((`age` DIV 2) > 1)",
        "(length(`name`) > 1)",
        "(char_length(`name`) > 1)",
        "(if(`age` > 1, `age`, 1) > 1)",
        "(concat(`name`,_utf8mb4'x') <> _utf8mb4'yx')",
        "((`name` || 'x') = 'y')",
        "(`born` > '2000-01-01')",
        "(`born` > '0000-00-00')",
        "(`age` and 1)",
        "json_valid(`name`)",
    ];
    check(Mysql, Postgresql, &printed, expect![[""]]);
    let mut people = people(Mysql);
    people.columns[2].traits.collation = Some("utf8mb4_general_ci".to_owned());
    people.checks.push(Check { name: None, expression: "(`name` = 'a')".to_owned() });
    let plan = planned(&plan(""), &catalog(Mysql, vec![people]), &nothing(Postgresql)).unwrap();
    expect![[""]].assert_eq(&plan.not_carried.join("\n"));
}

#[test]
fn between_equal_systems_only_names_change() {
    let rules = "tables: { rules: [ { table: people, columns: { age: { into: 'years \"old\"' }, name: { drop: true }, \
                 price: { type: numeric }, mood: { mask: { keyed_hash: { key: '${SECRET_A}' } } } } } ] }\n";
    let printed = [
        "(age > 0) AND (rate ~~ 'age'::text)",
        "((rate)::text ~ 'x'::text) IS NOT TRUE",
        "(name = 'a'::text)",
        "(price > (0)::numeric)",
        "(mood = 'ok'::mood)",
        "(age > (SELECT 1))",
        "((age)::text ~~* ANY (ARRAY['a'::text]))",
    ];
    check_rules(Postgresql, Postgresql, rules, &printed, expect![[""]]);
}

#[test]
fn long_and_deep_expressions_are_refused() {
    let long = format!("age > {}", "0".repeat(70_000));
    let deep = format!("{}age{} > 0", "(".repeat(500), ")".repeat(500));
    for expression in [long, deep] {
        let mut people = people(Postgresql);
        people.checks.push(Check { name: None, expression });
        let plan = planned(&plan(""), &catalog(Postgresql, vec![people]), &nothing(Sqlite)).unwrap();
        assert!(plan.not_carried.iter().any(|note| note.starts_with("check of table \"people\": its expression is")));
    }
}
