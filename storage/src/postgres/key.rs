//! Key values as text, to name a faulty row. Knows nothing of SQL.

use std::fmt::Write;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int16Type, Int32Type, Int64Type};

use crate::types::LogicalType;

/// Appends the value at `row`; `None` for NULL and for types that rarely make a key.
pub(super) fn render(logical: &LogicalType, array: &dyn Array, row: usize, out: &mut String) -> Option<()> {
    if array.is_null(row) {
        return None;
    }
    match logical {
        LogicalType::Boolean => write!(out, "{}", array.as_boolean().value(row)).ok(),
        LogicalType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)).ok(),
        LogicalType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)).ok(),
        LogicalType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)).ok(),
        LogicalType::Decimal { .. } | LogicalType::Numeric | LogicalType::Text { .. } => {
            out.push_str(array.as_string::<i32>().value(row));
            Some(())
        }
        LogicalType::Uuid => {
            let digits = hex::encode(array.as_fixed_size_binary().value(row));
            write!(out, "{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
                .ok()
        }
        LogicalType::Date => date(array.as_primitive::<Date32Type>().value(row), out),
        _ => None,
    }
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(days: i32, out: &mut String) -> Option<()> {
    let shifted = i64::from(days) + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    write!(out, "{:04}-{month:02}-{day:02}", year_of_era + era * 400 + carry).ok()
}
