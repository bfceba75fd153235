//! Test vectors of row-v1, and what must and must not make a difference.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field as ArrowField, Schema};
use expect_test::{Expect, expect};
use sensei_storage::{ColumnBuilder, LogicalType, text};

use super::*;

/// One row of columns given as canonical text, `None` for NULL.
pub(crate) fn row(columns: &[(LogicalType, Option<&str>)]) -> RecordBatch {
    let array = |(logical, value): &(LogicalType, Option<&str>)| -> ArrayRef {
        let mut builder = ColumnBuilder::new(logical);
        match value {
            Some(value) => text::parse(logical, value, &mut builder).expect("a valid value"),
            None => builder.append_null(),
        }
        builder.finish()
    };
    let fields: Vec<ArrowField> = columns
        .iter()
        .enumerate()
        .map(|(index, (logical, _))| ArrowField::new(format!("c{index}"), logical.carrier(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.iter().map(array).collect()).expect("a row")
}

fn encode(columns: &[(LogicalType, Option<&str>)]) -> Vec<u8> {
    let types: Vec<LogicalType> = columns.iter().map(|(logical, _)| logical.clone()).collect();
    let mut out = Vec::new();
    RowEncoder::new(&row(columns), &types).encode(0, &mut out);
    out
}

fn check(logical: LogicalType, value: &str, expected: Expect) {
    let bytes = encode(&[(logical, Some(value))]);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    expected.assert_eq(&hex);
}

#[test]
fn null_is_one_byte() {
    assert_eq!(encode(&[(LogicalType::TEXT, None)]), [0]);
}

#[test]
fn vectors() {
    use LogicalType::*;
    check(Boolean, "true", expect!["010100000001"]);
    check(Int16, "-1", expect!["0110000000ffffffffffffffffffffffffffffffff"]);
    check(Int64, "1", expect!["011000000001000000000000000000000000000000"]);
    check(Float64, "1.5", expect!["0108000000000000000000f83f"]);
    check(Float64, "-0", expect!["01080000000000000000000000"]);
    check(Float32, "NaN", expect!["0108000000000000000000f87f"]);
    check(Decimal { precision: 10, scale: 2 }, "12.50", expect!["010400000031322e35"]);
    check(Numeric, "12.50", expect!["010500000031322e3530"]);
    check(LogicalType::TEXT, "é", expect!["0102000000c3a9"]);
    check(Bytes, "\\x00ff", expect!["010200000000ff"]);
    check(Date, "1970-01-02", expect!["011000000001000000000000000000000000000000"]);
    check(Timestamp, "1970-01-01 00:00:00.000001", expect!["011000000001000000000000000000000000000000"]);
    check(Interval, "P1M2DT0.000001S", expect!["01100000000100000002000000e803000000000000"]);
    check(Uuid, "00112233-4455-6677-8899-aabbccddeeff", expect!["011000000000112233445566778899aabbccddeeff"]);
    check(Jsonb, r#"{"b":1.0,"a":2}"#, expect!["010d0000007b2261223a322c2262223a317d"]);
    check(Json, r#"{"b": 1}"#, expect!["01080000007b2262223a20317d"]);
    check(Array(Box::new(LogicalType::TEXT)), r#"["a",null]"#, expect!["010b0000000200000001010000006100"]);
}

#[test]
fn lengths_keep_neighbours_apart() {
    let a = encode(&[(LogicalType::TEXT, Some("ab")), (LogicalType::TEXT, Some("c"))]);
    let b = encode(&[(LogicalType::TEXT, Some("a")), (LogicalType::TEXT, Some("bc"))]);
    assert_ne!(a, b);
}

#[test]
fn null_and_empty_differ() {
    assert_ne!(encode(&[(LogicalType::TEXT, None)]), encode(&[(LogicalType::TEXT, Some(""))]));
}

#[test]
fn scale_counts_for_numeric_and_not_for_decimal() {
    let numeric = |value| encode(&[(LogicalType::Numeric, Some(value))]);
    assert_ne!(numeric("1.5"), numeric("1.50"));
    let decimal = |scale, value| encode(&[(LogicalType::Decimal { precision: 9, scale }, Some(value))]);
    assert_eq!(decimal(1, "1.5"), decimal(2, "1.50"));
}

#[test]
fn json_beyond_doubles_is_told_apart() {
    let json = |value| encode(&[(LogicalType::Jsonb, Some(value))]);
    assert_ne!(json("12345678901234567890"), json("12345678901234567891"));
}
