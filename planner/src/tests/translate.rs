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
    check(
        Postgresql,
        Sqlite,
        &printed,
        expect![[r#"
            (age >= 0) AND (age < 150)
                (("age" >= 0) AND ("age" < 150))
            (price > (0)::numeric)
                ("price" > 0)
            (price >= 0.5)
                ("price" >= 0.5)
            ((name)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[]))
                ("name" IN ('a', 'it''s'))
            (name <> ALL (ARRAY['a'::text, 'b'::text]))
                ("name" NOT IN ('a', 'b'))
            ((mood = 'ok'::mood) OR (mood IS NULL))
                (("mood" = 'ok') OR ("mood" IS NULL))
            (mood = 'glad'::mood)
                refused: it compares an enumeration with something that is none of its labels
            (active AND (NOT (active IS NOT TRUE)))
                ("active" AND (NOT ("active" IS NOT TRUE)))
            (active = true)
                ("active" = 1)
            (born > '1900-01-01'::date)
                refused: it compares times, which SQLite does as text
            (seen >= '2000-01-01 00:00:00'::timestamp without time zone)
                refused: it compares times, which SQLite does as text
            (char_length(TRIM(BOTH FROM name)) > 0)
                (length(trim("name")) > 0)
            (length(name) <= 40)
                (length("name") <= 40)
            ((name || '!'::text) <> 'x!'::text)
                (("name" || '!') <> 'x!')
            (name IS DISTINCT FROM 'x'::text)
                ("name" IS DISTINCT FROM 'x')
            (COALESCE(age, 0) >= '-1'::integer)
                (coalesce("age", 0) >= -1)
            CASE WHEN (age > 3) THEN (age / 2) ELSE (age % 2) END < 70
                ((CASE WHEN ("age" > 3) THEN ("age" / 2) ELSE ("age" % 2) END) < 70)
            ((rate * (2)::double precision) < (10)::double precision)
                (("rate" * 2) < 10)
            (lower(name) = name)
                refused: it calls lower(), which knows only ASCII letters in SQLite
            (name ~~ 'a%'::text)
                refused: it uses the operator ~~
            (name ~ '^a'::text)
                refused: it uses the operator ~
            (name < 'b'::text)
                refused: it orders texts, labels or truth values, which each system does in its own way
            ((data ->> 'a'::text) = 'b'::text)
                refused: it uses the operator ->>
            (EXTRACT(year FROM born) > (1900)::numeric)
                refused: it uses EXTRACT
            (age > (SELECT 1))
                refused: it uses a query
            (elsewhere > 1)
                refused: it has a name that is no column of the table
            (my.f(age) > 1)
                refused: it calls a function by more than its name
            ((price * (2)::numeric) > (10)::numeric)
                refused: it computes with decimals, which SQLite does in floating point
            ((age / id) > 1)
                refused: it uses the operator / on other than whole numbers and a positive constant
            round(price) > (1)::numeric
                refused: it calls PostgreSQL's function round()
            not sql at all (
                refused: its expression is not understood as PostgreSQL's SQL
        "#]],
    );
    check(
        Postgresql,
        Mysql,
        &printed,
        expect![[r#"
            (age >= 0) AND (age < 150)
                ((`age` >= 0) AND (`age` < 150))
            (price > (0)::numeric)
                (`price` > 0)
            (price >= 0.5)
                (`price` >= 0.5)
            ((name)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[]))
                (`name` IN ('a', 'it''s'))
            (name <> ALL (ARRAY['a'::text, 'b'::text]))
                (`name` NOT IN ('a', 'b'))
            ((mood = 'ok'::mood) OR (mood IS NULL))
                ((`mood` = 'ok') OR (`mood` IS NULL))
            (mood = 'glad'::mood)
                refused: it compares an enumeration with something that is none of its labels
            (active AND (NOT (active IS NOT TRUE)))
                (`active` AND (NOT (`active` IS NOT TRUE)))
            (active = true)
                (`active` = 1)
            (born > '1900-01-01'::date)
                (`born` > DATE '1900-01-01')
            (seen >= '2000-01-01 00:00:00'::timestamp without time zone)
                (`seen` >= TIMESTAMP '2000-01-01 00:00:00')
            (char_length(TRIM(BOTH FROM name)) > 0)
                (char_length(trim(`name`)) > 0)
            (length(name) <= 40)
                (char_length(`name`) <= 40)
            ((name || '!'::text) <> 'x!'::text)
                (concat(`name`, '!') <> 'x!')
            (name IS DISTINCT FROM 'x'::text)
                (NOT (`name` <=> 'x'))
            (COALESCE(age, 0) >= '-1'::integer)
                (coalesce(`age`, 0) >= -1)
            CASE WHEN (age > 3) THEN (age / 2) ELSE (age % 2) END < 70
                ((CASE WHEN (`age` > 3) THEN (`age` DIV 2) ELSE (`age` % 2) END) < 70)
            ((rate * (2)::double precision) < (10)::double precision)
                ((`rate` * 2) < 10)
            (lower(name) = name)
                (lower(`name`) = `name`)
            (name ~~ 'a%'::text)
                refused: it uses the operator ~~
            (name ~ '^a'::text)
                refused: it uses the operator ~
            (name < 'b'::text)
                refused: it orders texts, labels or truth values, which each system does in its own way
            ((data ->> 'a'::text) = 'b'::text)
                refused: it uses the operator ->>
            (EXTRACT(year FROM born) > (1900)::numeric)
                refused: it uses EXTRACT
            (age > (SELECT 1))
                refused: it uses a query
            (elsewhere > 1)
                refused: it has a name that is no column of the table
            (my.f(age) > 1)
                refused: it calls a function by more than its name
            ((price * (2)::numeric) > (10)::numeric)
                ((`price` * 2) > 10)
            ((age / id) > 1)
                refused: it uses the operator / on other than whole numbers and a positive constant
            round(price) > (1)::numeric
                (round(`price`) > 1)
            not sql at all (
                refused: its expression is not understood as PostgreSQL's SQL
        "#]],
    );
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
        "-age + 1 > 2 * 3",
        "age / 0 > 1",
        "CAST(age AS TEXT) = '1'",
    ];
    check(
        Sqlite,
        Postgresql,
        &written,
        expect![[r#"
            active IN (0, 1)
                ("active" IN (FALSE, TRUE))
            [age] BETWEEN 0 AND 150
                ((("age" >= 0) AND ("age" <= 150)))
            "age" > 0 AND id
                (("age" > 0) AND ("id" <> 0))
            length(name) > 0
                (char_length("name") > 0)
            name = 'a'
                ("name" = 'a')
            name = "a"
                refused: it has a name that is no column of the table
            price >= 0 AND price <> 1e3
                refused: it has a number that not every system keeps exactly
            price * 2 > 1
                refused: it computes with decimals, which SQLite does in floating point
            price >= 0.12345678901234567
                refused: it has a number that not every system keeps exactly
            upper(name) = name
                refused: it calls upper(), which knows only ASCII letters in SQLite
            name LIKE 'a%'
                refused: it uses LIKE, whose letter case differs between systems
            name GLOB 'a*'
                refused: its expression is not understood as SQLite's SQL
            born > '2000-01-01'
                refused: column "born" is stored as text in SQLite, which compares it so
            ifnull(age, 1) = 1
                (coalesce("age", 1) = 1)
            age -- a comment
             > 1
                ("age" > 1)
            age > - -1
                ("age" > (- (- 1)))
            -age + 1 > 2 * 3
                (((- CAST("age" AS bigint)) + 1) > (CAST(2 AS bigint) * 3))
            age / 0 > 1
                refused: it uses the operator / on other than whole numbers and a positive constant
            CAST(age AS TEXT) = '1'
                refused: it converts to TEXT
        "#]],
    );
    check(
        Sqlite,
        Mysql,
        &["active IN (0, 1)", "length(name) > 0", "age / 2 = 1", "name = 'back\\slash'"],
        expect![[r#"
            active IN (0, 1)
                (`active` IN (0, 1))
            length(name) > 0
                (char_length(`name`) > 0)
            age / 2 = 1
                ((`age` DIV 2) = 1)
            name = 'back\slash'
                refused: it has a text with a backslash, which MySQL reads by a setting of the session
        "#]],
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
    check(
        Mysql,
        Postgresql,
        &printed,
        expect![[r#"
            (`age` > 0)
                ("age" > 0)
            (`name` in (_utf8mb4'a',_utf8mb4'b'))
                ("name" IN ('a', 'b'))
            (`name` <=> NULL)
                ("name" IS NOT DISTINCT FROM NULL)
            ((`age` / 2) > 1)
                refused: it uses the operator /, which gives a decimal in MySQL
            ((`age` DIV 2) > 1)
                (("age" / 2) > 1)
            (length(`name`) > 1)
                (octet_length("name") > 1)
            (char_length(`name`) > 1)
                (char_length("name") > 1)
            (if(`age` > 1, `age`, 1) > 1)
                ((CASE WHEN ("age" > 1) THEN "age" ELSE 1 END) > 1)
            (concat(`name`,_utf8mb4'x') <> _utf8mb4'yx')
                (("name" || 'x') <> 'yx')
            ((`name` || 'x') = 'y')
                refused: it uses the operator ||
            (`born` > '2000-01-01')
                ("born" > DATE '2000-01-01')
            (`born` > '0000-00-00')
                refused: it has a time that not every system reads alike
            (`age` and 1)
                (("age" <> 0) AND (1 <> 0))
            json_valid(`name`)
                refused: it calls MySQL's function json_valid()
        "#]],
    );
    let mut people = people(Mysql);
    people.columns[2].traits.collation = Some("utf8mb4_general_ci".to_owned());
    people.checks.push(Check { name: None, expression: "(`name` = 'a')".to_owned() });
    let plan = planned(&plan(""), &catalog(Mysql, vec![people]), &nothing(Postgresql)).unwrap();
    expect![[r#"
        collation of column "name" of table "people": texts that are equal under "utf8mb4_general_ci" are told apart in the target
        check of table "people": column "name" is compared by a collation, which no other system has"#]].assert_eq(&plan.not_carried.join("\n"));
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
    check_rules(
        Postgresql,
        Postgresql,
        rules,
        &printed,
        expect![[r#"
        (age > 0) AND (rate ~~ 'age'::text)
            ("years ""old""" > 0) AND ("rate" ~~ 'age'::TEXT)
        ((rate)::text ~ 'x'::text) IS NOT TRUE
            ((rate)::text ~ 'x'::text) IS NOT TRUE
        (name = 'a'::text)
            refused: column "name" is left out or computed
        (price > (0)::numeric)
            refused: column "price" has another type
        (mood = 'ok'::mood)
            refused: column "mood" is masked
        (age > (SELECT 1))
            refused: it has a query inside
        ((age)::text ~~* ANY (ARRAY['a'::text]))
            (("years ""old""")::TEXT ~~* ANY(ARRAY['a'::TEXT]))
    "#]],
    );
}

#[test]
fn long_and_deep_expressions_are_refused() {
    let long = format!("age > {}", "0".repeat(70_000));
    let deep = format!("{}age{} > 0", "(".repeat(500), ")".repeat(500));
    let chain = format!("age{} > 0", " + age".repeat(9_000));
    for expression in [long, deep, chain] {
        let mut people = people(Postgresql);
        people.checks.push(Check { name: None, expression });
        let plan = planned(&plan(""), &catalog(Postgresql, vec![people]), &nothing(Sqlite)).unwrap();
        assert!(plan.not_carried.iter().any(|note| note.starts_with("check of table \"people\": its expression is")));
    }
}
