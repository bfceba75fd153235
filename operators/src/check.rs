//! What a target cannot hold, found before it is written, so that one row's value never stops a whole split.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use sensei_storage::{Field, LogicalType, System, canonicalize_json_text};

use crate::fault::RowFaults;

/// Digits up to which a decimal is a decimal in Parquet; a longer one is kept as text.
const PARQUET_DECIMAL_DIGITS_MAX: u32 = 38;

/// Days since 1970-01-01 from 0000-01-01 to 9999-12-31.
const MYSQL_DAYS: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Records a fault for each value of a column that `system` cannot hold in `field`.
pub fn check(array: &ArrayRef, field: &Field, system: System, faults: &mut RowFaults) {
    check_nulls(array, field, faults);
    check_values(array, &field.logical, &field.name, system, faults);
}

fn check_nulls(array: &ArrayRef, field: &Field, faults: &mut RowFaults) {
    if field.nullable || array.null_count() == 0 {
        return;
    }
    for row in (0..array.len()).filter(|row| array.is_null(*row)) {
        faults.add(row, &field.name, "NULL in a column that does not allow it");
    }
}

fn check_values(array: &ArrayRef, logical: &LogicalType, column: &str, system: System, faults: &mut RowFaults) {
    match (logical, system) {
        (LogicalType::Text { .. } | LogicalType::Json, System::Postgresql) => check_nul(array, column, faults),
        (LogicalType::Jsonb, _) => check_jsonb(array, column, system, faults),
        (LogicalType::Float32, System::Sqlite) => {
            let nan = |row| array.as_primitive::<Float32Type>().value(row).is_nan();
            each_valid(array, nan, |row| faults.add(row, column, "SQLite cannot hold NaN"));
        }
        (LogicalType::Float64, System::Sqlite) => {
            let nan = |row| array.as_primitive::<Float64Type>().value(row).is_nan();
            each_valid(array, nan, |row| faults.add(row, column, "SQLite cannot hold NaN"));
        }
        (LogicalType::Decimal { precision: ..=PARQUET_DECIMAL_DIGITS_MAX, .. }, System::Parquet) => {
            let not_finite = |row| !array.as_string::<i32>().value(row).ends_with(|last: char| last.is_ascii_digit());
            each_valid(array, not_finite, |row| faults.add(row, column, "a Parquet decimal cannot be NaN or infinite"));
        }
        (logical, System::Mysql) => check_mysql(array, logical, column, faults),
        // Elements are kept as text, which has a word for NaN.
        (LogicalType::Array(element), System::Sqlite)
            if matches!(**element, LogicalType::Float32 | LogicalType::Float64) => {}
        (LogicalType::Array(element), _) => check_elements(array, element, column, system, faults),
        _ => {}
    }
}

/// MySQL has neither NaN nor infinities, and its dates end.
fn check_mysql(array: &ArrayRef, logical: &LogicalType, column: &str, faults: &mut RowFaults) {
    let not_finite = |row: usize| match logical {
        LogicalType::Float32 => !array.as_primitive::<Float32Type>().value(row).is_finite(),
        LogicalType::Float64 => !array.as_primitive::<Float64Type>().value(row).is_finite(),
        LogicalType::Decimal { .. } | LogicalType::Numeric => {
            !array.as_string::<i32>().value(row).ends_with(|last: char| last.is_ascii_digit())
        }
        _ => false,
    };
    each_valid(array, not_finite, |row| faults.add(row, column, "MySQL has no NaN and no infinity"));
    let beyond = |row: usize| match logical {
        LogicalType::Date => !MYSQL_DAYS.contains(&array.as_primitive::<Date32Type>().value(row).into()),
        LogicalType::Timestamp | LogicalType::TimestampTz => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            !MYSQL_DAYS.contains(&micros.div_euclid(DAY_MICROS))
        }
        _ => false,
    };
    each_valid(array, beyond, |row| faults.add(row, column, "MySQL's dates are those of the years 0 to 9999"));
}

fn each_valid(array: &ArrayRef, wrong: impl Fn(usize) -> bool, mut report: impl FnMut(usize)) {
    for row in (0..array.len()).filter(|&row| array.is_valid(row) && wrong(row)) {
        report(row);
    }
}

/// One look over the whole value buffer; rows are told apart only if it holds a zero byte at all.
fn check_nul(array: &ArrayRef, column: &str, faults: &mut RowFaults) {
    let text = array.as_string::<i32>();
    if !text.value_data().contains(&0) {
        return;
    }
    let has_nul = |row| text.value(row).contains('\0');
    each_valid(array, has_nul, |row| faults.add(row, column, "PostgreSQL text cannot hold the character U+0000"));
}

fn check_jsonb(array: &ArrayRef, column: &str, system: System, faults: &mut RowFaults) {
    for (row, text) in array.as_string::<i32>().iter().enumerate() {
        match text.map(canonicalize_json_text) {
            Some(Err(reason)) => faults.add(row, column, reason.to_string()),
            Some(Ok(canonical)) if system == System::Postgresql && canonical.contains("\\u0000") => {
                faults.add(row, column, "PostgreSQL jsonb cannot hold the character U+0000");
            }
            _ => {}
        }
    }
}

fn check_elements(array: &ArrayRef, element: &LogicalType, column: &str, system: System, faults: &mut RowFaults) {
    let list = array.as_list::<i32>();
    let mut inner = RowFaults::default();
    check_values(list.values(), element, column, system, &mut inner);
    for (position, column, reason) in inner.iter() {
        let row = list.value_offsets().partition_point(|&offset| offset as usize <= position) - 1;
        faults.add(row, column, reason);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sensei_storage::{ColumnBuilder, Traits, text};

    use super::*;

    #[test]
    fn mysql_has_no_infinities_and_an_end_of_dates() {
        let count = |logical: LogicalType, texts: &[&str]| {
            let mut column = ColumnBuilder::new(&logical);
            texts.iter().for_each(|text| text::parse(&logical, text, &mut column).unwrap());
            let array: ArrayRef = Arc::new(column.finish());
            let field =
                Field { name: "c".into(), logical, native: String::new(), nullable: true, traits: Traits::default() };
            let mut faults = RowFaults::default();
            check(&array, &field, System::Mysql, &mut faults);
            faults.iter().map(|(row, ..)| row).collect::<Vec<_>>()
        };
        assert_eq!(count(LogicalType::Float64, &["NaN", "1", "Infinity", "-Infinity"]), [0, 2, 3]);
        assert_eq!(count(LogicalType::Numeric, &["1.5", "NaN"]), [1]);
        let days = ["0001-01-01 BC", "0002-12-31 BC", "9999-12-31", "10000-01-01", "infinity", "-infinity"];
        assert_eq!(count(LogicalType::Date, &days), [1, 3, 4, 5]);
        let moments = ["9999-12-31 23:59:59.999999", "10000-01-01 00:00:00", "infinity", "1970-01-01 00:00:00"];
        assert_eq!(count(LogicalType::Timestamp, &moments), [1, 2]);
    }
}
