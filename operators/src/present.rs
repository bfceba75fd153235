//! How carriers are shown to expressions, and how results come back. Decimals travel as text because PostgreSQL's
//! exceed any Arrow decimal; inside an expression they are Arrow decimals, and a value that does not fit is a fault
//! of its row, never rounded.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use sensei_storage::{LogicalType, text};

/// Digits and scale by which an unconstrained numeric is shown to an expression.
const NUMERIC_SHOWN: (u8, i8) = (76, 20);
const DECIMAL128_DIGITS_MAX: u32 = 38;
const DECIMAL256_DIGITS_MAX: u32 = 76;

/// The Arrow type under which an expression sees a column.
pub fn shown_type(logical: &LogicalType) -> DataType {
    match logical {
        LogicalType::Decimal { precision, scale } => match (*precision, i8::try_from(*scale)) {
            (1..=DECIMAL128_DIGITS_MAX, Ok(scale)) => DataType::Decimal128(*precision as u8, scale),
            (1..=DECIMAL256_DIGITS_MAX, Ok(scale)) => DataType::Decimal256(*precision as u8, scale),
            _ => DataType::Decimal256(NUMERIC_SHOWN.0, NUMERIC_SHOWN.1),
        },
        LogicalType::Numeric => DataType::Decimal256(NUMERIC_SHOWN.0, NUMERIC_SHOWN.1),
        LogicalType::Uuid => DataType::Utf8,
        other => other.carrier(),
    }
}

/// The column as an expression sees it. Rows that cannot be shown exactly become NULL and a fault.
pub fn shown(array: &ArrayRef, logical: &LogicalType, faults: &mut Vec<(usize, String)>) -> ArrayRef {
    match shown_type(logical) {
        DataType::Decimal128(..) | DataType::Decimal256(..) => decimals(array, &shown_type(logical), faults),
        DataType::Utf8 if *logical == LogicalType::Uuid => Arc::new(rendered(array, logical)),
        _ => array.clone(),
    }
}

fn decimals(array: &ArrayRef, shown: &DataType, faults: &mut Vec<(usize, String)>) -> ArrayRef {
    let scale = match shown {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => usize::try_from(*scale).unwrap_or(0),
        _ => 0,
    };
    let fits =
        |text: &str| text.split_once('.').is_none_or(|(_, fraction)| fraction.trim_end_matches('0').len() <= scale);
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let cast = cast_with_options(array, shown, &safe).expect("text casts to decimal");
    for (row, text) in array.as_string::<i32>().iter().enumerate() {
        if text.is_some_and(|text| cast.is_null(row) || !fits(text)) {
            faults.push((row, "the number does not fit a decimal an expression can use".to_owned()));
        }
    }
    cast
}

fn rendered(array: &ArrayRef, logical: &LogicalType) -> StringArray {
    let render = |row| {
        array.is_valid(row).then(|| {
            let mut out = String::new();
            text::render(logical, array, row, &mut out);
            out
        })
    };
    (0..array.len()).map(render).collect()
}

/// The logical type of an expression's result, if Sensei carries it.
pub fn logical_type(data_type: &DataType) -> Option<LogicalType> {
    Some(match data_type {
        DataType::Boolean => LogicalType::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => LogicalType::Int16,
        DataType::Int32 | DataType::UInt16 => LogicalType::Int32,
        DataType::Int64 | DataType::UInt32 => LogicalType::Int64,
        DataType::UInt64 => LogicalType::Decimal { precision: 20, scale: 0 },
        DataType::Float16 | DataType::Float32 => LogicalType::Float32,
        DataType::Float64 => LogicalType::Float64,
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s) => LogicalType::Decimal { precision: (*p).into(), scale: (*s).into() },
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => LogicalType::TEXT,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => LogicalType::Bytes,
        DataType::Date32 => LogicalType::Date,
        DataType::Time64(TimeUnit::Microsecond) => LogicalType::Time,
        DataType::Timestamp(_, None) => LogicalType::Timestamp,
        DataType::Timestamp(_, Some(_)) => LogicalType::TimestampTz,
        DataType::Interval(_) => LogicalType::Interval,
        DataType::List(field) => LogicalType::Array(Box::new(logical_type(field.data_type())?)),
        _ => return None,
    })
}

/// Brings a result into the carrier of `logical`.
pub fn carried(result: &ArrayRef, logical: &LogicalType, faults: &mut Vec<(usize, String)>) -> ArrayRef {
    if let DataType::Timestamp(TimeUnit::Nanosecond, _) = result.data_type() {
        for (row, value) in result.as_primitive::<TimestampNanosecondType>().iter().enumerate() {
            if value.is_some_and(|nanoseconds| nanoseconds % 1000 != 0) {
                faults.push((row, "the expression gives parts of a microsecond".to_owned()));
            }
        }
    }
    let safe = CastOptions { safe: true, ..CastOptions::default() };
    let cast = cast_with_options(result, &logical.carrier(), &safe).expect("result types cast to their carriers");
    for row in 0..cast.len() {
        if cast.is_null(row) && result.is_valid(row) {
            faults.push((row, format!("the expression's result does not fit {logical}")));
        }
    }
    cast
}
