//! Values of every kind, at the limits of what MySQL holds.

use std::sync::Arc;

use super::*;
use crate::column::ColumnBuilder;
use crate::text;

fn written(logical: &LogicalType, way: Way, text: &str) -> Result<Value, Reason> {
    let mut column = ColumnBuilder::new(logical);
    text::parse(logical, text, &mut column).expect("a value");
    let array: ArrayRef = Arc::new(column.finish());
    value(logical, way, &array, 0)
}

#[test]
fn dates_and_times_end_where_mysqls_do() {
    let date = |text| written(&LogicalType::Date, Way::Plain, text);
    assert_eq!(date("2024-02-29"), Ok(Value::Date(2024, 2, 29, 0, 0, 0, 0)));
    assert_eq!(date("9999-12-31"), Ok(Value::Date(9999, 12, 31, 0, 0, 0, 0)));
    for text in ["10000-01-01", "0002-12-31 BC", "infinity", "-infinity"] {
        assert!(date(text).is_err(), "{text}");
    }
    let at = |text| written(&LogicalType::Timestamp, Way::Fraction(1), text);
    assert_eq!(at("1969-12-31 23:59:59.5"), Ok(Value::Date(1969, 12, 31, 23, 59, 59, 500_000)));
    assert!(at("infinity").is_err() && at("-infinity").is_err());
    let time = |text| written(&LogicalType::Time, Way::Fraction(1000), text);
    assert_eq!(time("24:00:00"), Ok(Value::Time(false, 1, 0, 0, 0, 0)));
    assert_eq!(time("00:00:00.001"), Ok(Value::Time(false, 0, 0, 0, 0, 1000)));
    assert_eq!(time("00:00:00.0001"), Err(TOO_FINE));
    let span = |text| written(&LogicalType::Interval, Way::Fraction(1), text);
    assert_eq!(span("PT-838H-59M-59S"), Ok(Value::Time(true, 34, 22, 59, 59, 0)));
    assert!(span("PT839H").is_err() && span("P1D").is_err() && span("P1M").is_err());
}

#[test]
fn what_the_server_would_change_without_a_word_is_refused() {
    assert!(written(&LogicalType::TEXT, Way::Unpadded, "a ").is_err());
    assert_eq!(written(&LogicalType::TEXT, Way::Plain, "a "), Ok("a ".into()));
    assert!(written(&LogicalType::Bytes, Way::Filled(2), "\\x00").is_err());
    assert_eq!(written(&LogicalType::Bytes, Way::Filled(1), "\\x00"), Ok(vec![0_u8].into()));
    assert!(written(&LogicalType::Int16, Way::Year, "50").is_err());
    assert_eq!(written(&LogicalType::Int16, Way::Year, "0"), Ok(Value::Int(0)));
}

#[test]
fn numbers_that_are_none_are_refused() {
    for text in ["NaN", "Infinity", "-Infinity"] {
        for logical in [LogicalType::Float32, LogicalType::Float64, LogicalType::Numeric] {
            assert_eq!(written(&logical, Way::Plain, text), Err(NOT_FINITE));
        }
    }
    let bits = LogicalType::Bits { length: None };
    assert_eq!(written(&bits, Way::Bits, "0101"), Ok(Value::UInt(5)));
    assert!(written(&bits, Way::Bits, &"1".repeat(65)).is_err());
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    assert_eq!(written(&LogicalType::Uuid, Way::Plain, uuid), Ok(uuid.into()));
    assert_eq!(
        written(&LogicalType::Uuid, Way::RawUuid, uuid),
        Ok(hex::decode(uuid.replace('-', "")).expect("hex").into())
    );
}
