//! Tests of compiling and evaluating expressions.

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
    };
    vec![
        field("Email", LogicalType::TEXT),
        field("price", DECIMAL),
        field("n", LogicalType::Int32),
        field("odd name", LogicalType::TEXT),
        field("id", LogicalType::Uuid),
    ]
}

fn check(sql: &str, expected: Expect) {
    let batch = row(&[
        (LogicalType::TEXT, Some(" Bob@Example.ORG ")),
        (DECIMAL, Some("19.99")),
        (LogicalType::Int32, Some("7")),
        (LogicalType::TEXT, None),
        (LogicalType::Uuid, Some("00112233-4455-6677-8899-aabbccddeeff")),
    ]);
    let answer = match Expression::compile(sql, &fields()) {
        Err(error) => format!("error: {error}"),
        Ok(expression) => {
            let mut faults = Vec::new();
            let result = expression.evaluate(&batch, &mut faults);
            let mut value = String::new();
            if arrow_array::Array::is_null(&result, 0) {
                value.push_str("NULL");
            } else {
                text::render(expression.result(), &result, 0, &mut value);
            }
            let faults: Vec<String> = faults.into_iter().map(|(row, why)| format!(" fault {row}: {why}")).collect();
            format!("{} {value}{}", expression.result(), faults.concat())
        }
    };
    expected.assert_eq(&answer);
}

#[test]
fn evaluates_text_numbers_and_conditions() {
    check("lower(trim(Email))", expect!["text bob@example.org"]);
    check("upper(\"odd name\")", expect!["text NULL"]);
    check("price * 2", expect!["decimal(21,2) 39.98"]);
    check("n + 1", expect!["int64 8"]);
    check("Email <> 'XX' AND n > 3", expect!["boolean true"]);
    check("CASE WHEN n > 5 THEN 'big' ELSE 'small' END", expect!["text big"]);
    check("substring(id, 1, 8)", expect!["text 00112233"]);
    check("CAST(price AS DOUBLE)", expect!["float64 19.99"]);
}

#[test]
fn a_row_that_fails_is_a_fault_without_its_value() {
    check("CAST(Email AS INT)", expect!["int32 NULL fault 0: the expression fails on this row"]);
    check("n / (n - 7)", expect!["int32 NULL fault 0: the expression fails on this row"]);
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
