//! Tests of whole projections.

use arrow_array::RecordBatch;
use expect_test::{Expect, expect};

use super::*;
use crate::encode::tests::row;

fn field(name: &str, logical: LogicalType, nullable: bool) -> Field {
    Field {
        name: name.to_owned(),
        native: logical.to_string(),
        logical,
        nullable,
        traits: sensei_storage::Traits::default(),
    }
}

fn read() -> Vec<Field> {
    vec![field("id", LogicalType::Int64, false), field("v", LogicalType::TEXT, true)]
}

fn column(input: Input, from: LogicalType, to: Field) -> ColumnSpec {
    ColumnSpec { input, from, mask: None, cleaning: None, lossy: false, to }
}

fn rows(values: &[(&str, Option<&str>)]) -> RecordBatch {
    let parts: Vec<RecordBatch> =
        values.iter().map(|(id, v)| row(&[(LogicalType::Int64, Some(id)), (LogicalType::TEXT, *v)])).collect();
    arrow_select::concat::concat_batches(&parts[0].schema(), &parts).expect("one schema")
}

fn check(filter: Option<&str>, columns: Vec<ColumnSpec>, values: &[(&str, Option<&str>)], expected: Expect) {
    let projection = Projection::compile(read(), vec![0], filter, columns, System::Postgresql).expect("compiles");
    let projected = projection.apply(Batch { rows: rows(values), faults: Vec::new() });
    let mut out =
        format!("{} rows, {} filtered, lossy {:?}\n", projected.rows.num_rows(), projected.filtered, projected.lossy);
    for fault in projected.rejected.into_iter().map(|rejected| rejected.fault) {
        out += &format!("{:?} {}: {}\n", fault.key, fault.column, fault.reason);
    }
    expected.assert_eq(&out);
}

#[test]
fn rows_that_do_not_fit_become_faults_with_their_key() {
    let narrow = column(Input::Column(0), LogicalType::Int64, field("id", LogicalType::Int16, false));
    let short =
        column(Input::Column(1), LogicalType::TEXT, field("v", LogicalType::Text { max_chars: Some(3) }, false));
    check(
        None,
        vec![narrow, short],
        &[("1", Some("abc")), ("70000", Some("abc")), ("3", Some("abcd")), ("4", None), ("5", Some("a\0b"))],
        expect![[r#"
            1 rows, 0 filtered, lossy {}
            Some("id=70000") id: integer out of range
            Some("id=3") v: longer than the column allows
            Some("id=4") v: NULL in a column that does not allow it
            Some("id=5") v: PostgreSQL text cannot hold the character U+0000
        "#]],
    );
}

#[test]
fn filters_by_sql_and_keeps_rows_whose_condition_fails_as_faults() {
    let keep = column(Input::Column(1), LogicalType::TEXT, field("v", LogicalType::TEXT, true));
    check(
        Some("CAST(v AS INT) > 1"),
        vec![keep],
        &[("1", Some("1")), ("2", Some("2")), ("3", None), ("4", Some("x"))],
        expect![[r#"
            1 rows, 2 filtered, lossy {}
            Some("id=4") where: the expression fails on this row
        "#]],
    );
}

#[test]
fn masks_are_stable_under_one_key_and_differ_under_another() {
    let masked = |secret: &str| {
        let mut spec = column(Input::Column(1), LogicalType::TEXT, field("v", LogicalType::TEXT, true));
        spec.mask = Some(Mask::keyed_hash(secret));
        let projection = Projection::compile(read(), vec![0], None, vec![spec], System::Sqlite).expect("compiles");
        let batch = Batch { rows: rows(&[("1", Some("a")), ("2", Some("a")), ("3", None)]), faults: Vec::new() };
        let rows = projection.apply(batch).rows;
        let column = rows.column(0).as_string::<i32>().clone();
        (column.value(0).to_owned(), column.value(1).to_owned(), column.is_null(2))
    };
    let (first, second, null) = masked("one");
    assert_eq!((first.len(), &first, null), (64, &second, true));
    assert_ne!(first, masked("two").0);
}

#[test]
fn counts_rows_a_lossy_cast_changed() {
    let mut spec = column(Input::Column(1), LogicalType::Json, field("v", LogicalType::Jsonb, true));
    spec.lossy = true;
    check(
        None,
        vec![spec],
        &[("1", Some(r#"{"a":1}"#)), ("2", Some(r#"{ "a": 1 }"#))],
        expect![[r#"
        2 rows, 0 filtered, lossy {"v": 1}
    "#]],
    );
}
