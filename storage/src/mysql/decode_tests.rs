//! Cells of every kind, at their limits.

use super::*;
use crate::text;

fn told(logical: &LogicalType, cell: Value) -> Result<String, Unfit> {
    let mut column = ColumnBuilder::new(logical);
    decode(Form::of(logical), &cell, &mut column)?;
    let mut out = String::new();
    text::render(logical, column.finish().as_ref(), 0, &mut out);
    Ok(out)
}

fn at(year: u16, month: u8, day: u8) -> Value {
    Value::Date(year, month, day, 0, 0, 0, 0)
}

#[test]
fn dates_count_from_1970_and_days_that_are_none_are_faults() {
    for (cell, expected) in [
        (at(1970, 1, 1), "1970-01-01"),
        (at(2000, 2, 29), "2000-02-29"),
        (at(1900, 3, 1), "1900-03-01"),
        (at(9999, 12, 31), "9999-12-31"),
        (at(1, 1, 1), "0001-01-01"),
        (at(0, 3, 1), "0001-03-01 BC"),
    ] {
        assert_eq!(told(&LogicalType::Date, cell).as_deref(), Ok(expected));
    }
    for cell in [at(0, 0, 0), at(2024, 0, 1), at(2024, 1, 0), at(1900, 2, 29), at(2024, 2, 30), at(2024, 13, 1)] {
        assert_eq!(told(&LogicalType::Date, cell), Err(NO_SUCH_DAY));
    }
    let late = Value::Date(2024, 2, 29, 23, 59, 59, 999_999);
    assert_eq!(told(&LogicalType::TimestampTz, late).as_deref(), Ok("2024-02-29 23:59:59.999999+00"));
}

#[test]
fn times_beyond_a_day_are_intervals_only() {
    let time = |negative, days, hours| Value::Time(negative, days, hours, 59, 59, 5);
    assert_eq!(told(&LogicalType::Time, Value::Time(false, 1, 0, 0, 0, 0)).as_deref(), Ok("24:00:00"));
    assert!(matches!(told(&LogicalType::Time, time(true, 0, 1)), Err(Unfit::Fault(_))));
    assert!(matches!(told(&LogicalType::Time, time(false, 1, 0)), Err(Unfit::Fault(_))));
    assert_eq!(told(&LogicalType::Interval, time(true, 34, 22)).as_deref(), Ok("PT-838H-59M-59.000005S"));
}

#[test]
fn parts_that_no_time_has_are_a_damaged_answer() {
    let interval = LogicalType::Interval;
    for cell in [
        Value::Time(false, u32::MAX, 0, 0, 0, 0),
        Value::Time(false, 35, 0, 0, 0, 0),
        Value::Time(true, 0, 24, 0, 0, 0),
        Value::Time(false, 0, 0, 60, 0, 0),
        Value::Time(false, 0, 0, 0, 0, 1_000_000),
    ] {
        assert!(matches!(told(&interval, cell), Err(Unfit::Malformed(_))));
    }
    let late = Value::Date(2024, 2, 29, 24, 0, 0, 0);
    assert!(matches!(told(&LogicalType::Timestamp, late), Err(Unfit::Malformed(_))));
}

#[test]
fn text_forms_lose_only_their_filling() {
    let decimal = LogicalType::Decimal { precision: 10, scale: 2 };
    for (cell, expected) in [
        ("00012.50", "12.50"),
        ("-12.50", "-12.50"),
        ("0.00", "0.00"),
        ("000.05", "0.05"),
        ("0000", "0"),
        ("100", "100"),
    ] {
        assert_eq!(told(&decimal, Value::Bytes(cell.into())).as_deref(), Ok(expected));
    }
    assert_eq!(told(&decimal, Value::UInt(u64::MAX)).as_deref(), Ok("18446744073709551615"));
    let bits = LogicalType::Bits { length: Some(10) };
    assert_eq!(told(&bits, Value::Bytes(vec![0b10, 0b1000_0001])).as_deref(), Ok("1010000001"));
    assert_eq!(told(&LogicalType::Boolean, Value::Bytes(vec![1])).as_deref(), Ok("true"));
    assert!(matches!(told(&LogicalType::Boolean, Value::Int(2)), Err(Unfit::Fault(_))));
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    assert_eq!(told(&LogicalType::Uuid, Value::Bytes(uuid.into())).as_deref(), Ok(uuid));
    assert!(matches!(told(&LogicalType::TEXT, Value::Bytes(vec![0xff])), Err(Unfit::Fault(_))));
}
