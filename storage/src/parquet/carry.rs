//! Turns arrays as Parquet delivers them into carriers, and carriers into arrays as Parquet stores them.
//!
//! Nothing is rounded or wrapped: a value that does not fit its carrier marks its row, and the row becomes a fault.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowNativeTypeOp, ListArray, PrimitiveArray};
use arrow_buffer::BooleanBufferBuilder;
use arrow_cast::cast;
use arrow_schema::{DataType, Field as ArrowField, TimeUnit};

use super::schema;
use crate::column::ColumnBuilder;
use crate::decimal::{fit_short, push_scaled};
use crate::text;
use crate::types::LogicalType;

/// Microseconds of a day, the last time of day there is (`24:00:00`).
const DAY_US: i64 = 86_400_000_000;
const DAY_MS: i64 = 86_400_000;
const DATE_WITH_TIME: &str = "a date with a time of day";
const TOO_FINE: &str = "finer than a microsecond";
const OUT_OF_RANGE: &str = "out of range";

/// A column in its carrier, and the rows whose value does not fit it.
pub(super) struct Carried {
    /// As long as the input; NULL where the value does not fit.
    pub array: ArrayRef,
    /// Rows that do not fit, ascending, with the reason.
    pub bad: Vec<(usize, &'static str)>,
}

impl From<ArrayRef> for Carried {
    fn from(array: ArrayRef) -> Carried {
        Carried { array, bad: Vec::new() }
    }
}

/// `array` in the carrier of `logical`.
///
/// # Errors
/// Why no array of this type can be: the types do not belong together.
pub(super) fn carry(array: &ArrayRef, logical: &LogicalType) -> Result<Carried, String> {
    use LogicalType as L;
    Ok(match (array.data_type(), logical) {
        (DataType::Dictionary(_, values), _) => carry(&recast(array, values)?, logical)?,
        (DataType::LargeUtf8 | DataType::Utf8View, _) => carry(&recast(array, &DataType::Utf8)?, logical)?,
        (DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_), L::Bytes) => {
            recast(array, &DataType::Binary)?.into()
        }
        (DataType::Int8 | DataType::UInt8, L::Int16)
        | (DataType::UInt16, L::Int32)
        | (DataType::UInt32, L::Int64)
        | (DataType::Float16, L::Float32) => recast(array, &logical.carrier())?.into(),
        (DataType::UInt64, L::Decimal { .. }) => {
            let numbers = array.as_primitive::<UInt64Type>();
            through_text(array, logical, |row| numbers.value(row).to_string())
        }
        (
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..),
            L::Decimal { precision, scale },
        ) => {
            if let Some(texts) = decimals_as_they_are(array, *precision, *scale) {
                return Ok(texts.into());
            }
            let texts = recast(array, &DataType::Utf8)?;
            let texts = texts.as_string::<i32>();
            through_text(array, logical, |row| texts.value(row).to_owned())
        }
        (DataType::Utf8, L::Text { max_chars: None }) => array.clone().into(),
        (DataType::Utf8, L::Text { .. } | L::Json | L::Jsonb | L::Decimal { .. } | L::Numeric | L::Interval) => {
            let texts = array.as_string::<i32>();
            through_text(array, logical, |row| texts.value(row).to_owned())
        }
        (DataType::Date64, L::Date) => each::<Date64Type, Date32Type>(array, logical, |ms| match ms % DAY_MS {
            0 => i32::try_from(ms / DAY_MS).map_err(|_| OUT_OF_RANGE),
            _ => Err(DATE_WITH_TIME),
        }),
        (DataType::Time32(_) | DataType::Time64(_), L::Time) => carry_time(array, logical),
        (DataType::Timestamp(unit, None), L::Timestamp) => carry_timestamp(array, *unit, logical),
        (DataType::Timestamp(unit, Some(_)), L::TimestampTz) => carry_timestamp(array, *unit, logical),
        (DataType::LargeList(item) | DataType::FixedSizeList(item, _), L::Array(_)) => {
            carry(&recast(array, &DataType::List(item.clone()))?, logical)?
        }
        (DataType::List(_), L::Array(element)) => carry_list(array.as_list::<i32>(), element)?,
        (found, _) if *found == logical.carrier() => array.clone().into(),
        (found, _) => return Err(format!("{found} cannot be read as {logical}")),
    })
}

/// Decimals of the column's own scale, if all of them fit.
fn decimals_as_they_are(array: &ArrayRef, precision: u32, scale: i32) -> Option<ArrayRef> {
    let DataType::Decimal128(_, stored_scale) = array.data_type() else { return None };
    let digits_after = usize::try_from(scale).ok()?;
    if i32::from(*stored_scale) != scale {
        return None;
    }
    // A file may hold what its own schema does not allow.
    let values = array.as_primitive::<Decimal128Type>();
    let most = 10_u128.checked_pow(precision)?;
    if values.iter().flatten().any(|value| value.unsigned_abs() >= most) {
        return None;
    }
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * precision as usize / 2);
    let mut text = Vec::new();
    for value in values {
        let Some(value) = value else {
            texts.append_null();
            continue;
        };
        text.clear();
        if value < 0 {
            text.push(b'-');
        }
        push_scaled(value.unsigned_abs(), digits_after, &mut text);
        texts.append_value(std::str::from_utf8(&text).expect("digits are ASCII"));
    }
    Some(Arc::new(texts.finish()))
}

/// `array`, the carrier of `logical`, as a file stores it.
///
/// # Errors
/// Why a value cannot be stored. Nothing of it is in the message.
pub(super) fn store(array: &ArrayRef, logical: &LogicalType) -> Result<ArrayRef, &'static str> {
    match logical {
        LogicalType::Decimal { precision, scale } => match schema::decimal(*precision, *scale) {
            Some((precision, scale)) => store_decimals(array, precision, scale),
            None => Ok(array.clone()),
        },
        LogicalType::Interval => {
            let mut texts = StringBuilder::new();
            let mut text = String::new();
            for row in 0..array.len() {
                text.clear();
                if array.is_valid(row) {
                    text::render(logical, array, row, &mut text);
                }
                texts.append_option(array.is_valid(row).then_some(&text));
            }
            Ok(Arc::new(texts.finish()))
        }
        LogicalType::Array(element) => {
            let list = array.as_list::<i32>();
            let values = store(list.values(), element)?;
            let item = Arc::new(ArrowField::new_list_field(values.data_type().clone(), true));
            Ok(Arc::new(ListArray::new(item, list.offsets().clone(), values, list.nulls().cloned())))
        }
        _ => Ok(array.clone()),
    }
}

fn store_decimals(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef, &'static str> {
    let unscaled = |text: &str| {
        if let Some((negative, unscaled)) = fit_short(text, precision.into(), scale.into()) {
            return Ok(if negative { -i128::from(unscaled) } else { unscaled.into() });
        }
        let text = crate::decimal::fit(text, u32::from(precision), i32::from(scale))?;
        if text == "NaN" {
            return Err("a Parquet decimal cannot be NaN");
        }
        text.replace('.', "").parse::<i128>().map_err(|_| OUT_OF_RANGE)
    };
    let values = array.as_string::<i32>().iter().map(|text| text.map(unscaled).transpose());
    let values = values.collect::<Result<PrimitiveArray<Decimal128Type>, _>>()?;
    let typed = values.with_precision_and_scale(precision, scale).map_err(|_| OUT_OF_RANGE)?;
    Ok(Arc::new(typed))
}

fn carry_time(array: &ArrayRef, logical: &LogicalType) -> Carried {
    let in_day = |us: i64| if (0..=DAY_US).contains(&us) { Ok(us) } else { Err(OUT_OF_RANGE) };
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            each::<Time32SecondType, Time64MicrosecondType>(array, logical, |s| in_day(i64::from(s) * 1_000_000))
        }
        DataType::Time32(_) => {
            each::<Time32MillisecondType, Time64MicrosecondType>(array, logical, |ms| in_day(i64::from(ms) * 1_000))
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            each::<Time64NanosecondType, Time64MicrosecondType>(array, logical, |ns| in_day(whole_micros(ns)?))
        }
        _ => each::<Time64MicrosecondType, Time64MicrosecondType>(array, logical, in_day),
    }
}

fn carry_timestamp(array: &ArrayRef, unit: TimeUnit, logical: &LogicalType) -> Carried {
    let times = |value: i64, factor: i64| value.checked_mul(factor).ok_or(OUT_OF_RANGE);
    match unit {
        TimeUnit::Second => {
            each::<TimestampSecondType, TimestampMicrosecondType>(array, logical, |s| times(s, 1_000_000))
        }
        TimeUnit::Millisecond => {
            each::<TimestampMillisecondType, TimestampMicrosecondType>(array, logical, |ms| times(ms, 1_000))
        }
        TimeUnit::Microsecond => each::<TimestampMicrosecondType, TimestampMicrosecondType>(array, logical, Ok),
        TimeUnit::Nanosecond => each::<TimestampNanosecondType, TimestampMicrosecondType>(array, logical, whole_micros),
    }
}

fn whole_micros(ns: i64) -> Result<i64, &'static str> {
    if ns % 1_000 == 0 { Ok(ns / 1_000) } else { Err(TOO_FINE) }
}

/// Elements in their carrier; a row with an element that does not fit does not fit.
fn carry_list(list: &ListArray, element: &LogicalType) -> Result<Carried, String> {
    let inner = carry(list.values(), element)?;
    let item = Arc::new(ArrowField::new_list_field(inner.array.data_type().clone(), true));
    let mut bad = Vec::new();
    let mut elements = inner.bad.iter().peekable();
    for row in 0..list.len() {
        let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
        while elements.next_if(|(index, _)| *index < start).is_some() {}
        let mut reason = None;
        while let Some((_, why)) = elements.next_if(|(index, _)| *index < end) {
            reason = Some(*why);
        }
        if let Some(why) = reason.filter(|_| list.is_valid(row)) {
            bad.push((row, why));
        }
    }
    let array = ListArray::try_new(item, list.offsets().clone(), inner.array, list.nulls().cloned());
    Ok(Carried { array: Arc::new(array.map_err(|error| error.to_string())?), bad })
}

/// Converts a primitive column value by value.
fn each<From: ArrowPrimitiveType, To: ArrowPrimitiveType>(
    array: &ArrayRef,
    logical: &LogicalType,
    convert: impl Fn(From::Native) -> Result<To::Native, &'static str>,
) -> Carried {
    let source = array.as_primitive::<From>();
    let mut bad = Vec::new();
    let mut valid = BooleanBufferBuilder::new(source.len());
    let mut values = Vec::with_capacity(source.len());
    for row in 0..source.len() {
        let converted = if source.is_valid(row) { Some(convert(source.value(row))) } else { None };
        valid.append(matches!(converted, Some(Ok(_))));
        values.push(match converted {
            Some(Ok(value)) => value,
            Some(Err(why)) => {
                bad.push((row, why));
                To::Native::ZERO
            }
            None => To::Native::ZERO,
        });
    }
    let array = PrimitiveArray::<To>::new(values.into(), Some(valid.finish().into()));
    Carried { array: Arc::new(array.with_data_type(logical.carrier())), bad }
}

/// Parses the text of every value that is not NULL.
fn through_text(array: &ArrayRef, logical: &LogicalType, text: impl Fn(usize) -> String) -> Carried {
    let mut column = ColumnBuilder::new(logical);
    let mut bad = Vec::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            column.append_null();
        } else if let Err(why) = text::parse(logical, &text(row), &mut column) {
            column.append_null();
            bad.push((row, why));
        }
    }
    Carried { array: column.finish(), bad }
}

fn recast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    cast(array, to).map_err(|error| error.to_string())
}
