//! A target's catalog beside its plan: equal to begin with, then changed in one thing at a time.

use expect_test::{Expect, expect};
use sensei_storage::System::{Mysql, Postgresql, Sqlite};
use sensei_storage::evidence::StructuralFacts;
use sensei_storage::{
    Catalog, Check, ForeignKey, Generation, Identity, IdentityKind, Index, IndexPart, IndexTerm, LogicalType,
    NextNumber, Object, ObjectKind, Partition, Partitioning, System, Table, Timing, Traits,
};

use super::{Tongue, catalog, nothing, plan, planned, references, table};
use crate::{Expected, Plan};

/// Two tables with something of everything, as one catalog holds them.
fn rich(system: System) -> Catalog {
    let mut customer = table(
        "customer",
        &[
            "id bigint = int64 not null key",
            "name character varying(40) = text(40) not null",
            "price numeric(10,2) = decimal(10,2)",
        ],
    );
    let identity = Identity { kind: IdentityKind::ByDefault, next: Some(7), increment: 1 };
    customer.columns[0].traits.identity = Some(identity);
    customer.columns[1].traits.default = Some("'x'::character varying".to_owned());
    customer.columns[1].traits.comment = Some("who".to_owned());
    customer.comment = Some("people".to_owned());
    customer.indexes = vec![
        Index { parts: vec![column("name")], unique: true, ..index("by_name") },
        Index {
            parts: vec![IndexPart { descending: true, ..column("price") }],
            predicate: Some("(price > (0)::numeric)".to_owned()),
            ..index("dear")
        },
    ];
    customer.checks = vec![Check { name: Some("positive".to_owned()), expression: "price > 0".to_owned() }];
    let mut orders = table(
        "orders",
        &["id bigint = int64 not null key", "customer bigint = int64 not null", "twice bigint = int64"],
    );
    orders.columns[2].traits.generation = Some(Generation { expression: "id * 2".to_owned(), stored: true });
    let mut orders = references(orders, &["customer"], "customer", &["id"]);
    orders.foreign_keys[0].name = Some("buyer".to_owned());
    orders.partitioning = Some(Partitioning {
        by: "RANGE (id)".to_owned(),
        partitions: vec![Partition { name: "orders_1".to_owned(), bound: "…".to_owned(), by: None, of: None }],
    });
    let mut rich = catalog(system, vec![customer, orders]);
    let sequence = Object { next: Some(5), ..object(ObjectKind::Sequence, "tickets", None) };
    rich.objects = vec![sequence, object(ObjectKind::Trigger, "touch", Some("orders"))];
    rich
}

fn object(kind: ObjectKind, name: &str, table: Option<&str>) -> Object {
    Object { kind, name: name.to_owned(), table: table.map(str::to_owned), definition: None, next: None }
}

fn index(name: &str) -> Index {
    Index { name: name.to_owned(), method: "btree".to_owned(), ..Index::default() }
}

fn column(name: &str) -> IndexPart {
    IndexPart { of: IndexTerm::Column(name.to_owned()), ..IndexPart::default() }
}

/// The plan that carries all of `source` over as it is.
fn carries_all(source: &Catalog) -> Plan {
    let mut plan = planned(&plan(""), source, &nothing(source.system)).unwrap();
    for (planned, table) in plan.tables.iter_mut().zip(&source.tables) {
        let target = &mut planned.target;
        for (field, column) in target.fields.iter_mut().zip(&table.columns) {
            (field.native, field.traits) = (column.native.clone(), column.traits.clone());
        }
        (target.primary_key, target.foreign_keys) = (table.primary_key.clone(), table.foreign_keys.clone());
        (target.indexes, target.checks) = (table.indexes.clone(), table.checks.clone());
        (target.comment, target.partitioning) = (table.comment.clone(), table.partitioning.clone());
    }
    plan.objects = source.objects.clone();
    plan
}

fn numbers() -> Vec<NextNumber> {
    let number =
        |table: Option<&str>, of: &str, next| NextNumber { table: table.map(str::to_owned), of: of.to_owned(), next };
    vec![number(Some("customer"), "id", 7), number(None, "tickets", 5)]
}

fn compare(plan: &Plan, source: &Catalog, target: &Catalog) -> StructuralFacts {
    Expected { plan, source, numbers: &numbers(), dialect: &Tongue(target.system) }.compare(target)
}

fn shown(facts: &StructuralFacts) -> String {
    facts.differences.iter().map(|difference| format!("{} {}\n", difference.object, difference.what)).collect()
}

/// What is found when the target has `change`d.
fn check(change: impl FnOnce(&mut Catalog), expected: Expect) {
    let source = rich(Postgresql);
    let mut target = source.clone();
    change(&mut target);
    expected.assert_eq(&shown(&compare(&carries_all(&source), &source, &target)));
}

/// As [`check`], of the first table.
fn check_table(change: impl FnOnce(&mut Table), expected: Expect) {
    check(|target| change(&mut target.tables[0]), expected);
}

#[test]
fn what_is_as_planned_has_no_differences_and_is_counted() {
    let source = rich(Postgresql);
    let facts = compare(&carries_all(&source), &source, &source);
    assert_eq!(shown(&facts), "");
    let counted = serde_json::to_value(facts.compared).unwrap();
    assert_eq!(
        counted,
        serde_json::json!({"tables": 2, "columns": 6, "primary_keys": 2, "indexes": 2, "foreign_keys": 1, "checks": 1,
            "objects": 2, "numbers": 2})
    );
}

#[test]
fn tables_and_their_own() {
    check(
        |target| drop(target.tables.remove(1)),
        expect![[r#"
        table "orders" is missing
    "#]],
    );
    check_table(
        |table| table.primary_key = vec!["name".to_owned()],
        expect![[r#"
        the primary key of table "customer" has other columns than planned
    "#]],
    );
    check_table(
        |table| table.primary_key.clear(),
        expect![[r#"
            the primary key of table "customer" is missing
        "#]],
    );
    check_table(
        |table| table.comment = None,
        expect![[r#"
        table "customer" has not the comment that was planned
    "#]],
    );
    check(
        |target| target.tables[1].partitioning = None,
        expect![[r#"
        table "orders" is not partitioned as planned
    "#]],
    );
}

#[test]
fn columns() {
    check_table(
        |table| drop(table.columns.remove(1)),
        expect![[r#"
        column "name" of table "customer" is missing
    "#]],
    );
    check_table(
        |table| table.columns.swap(1, 2),
        expect![[r#"
        table "customer" has its columns in another order
    "#]],
    );
    check_table(
        |table| table.columns.push(table.columns[1].clone()),
        expect![[r#"
        column "name" of table "customer" is not planned
    "#]],
    );
    check_table(
        |table| table.columns[1].nullable = true,
        expect![[r#"
        column "name" of table "customer" allows NULL
    "#]],
    );
    check_table(
        |table| {
            table.columns[2].native = "numeric(10,1)".to_owned();
            table.columns[2].logical = Some(LogicalType::Decimal { precision: 10, scale: 1 });
        },
        expect![[r#"
            column "price" of table "customer" is numeric(10,1), not numeric(10,2)
        "#]],
    );
    check_table(
        |table| table.columns[1].traits = Traits::default(),
        expect![[r#"
        column "name" of table "customer" has no default
        column "name" of table "customer" has not the comment that was planned
    "#]],
    );
    check_table(
        |table| table.columns[1].traits.default = Some("'X'".to_owned()),
        expect![[r#"
        column "name" of table "customer" has another default
    "#]],
    );
    check_table(
        |table| table.columns[2].traits.default = Some("0".to_owned()),
        expect![[r#"
        column "price" of table "customer" has a default, which was not planned
    "#]],
    );
    check_table(
        |table| table.columns[0].traits.identity = None,
        expect![[r#"
        column "id" of table "customer" does not number itself
        the numbering of column "id" of table "customer" does not tell its next number
    "#]],
    );
    check_table(
        |table| table.columns[0].traits.identity.as_mut().unwrap().kind = IdentityKind::Always,
        expect![[r#"
        column "id" of table "customer" numbers itself in another way than planned
    "#]],
    );
    check(
        |target| target.tables[1].columns[2].traits.generation = None,
        expect![[r#"
        column "twice" of table "orders" has no generation expression
    "#]],
    );
    check(
        |target| target.tables[1].columns[2].traits.generation.as_mut().unwrap().stored = false,
        expect![[r#"
        column "twice" of table "orders" is computed on reading, and was planned to be stored
    "#]],
    );
    check(
        |target| target.tables[1].columns[2].traits.generation.as_mut().unwrap().expression = "id * 3".to_owned(),
        expect![[r#"
            column "twice" of table "orders" has another generation expression
        "#]],
    );
}

#[test]
fn other_words_for_the_same_are_no_difference() {
    check_table(
        |table| {
            table.columns[1].native = "varchar(40)".to_owned();
            table.columns[1].traits.default = Some("('x'::text)::character varying".to_owned());
            table.indexes[0].name = "another_name".to_owned();
            table.indexes[0].constraint = true;
            table.indexes[1].predicate = Some("price > 0::numeric".to_owned());
            table.indexes.swap(0, 1);
            table.checks[0].expression = "(price > (0)::numeric)".to_owned();
        },
        expect![[r#""#]],
    );
}

#[test]
fn indexes() {
    check_table(
        |table| drop(table.indexes.remove(0)),
        expect![[r#"
        index "by_name" of table "customer" is missing
    "#]],
    );
    check_table(
        |table| table.indexes[0].unique = false,
        expect![[r#"
        index "by_name" of table "customer" is not as planned in uniqueness
    "#]],
    );
    check_table(
        |table| table.indexes[0].parts.push(column("price")),
        expect![[r#"
        index "by_name" of table "customer" is not as planned in what it is sorted by
    "#]],
    );
    check_table(
        |table| table.indexes[1].parts[0].descending = false,
        expect![[r#"
        index "dear" of table "customer" is not as planned in order
    "#]],
    );
    check_table(
        |table| table.indexes[1].predicate = None,
        expect![[r#"
        index "dear" of table "customer" is not as planned in condition
    "#]],
    );
    check_table(
        |table| table.indexes[1].predicate = Some("price > 1".to_owned()),
        expect![[r#"
        index "dear" of table "customer" is not as planned in condition
    "#]],
    );
    check_table(
        |table| table.indexes.push(Index { parts: vec![column("price")], unique: true, ..index("extra") }),
        expect![[r#"
            unique index "extra" of table "customer" is not planned
        "#]],
    );
    check_table(
        |table| table.indexes.push(Index { parts: vec![column("price")], ..index("harmless") }),
        expect![[r#""#]],
    );
}

#[test]
fn constraints() {
    let key = |target: &mut Catalog, change: fn(&mut ForeignKey)| change(&mut target.tables[1].foreign_keys[0]);
    check(
        |target| target.tables[1].foreign_keys.clear(),
        expect![[r#"
        foreign key "buyer" of table "orders" (customer) to "customer" is missing
    "#]],
    );
    check(
        |target| key(target, |key| key.on_delete = "CASCADE".to_owned()),
        expect![[r#"
        foreign key "buyer" of table "orders" (customer) to "customer" is not as planned in ON DELETE
    "#]],
    );
    check(
        |target| key(target, |key| (key.match_full, key.timing) = (true, Timing::Deferred)),
        expect![[r#"
        foreign key "buyer" of table "orders" (customer) to "customer" is not as planned in MATCH, when it is checked
    "#]],
    );
    check(
        |target| key(target, |key| key.parent_columns = vec!["name".to_owned()]),
        expect![[r#"
        foreign key "buyer" of table "orders" (customer) to "customer" is missing
        foreign key "buyer" of table "orders" (customer) to "customer" is not planned
    "#]],
    );
    check_table(
        |table| table.checks.clear(),
        expect![[r#"
        check "positive" of table "customer" is missing
    "#]],
    );
    check_table(
        |table| table.checks[0].expression = "price > 1".to_owned(),
        expect![[r#"
        check "positive" of table "customer" has another condition
    "#]],
    );
    check_table(
        |table| table.checks.push(Check { name: None, expression: "true".to_owned() }),
        expect![[r#"
        check of table "customer" is not planned
    "#]],
    );
}

#[test]
fn objects_and_numbers() {
    let next = |table: &mut Table, next| table.columns[0].traits.identity.as_mut().unwrap().next = next;
    check(
        |target| target.objects.clear(),
        expect![[r#"
        sequence "tickets" is missing
        trigger "touch" of table "orders" is missing
        sequence "tickets" does not tell its next number
    "#]],
    );
    check(
        |target| target.objects[0].next = Some(4),
        expect![[r#"
        sequence "tickets" would give numbers that are taken
    "#]],
    );
    check(|target| target.objects[0].next = Some(50), expect![[r#""#]]);
    check_table(
        |table| next(table, Some(6)),
        expect![[r#"
        the numbering of column "id" of table "customer" would give numbers that are taken
    "#]],
    );
    check_table(
        |table| next(table, None),
        expect![[r#"
        the numbering of column "id" of table "customer" does not tell its next number
    "#]],
    );
}

#[test]
fn a_table_that_was_found_counts_by_its_columns() {
    let source = rich(Postgresql);
    let mut plan = carries_all(&source);
    plan.tables.iter_mut().for_each(|table| table.target.create = false);
    let mut target = source.clone();
    let customer = &mut target.tables[0];
    customer.indexes.clear();
    customer.checks.clear();
    customer.columns.swap(1, 2);
    customer.columns[0].traits = Traits::default();
    customer.columns.push(table("x", &["more text = text"]).columns.remove(0));
    assert_eq!(
        shown(&Expected { plan: &plan, source: &source, numbers: &[], dialect: &Tongue(Postgresql) }.compare(&target)),
        ""
    );
    target.tables[0].columns.remove(0);
    let facts = Expected { plan: &plan, source: &source, numbers: &[], dialect: &Tongue(Postgresql) }.compare(&target);
    assert_eq!(shown(&facts), "column \"id\" of table \"customer\" is missing\n");
}

#[test]
fn between_systems_expressions_count_by_their_presence() {
    for system in [Sqlite, Mysql] {
        let source = rich(system);
        let plan = carries_all(&source);
        let mut target = rich(Postgresql);
        target.tables[0].checks[0].expression = "other words".to_owned();
        target.tables[0].indexes[1].predicate = Some("other words".to_owned());
        target.tables[1].columns[2].traits.generation.as_mut().unwrap().expression = "other words".to_owned();
        assert_eq!(shown(&compare(&plan, &source, &target)), "", "{system}");
        target.tables[0].indexes[1].predicate = None;
        assert_ne!(shown(&compare(&plan, &source, &target)), "", "{system}");
    }
}

#[test]
fn ways_of_single_systems_are_known() {
    let source = rich(Postgresql);
    let mut plan = carries_all(&source);
    plan.tables[0].target.fields[0].logical = LogicalType::Int32;
    plan.tables[0].target.fields[0].native = "INT32".to_owned();
    plan.tables[0].target.fields[0].traits.identity = None;
    let mut target = source.clone();
    target.system = Sqlite;
    target.tables[0].name = "CUSTOMER".to_owned();
    target.tables[0].columns[0].native = "INTEGER".to_owned();
    target.tables[0].columns[0].traits.identity =
        Some(Identity { kind: IdentityKind::RowId, next: Some(3), increment: 1 });
    assert_eq!(shown(&compare(&plan, &source, &target)), "", "a lone integer key is SQLite's rowid");
    let mut plan = carries_all(&source);
    plan.tables[1].target.foreign_keys[0].on_delete = "RESTRICT".to_owned();
    let mut target = source.clone();
    target.system = Mysql;
    target.tables[0].checks.push(Check { name: None, expression: "json_valid(x)".to_owned() });
    assert_eq!(shown(&compare(&plan, &source, &target)), "", "to MySQL RESTRICT is NO ACTION");
}
