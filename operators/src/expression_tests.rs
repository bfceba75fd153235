//! Tests of compiling and evaluating expressions.

use arrow_array::Array;
use expect_test::{Expect, expect};
use sensei_storage::{Field, LogicalType, text};

use super::*;
use crate::encode::tests::row;

const DECIMAL: LogicalType = LogicalType::Decimal { precision: 10, scale: 2 };

fn fields() -> Vec<Field> {
    let field = |name: &str, logical: LogicalType| Field {
        name: name.to_owned(),
        native: logical.to_string(),
        logical,
        nullable: true,
        traits: sensei_storage::Traits::default(),
    };
    vec![
        field("Email", LogicalType::TEXT),
        field("price", DECIMAL),
        field("n", LogicalType::Int32),
        field("odd name", LogicalType::TEXT),
        field("id", LogicalType::Uuid),
        field("top", LogicalType::Int32),
        field("bottom", LogicalType::Int64),
    ]
}

fn one_row() -> RecordBatch {
    row(&[
        (LogicalType::TEXT, Some(" Bob@Example.ORG ")),
        (DECIMAL, Some("19.99")),
        (LogicalType::Int32, Some("7")),
        (LogicalType::TEXT, None),
        (LogicalType::Uuid, Some("00112233-4455-6677-8899-aabbccddeeff")),
        (LogicalType::Int32, Some("2147483647")),
        (LogicalType::Int64, Some("-9223372036854775808")),
    ])
}

fn answer(sql: &str) -> String {
    let expression = match Expression::compile(sql, &fields()) {
        Err(error) => return format!("error: {error}"),
        Ok(expression) => expression,
    };
    let mut faults = Vec::new();
    let result = expression.evaluate(&one_row(), &mut faults);
    let mut value = String::new();
    if result.is_null(0) {
        value.push_str("NULL");
    } else {
        text::render(expression.result(), &result, 0, &mut value);
    }
    let faults: Vec<String> = faults.into_iter().map(|(row, why)| format!(" fault {row}: {why}")).collect();
    format!("{} {value}{}", expression.result(), faults.concat())
}

fn check(sql: &str, expected: Expect) {
    expected.assert_eq(&answer(sql));
}

#[test]
fn evaluates_text_numbers_and_conditions() {
    check("lower(trim(Email))", expect!["text bob@example.org"]);
    check("upper(\"odd name\")", expect!["text NULL"]);
    check("price * 2", expect!["decimal(31,2) 39.98"]);
    check("n + 1", expect!["int64 8"]);
    check("Email <> 'XX' AND n > 3", expect!["boolean true"]);
    check("CASE WHEN n > 5 THEN 'big' ELSE 'small' END", expect!["text big"]);
    check("substring(id, 1, 8)", expect!["text 00112233"]);
    check("CAST(price AS DOUBLE)", expect!["float64 19.99"]);
}

#[test]
fn a_row_that_fails_is_a_fault_without_its_value() {
    check("CAST(Email AS INT)", expect!["int32 NULL fault 0: the expression fails on this row"]);
    check("n / (n - 7)", expect!["int64 NULL fault 0: the expression fails on this row"]);
}

#[test]
fn integers_that_overflow_fail_their_row() {
    let failed = |logical: &str| format!("{logical} NULL fault 0: the expression fails on this row");
    for (sql, logical) in [
        ("top * n", "int32"),
        ("top + n", "int32"),
        ("-top - n", "int32"),
        ("bottom - 1", "int64"),
        ("-bottom", "int64"),
        ("-(bottom)", "int64"),
        ("bottom / -1", "int64"),
        ("CASE WHEN n > 0 THEN top * n ELSE 0 END", "int64"),
        ("abs(bottom)", "int64"),
        ("CAST(bottom AS INT)", "int32"),
        ("n / 0", "int64"),
        ("n % 0", "int64"),
    ] {
        assert_eq!(answer(sql), failed(logical), "{sql}");
    }
    check("-top", expect!["int32 -2147483647"]);
    check("CAST(top AS BIGINT) * n", expect!["int64 15032385529"]);
    check("-price", expect!["decimal(10,2) -19.99"]);
    check("TRY_CAST(bottom AS INT)", expect!["int32 NULL"]);
}

#[test]
fn an_expression_that_always_fails_is_evaluated_on_no_rows() {
    let expression = Expression::compile("n / 0", &fields()).expect("compiles");
    let mut faults = Vec::new();
    let result = expression.evaluate(&one_row().slice(0, 0), &mut faults);
    assert_eq!((result.len(), faults), (0, Vec::new()));
}

#[test]
fn refuses_what_cannot_be_verified_or_found() {
    check(
        "random()",
        expect![
            "error: function \"random\" does not give the same value each time, so the result could not be verified"
        ],
    );
    check("n + 1 junk more", expect!["error: there is text after the end of the expression"]);
    let unknown = Expression::compile("Emial", &fields()).expect_err("no such column").to_string();
    assert!(unknown.contains("Emial"), "{unknown}");
    let table = Expression::compile("(select 1 from t)", &fields()).expect_err("no tables").to_string();
    assert!(table.contains("cannot read table"), "{table}");
}

#[test]
fn long_chains_are_refused_before_they_use_up_the_stack() {
    let chain = |links: usize| format!("n{}", " + n".repeat(links));
    assert!(Expression::compile(&chain(300), &fields()).is_ok());
    let branches = (0..1000).map(|n| format!("WHEN n = {n} THEN {n} + n")).collect::<Vec<_>>().join(" ");
    assert!(Expression::compile(&format!("CASE {branches} END"), &fields()).is_ok());
    let refusal = Expression::compile(&chain(16_000), &fields()).unwrap_err().to_string();
    assert!(refusal.contains("operators"), "{refusal}");
}
