//! References that a plan names, and those that foreign keys declare.

use expect_test::{Expect, expect};
use sensei_storage::Catalog;
use sensei_storage::System::{Postgresql, Sqlite};

use super::{catalog, nothing, plan, planned, references, table};
use crate::Stage;

/// Customers, their orders with a foreign key, and visits, which name customers without one.
fn shop() -> Catalog {
    let customers = table("customers", &["id int = int64 not null key", "code text = text(9)", "score num = numeric"]);
    let orders = table("orders", &["id int = int64 not null key", "customer_id int = int32", "at date = date"]);
    let visits = table("visits", &["customer int = int64", "code text = text", "score num = decimal(9,2)"]);
    catalog(Sqlite, vec![customers, references(orders, &["customer_id"], "customers", &["id"]), visits])
}

/// Compares the relations of the plan, with its foreign keys and what is not carried; or its problems.
fn check(rest: &str, expected: Expect) {
    let shown = match planned(&plan(rest), &shop(), &nothing(Postgresql)) {
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
        Ok(plan) => {
            let relations = plan.relations.iter().map(|relation| {
                let declared = relation.foreign_key.as_deref().unwrap_or("named");
                format!("{} [{declared}] {:?}\n", plan.relation_title(relation), relation.orphans)
            });
            let keys = plan.tables.iter().flat_map(|table| &table.target.foreign_keys);
            let keys = keys.map(|key| format!("adds key {} -> {}\n", key.columns.join(", "), key.parent));
            let left = plan.not_carried.iter().map(|line| format!("not carried {line}\n"));
            relations.chain(keys).chain(left).collect::<String>()
        }
    };
    expected.assert_eq(&shown);
}

const WHERE: &str = "tables: { rules: [{ table: customers, where: '1 = 1' }] }\n";

#[test]
fn foreign_keys_are_relations_without_being_named() {
    check(
        "",
        expect![[r#"
            orders (customer_id) → customers (id) [foreign key of "orders" (customer_id) to "customers"] Fail
            adds key customer_id -> customers
        "#]],
    );
}

#[test]
fn named_relations_follow_renames_and_computed_columns() {
    check(
        "tables:
  rules:
    - { table: customers, into: clients, columns: { id: { into: number }, code: { into: sign } } }
    - { table: visits, columns: { customer: { into: client }, short: { expr: 'f(1)', into: brief } } }
relations:
  - { table: visits, columns: [customer], references: customers }
  - { table: visits, columns: [short], references: customers, parent_columns: [code], orphans: report }
  - { table: visits, columns: [score], references: customers, parent_columns: [score] }
",
        expect![[r#"
            orders (customer_id) → clients (number) [foreign key of "orders" (customer_id) to "customers"] Fail
            visits (client) → clients (number) [named] Fail
            visits (brief) → clients (sign) [named] Report
            visits (score) → clients (score) [named] Fail
            adds key customer_id -> clients
        "#]],
    );
}

#[test]
fn naming_a_foreign_key_decides_about_its_orphans() {
    let named = |orphans: &str| {
        format!("relations: [{{ table: orders, columns: [customer_id], references: customers, orphans: {orphans} }}]\n")
    };
    check(
        &named("report"),
        expect![[r#"
        orders (customer_id) → customers (id) [foreign key of "orders" (customer_id) to "customers"] Report
        not carried foreign key of "orders" (customer_id) to "customers": the plan accepts orphans
    "#]],
    );
    check(
        &named("fail"),
        expect![[r#"
        orders (customer_id) → customers (id) [foreign key of "orders" (customer_id) to "customers"] Fail
        adds key customer_id -> customers
    "#]],
    );
    check(
        WHERE,
        expect![[r#"
        not carried foreign key of "orders" (customer_id) to "customers": only some rows of "customers" are taken
    "#]],
    );
    check(
        &(WHERE.to_owned() + &named("fail")),
        expect![[r#"
        orders (customer_id) → customers (id) [foreign key of "orders" (customer_id) to "customers"] Fail
        adds key customer_id -> customers
    "#]],
    );
}

#[test]
fn what_cannot_be_checked_is_refused_with_the_nearest_name() {
    check(
        "tables: { exclude: [orders], rules: [{ table: visits, columns: { code: { drop: true } } }] }
relations:
  - { table: visit, columns: [customer], references: customers }
  - { table: visits, columns: [customer], references: orders }
  - { table: visits, columns: [custom], references: customers }
  - { table: visits, columns: [code], references: customers, parent_columns: [code] }
  - { table: visits, columns: [customer], references: customers, parent_columns: [score] }
  - { table: customers, columns: [id], references: visits }
  - { table: visits, columns: [customer, score], references: customers }
  - { table: visits, columns: [customer], references: customers }
  - { table: visits, columns: [customer], references: customers, parent_columns: [id], orphans: report }
",
        expect![[r#"
            P210: table "visit", named in `relations[0].table`, is not part of the plan
            DETAIL:  The plan takes "customers", "visits". Case matters.
            HINT:  Did you mean "visits"?
            P210: table "orders", named in `relations[1].references`, is not part of the plan
            DETAIL:  The plan takes "customers", "visits". Case matters.
            P210: column "custom", named in a relation, does not exist in table "visits"
            DETAIL:  The table has "customer", "code", "score".
            HINT:  Did you mean "customer"?
            P210: column "code" of table "visits", named in a relation, is dropped
            DETAIL:  What is not in the target cannot be checked there.
            P210: relation of "visits" to "customers" cannot be checked
            DETAIL:  In the target, column "customer" is int64 and "score" is numeric.
            P210: relation of "customers" to "visits" cannot be checked
            DETAIL:  Table "visits" has no primary key.
            HINT:  Name the columns referred to in `parent_columns`.
            P210: relation of "visits" to "customers" cannot be checked
            DETAIL:  Its columns do not pair up: 2 and 1.
            P210: `relations[8]` is there twice
        "#]],
    );
    check(
        "relations: [{ table: visits, columns: [customer], references: customers, orphans: ignore }]\n",
        expect![[r#"
            P103: value of `relations[0].orphans` is not known
            DETAIL:  Line 5, column 83: it must be one of "fail", "report".
        "#]],
    );
    check(
        "tables: { rules: [{ table: visits, columns: { customer: { mask: { keyed_hash: { key: '${SECRET_A}' } } } } }] }
relations: [{ table: visits, columns: [customer], references: customers }]\n",
        expect![[r#"
            P210: relation of "visits" to "customers" cannot be checked
            DETAIL:  In the target, only one of columns "customer" and "id" is masked.
        "#]],
    );
}

#[test]
fn each_relation_is_a_stage_between_its_tables_and_the_constraints() {
    let source = shop();
    let text = plan("relations: [{ table: visits, columns: [customer], references: customers }]\n");
    let resolved = planned(&text, &source, &nothing(Postgresql)).unwrap();
    let stages = super::stages(&resolved, &source).nodes;
    let position = |stage: Stage| stages.iter().position(|node| node.stage == stage).unwrap();
    let after = |stage: Stage| stages[position(stage)].after.clone();
    let index = |table: usize| position(Stage::Index { table });
    assert_eq!(after(Stage::References { relation: 0 }), [index(0), index(1)]);
    assert_eq!(after(Stage::References { relation: 1 }), [index(0), index(2)]);
    let checks = [0, 1].map(|relation| position(Stage::References { relation }));
    assert!(after(Stage::Constraints).ends_with(&checks));
    let unverified = planned(&(text + "verify: off\n"), &source, &nothing(Postgresql)).unwrap();
    let stages = super::stages(&unverified, &source).nodes;
    assert!(!stages.iter().any(|node| matches!(node.stage, Stage::References { .. })));
}
