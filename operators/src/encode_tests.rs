//! Test vectors of row-v2, and what must and must not make a difference.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Field as ArrowField, Schema};
use expect_test::{Expect, expect};
use sensei_storage::{ColumnBuilder, Digest, LogicalType, text};

use super::*;
use crate::hash::RowHasher;

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
fn null_is_a_length_of_minus_one() {
    assert_eq!(encode(&[(LogicalType::TEXT, None)]), [0xff; 4]);
}

#[test]
fn vectors() {
    use LogicalType::*;
    check(Boolean, "true", expect!["0000000101"]);
    check(Int16, "-1", expect!["00000002ffff"]);
    check(Int32, "7", expect!["0000000400000007"]);
    check(Int64, "1", expect!["000000080000000000000001"]);
    check(Float64, "1.5", expect!["000000083ff8000000000000"]);
    check(Float64, "-0", expect!["000000080000000000000000"]);
    check(Float32, "NaN", expect!["000000047fc00000"]);
    check(Decimal { precision: 10, scale: 2 }, "12.50", expect!["0000000c0002000000000002000c1388"]);
    check(Decimal { precision: 10, scale: 2 }, "12.5", expect!["0000000c0002000000000002000c1388"]);
    check(Decimal { precision: 10, scale: 2 }, "0", expect!["000000080000000000000002"]);
    check(Decimal { precision: 10, scale: 3 }, "-0.125", expect!["0000000a0001ffff4000000304e2"]);
    check(Numeric, "12.50", expect!["0000000c0002000000000002000c1388"]);
    check(Numeric, "-Infinity", expect!["0000000800000000f0000000"]);
    check(LogicalType::TEXT, "é", expect!["00000002c3a9"]);
    check(Bytes, "\\x00ff", expect!["0000000200ff"]);
    check(Date, "1970-01-02", expect!["00000004ffffd534"]);
    check(Timestamp, "1970-01-01 00:00:00.000001", expect!["00000008fffca2fec4c82001"]);
    check(Interval, "P1M2DT0.000001S", expect!["00000010000000010000000200000000000003e8"]);
    check(Uuid, "00112233-4455-6677-8899-aabbccddeeff", expect!["0000001000112233445566778899aabbccddeeff"]);
    check(Jsonb, r#"{"b":1.0,"a":2}"#, expect!["0000000d7b2261223a322c2262223a317d"]);
    check(Json, r#"{"b": 1}"#, expect!["000000087b2262223a20317d"]);
    check(Array(Box::new(LogicalType::TEXT)), r#"["a",null]"#, expect!["0000000d000000020000000161ffffffff"]);
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
    let decimal = |value: &str| {
        let mut out = Vec::new();
        row_v2::decimal(&mut out, value, 2);
        out
    };
    assert_eq!((decimal("1.5"), decimal("1.500")), (decimal("1.50"), decimal("1.50")));
    assert_ne!(decimal("1.5"), decimal("1.501"), "finer than declared");
}

/// What an auditor recomputes in Python.
#[test]
fn the_document_s_digests_are_ours() {
    let types =
        [LogicalType::Int64, LogicalType::TEXT, LogicalType::Decimal { precision: 10, scale: 2 }, LogicalType::TEXT];
    let rows = |values: [Option<&str>; 4]| row(&types.clone().into_iter().zip(values).collect::<Vec<_>>());
    let (first, second) =
        (rows([Some("1"), Some("é"), Some("12.5"), None]), rows([Some("2"), Some(""), Some("0"), Some("x")]));
    let hasher = RowHasher::new([0; 32], types.to_vec(), Vec::new());
    let (first, second) = (hasher.digest(&first), hasher.digest(&second));
    let sum = |mut sum: Digest, other| {
        sum += other;
        sum
    };
    let document = include_str!("../../docs/row-v2.md");
    for (name, digest) in
        [("`first`", first), ("`first`, `second`", sum(first, second)), ("`second`, `second`", sum(second, second))]
    {
        assert!(document.contains(&format!("| {name} | `{digest}` |")), "{name}: {digest}");
    }
}

/// Dates and instants that have no place beside infinity take more bytes than others.
#[test]
fn infinities_are_met_by_nothing_else() {
    let encoded = |array: ArrayRef, logical: LogicalType| -> BTreeSet<Vec<u8>> {
        let schema = Schema::new(vec![ArrowField::new("x", logical.carrier(), true)]);
        let rows = RecordBatch::try_new(Arc::new(schema), vec![array]).expect("one column");
        let row = |row| {
            let mut out = Vec::new();
            RowEncoder::new(&rows, std::slice::from_ref(&logical)).encode(row, &mut out);
            out
        };
        (0..rows.num_rows()).map(row).collect()
    };
    let (day, micros) = (10_957, 10_957 * 86_400_000_000);
    let days: Vec<i32> =
        [0, 1, day - 1, day, day + 1].iter().flat_map(|near| [i32::MIN + near, i32::MAX - near]).collect();
    let dates = encoded(Arc::new(Date32Array::from(days)), LogicalType::Date);
    let instants: Vec<i64> =
        [0, 1, micros - 1, micros, micros + 1].iter().flat_map(|near| [i64::MIN + near, i64::MAX - near]).collect();
    let instants = encoded(Arc::new(TimestampMicrosecondArray::from(instants)), LogicalType::Timestamp);
    assert_eq!((dates.len(), instants.len()), (10, 10));
}

#[test]
fn text_that_is_no_number_is_told_from_every_number() {
    let decimal = |value: &str| {
        let mut out = Vec::new();
        row_v2::decimal(&mut out, value, 2);
        out
    };
    assert_eq!(decimal("twelve"), [&[0, 0, 0, 7, 0xff], b"twelve".as_slice()].concat());
    assert_eq!((decimal("1e3"), decimal("nan")), (decimal("1000.00"), decimal("NaN")));
}

#[test]
fn json_beyond_doubles_is_told_apart() {
    let json = |value| encode(&[(LogicalType::Jsonb, Some(value))]);
    assert_ne!(json("12345678901234567890"), json("12345678901234567891"));
}
