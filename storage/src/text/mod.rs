//! The canonical text of every logical type: how CSV, SQLite, keys in messages and reports write a value.
//!
//! | type | text |
//! | --- | --- |
//! | boolean | `true`, `false`; also read: `t f 1 0 yes no`, any case |
//! | int16, int32, int64 | decimal digits |
//! | float32, float64 | shortest digits that read back the same; `NaN`, `Infinity`, `-Infinity` |
//! | decimal(p,s) | plain digits at scale s; `NaN` |
//! | numeric | plain digits at the value's own scale; `NaN`, `Infinity`, `-Infinity` |
//! | text, json, jsonb, a system's own types | as it is; JSON is checked for syntax |
//! | bits | `0` and `1` |
//! | bytes, geometry | `\x` and hex digits |
//! | date | `2024-02-29`, `0044-03-15 BC`, `12345-01-01`, `infinity`, `-infinity` |
//! | time | `23:59:59.999999`, `24:00:00` |
//! | timestamp | `2024-02-29 12:00:00.5`, with ` BC` and the infinities as for dates |
//! | timestamptz | the same in UTC with `+00`; read with any offset |
//! | interval | ISO 8601 duration, sign per field: `P1Y2M3DT-4H5M6.5S` |
//! | uuid | `00112233-4455-6677-8899-aabbccddeeff` |
//! | array | JSON array: `null`, numbers for integers, `true`/`false`, strings holding the element's text otherwise |
//!
//! **Invariant:** what is rendered parses back to the same value. Parsing never rounds, wraps or guesses, and a reason
//! for refusing never holds the value. White space around anything but text, JSON and bytes is ignored.

pub(crate) mod calendar;
mod interval;
mod list;
mod temporal;

use std::fmt::Write as _;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_buffer::IntervalMonthDayNano;
use serde::de::IgnoredAny;

use crate::column::ColumnBuilder;
use crate::decimal;
use crate::types::LogicalType;

/// Why a text is no value of a type. Never holds the text.
pub type Reason = &'static str;

/// A parsed value, complete before anything is pushed.
enum Value {
    Boolean(bool),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    Text(String),
    Bytes(Vec<u8>),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    Interval(IntervalMonthDayNano),
    Uuid([u8; 16]),
    List(Vec<Option<Value>>),
}

/// Appends the text of the value at `row`, which must not be NULL, to `out`.
///
/// # Panics
/// If `array` is not the carrier of `logical`.
///
/// ```
/// use sensei_storage::{LogicalType, text};
/// let mut out = String::new();
/// text::render(&LogicalType::Date, &arrow_array::Date32Array::from(vec![19782]), 0, &mut out);
/// assert_eq!(out, "2024-02-29");
/// ```
pub fn render(logical: &LogicalType, array: &dyn Array, row: usize, out: &mut String) {
    match logical {
        LogicalType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        LogicalType::Int16 => display(array.as_primitive::<Int16Type>().value(row), out),
        LogicalType::Int32 => display(array.as_primitive::<Int32Type>().value(row), out),
        LogicalType::Int64 => display(array.as_primitive::<Int64Type>().value(row), out),
        LogicalType::Float32 => render_float32(array.as_primitive::<Float32Type>().value(row), out),
        LogicalType::Float64 => render_float64(array.as_primitive::<Float64Type>().value(row), out),
        LogicalType::Decimal { .. }
        | LogicalType::Numeric
        | LogicalType::Text { .. }
        | LogicalType::Json
        | LogicalType::Jsonb
        | LogicalType::Bits { .. }
        | LogicalType::Opaque { .. } => out.push_str(array.as_string::<i32>().value(row)),
        LogicalType::Bytes | LogicalType::Geometry => render_bytes(array.as_binary::<i32>().value(row), out),
        LogicalType::Date => temporal::render_date(array.as_primitive::<Date32Type>().value(row), out),
        LogicalType::Time => temporal::render_time(array.as_primitive::<Time64MicrosecondType>().value(row), out),
        LogicalType::Timestamp => temporal::render_timestamp(timestamp(array, row), "", out),
        LogicalType::TimestampTz => temporal::render_timestamp(timestamp(array, row), "+00", out),
        LogicalType::Interval => interval::render(array.as_primitive::<IntervalMonthDayNanoType>().value(row), out),
        LogicalType::Uuid => render_uuid(array.as_fixed_size_binary().value(row), out),
        LogicalType::Array(element) => list::render(element, array.as_list::<i32>().value(row).as_ref(), out),
    }
}

/// Reads `text` as a value of `logical` and pushes it to `into`, a builder made for that type.
///
/// # Errors
/// The reason, if the text is no value of the type; nothing was pushed then.
///
/// # Panics
/// If `into` was made for another type.
pub fn parse(logical: &LogicalType, text: &str, into: &mut ColumnBuilder) -> Result<(), Reason> {
    // The commonest type needs no owned copy.
    if let (LogicalType::Text { max_chars }, ColumnBuilder::Text(builder)) = (logical, &mut *into) {
        check_length(text, *max_chars)?;
        builder.append_value(text);
        return Ok(());
    }
    read(logical, text)?.push(into);
    Ok(())
}

/// Names a row by its key: `a=1, b=x`, with `NULL` for NULL.
///
/// # Panics
/// If an array is not the carrier of its type.
pub fn render_key(columns: &[(&str, &LogicalType, &dyn Array)], row: usize) -> String {
    let mut key = String::new();
    for (name, logical, array) in columns {
        if !key.is_empty() {
            key.push_str(", ");
        }
        key.push_str(name);
        key.push('=');
        if array.is_null(row) {
            key.push_str("NULL");
        } else {
            render(logical, *array, row, &mut key);
        }
    }
    key
}

fn display(value: impl std::fmt::Display, out: &mut String) {
    write!(out, "{value}").expect("a string takes any text");
}

fn render_float32(value: f32, out: &mut String) {
    // Display and LowerExp both write the shortest digits that read back the same; only the layout differs.
    match value.abs() {
        _ if !value.is_finite() => display(decimal::from_f64(f64::from(value)), out),
        size if size != 0.0 && !(1e-5..1e16).contains(&size) => display(format_args!("{value:e}"), out),
        _ => display(value, out),
    }
}

fn render_float64(value: f64, out: &mut String) {
    match value.abs() {
        _ if !value.is_finite() => display(decimal::from_f64(value), out),
        size if size != 0.0 && !(1e-5..1e16).contains(&size) => display(format_args!("{value:e}"), out),
        _ => display(value, out),
    }
}

fn render_bytes(bytes: &[u8], out: &mut String) {
    out.push_str("\\x");
    out.push_str(&hex::encode(bytes));
}

fn render_uuid(bytes: &[u8], out: &mut String) {
    let digits = hex::encode(bytes);
    for (part, range) in [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().enumerate() {
        if part > 0 {
            out.push('-');
        }
        out.push_str(&digits[range]);
    }
}

fn timestamp(array: &dyn Array, row: usize) -> i64 {
    array.as_primitive::<TimestampMicrosecondType>().value(row)
}

fn read(logical: &LogicalType, text: &str) -> Result<Value, Reason> {
    let word = text.trim_matches(|c: char| c.is_ascii_whitespace());
    Ok(match logical {
        LogicalType::Boolean => Value::Boolean(read_boolean(word)?),
        LogicalType::Int16 => Value::Int16(read_integer(word)?),
        LogicalType::Int32 => Value::Int32(read_integer(word)?),
        LogicalType::Int64 => Value::Int64(read_integer(word)?),
        LogicalType::Float32 => {
            let value = word.parse::<f32>().map_err(|_| NOT_A_FLOAT)?;
            check_float(word, value == 0.0, value.is_infinite())?;
            Value::Float32(value)
        }
        LogicalType::Float64 => {
            let value = word.parse::<f64>().map_err(|_| NOT_A_FLOAT)?;
            check_float(word, value == 0.0, value.is_infinite())?;
            Value::Float64(value)
        }
        LogicalType::Decimal { precision, scale } => Value::Text(decimal::fit(word, *precision, *scale)?),
        LogicalType::Numeric => Value::Text(decimal::plain(word)?),
        LogicalType::Text { max_chars } => {
            check_length(text, *max_chars)?;
            Value::Text(text.to_owned())
        }
        LogicalType::Json | LogicalType::Jsonb => {
            serde_json::from_str::<IgnoredAny>(text).map_err(|_| "not valid JSON")?;
            Value::Text(text.to_owned())
        }
        LogicalType::Bits { length } => Value::Text(read_bits(word, *length)?),
        LogicalType::Opaque { .. } => Value::Text(text.to_owned()),
        LogicalType::Bytes | LogicalType::Geometry => Value::Bytes(read_bytes(text)?),
        LogicalType::Date => Value::Date(temporal::parse_date(word)?),
        LogicalType::Time => Value::Time(temporal::parse_time(word)?),
        LogicalType::Timestamp => Value::Timestamp(temporal::parse_timestamp(word)?),
        LogicalType::TimestampTz => Value::Timestamp(temporal::parse_timestamp_tz(word)?),
        LogicalType::Interval => Value::Interval(interval::parse(word)?),
        LogicalType::Uuid => Value::Uuid(read_uuid(word)?),
        LogicalType::Array(element) => Value::List(list::read(element, text)?),
    })
}

const NOT_A_FLOAT: Reason = "not a number";

fn read_boolean(word: &str) -> Result<bool, Reason> {
    let is = |choices: [&str; 4]| choices.iter().any(|choice| word.eq_ignore_ascii_case(choice));
    if is(["true", "t", "1", "yes"]) {
        Ok(true)
    } else if is(["false", "f", "0", "no"]) {
        Ok(false)
    } else {
        Err("not a boolean")
    }
}

fn read_bits(word: &str, length: Option<u32>) -> Result<String, Reason> {
    if !word.bytes().all(|byte| matches!(byte, b'0' | b'1')) {
        return Err("not a string of bits");
    }
    match length {
        Some(length) if word.len() != length as usize => Err("a bit string of another length"),
        _ => Ok(word.to_owned()),
    }
}

fn read_integer<T: std::str::FromStr<Err = std::num::ParseIntError>>(word: &str) -> Result<T, Reason> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    word.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        PosOverflow | NegOverflow => "integer out of range",
        _ => "not an integer",
    })
}

/// Refuses numbers that became infinite or zero only because they do not fit.
fn check_float(word: &str, zero: bool, infinite: bool) -> Result<(), Reason> {
    let mantissa = word.split(['e', 'E']).next().unwrap_or(word);
    let written_infinite = word.contains(['i', 'I']);
    if (infinite && !written_infinite) || (zero && mantissa.contains(|c: char| matches!(c, '1'..='9'))) {
        return Err("number out of range");
    }
    Ok(())
}

fn check_length(text: &str, max_chars: Option<u32>) -> Result<(), Reason> {
    match max_chars {
        // Bytes are never fewer than characters, so most texts need no count.
        Some(max) if text.len() > max as usize && text.chars().count() > max as usize => {
            Err("longer than the column allows")
        }
        _ => Ok(()),
    }
}

fn read_bytes(text: &str) -> Result<Vec<u8>, Reason> {
    let digits = text.strip_prefix("\\x").ok_or("bytes must be written as \\x and hex digits")?;
    hex::decode(digits).map_err(|_| "not an even number of hex digits")
}

fn read_uuid(word: &str) -> Result<[u8; 16], Reason> {
    const NOT_A_UUID: Reason = "not a UUID";
    let bare = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(word);
    let hyphens: Vec<usize> = bare.match_indices('-').map(|(at, _)| at).collect();
    if !hyphens.is_empty() && hyphens != [8, 13, 18, 23] {
        return Err(NOT_A_UUID);
    }
    let mut bytes = [0; 16];
    hex::decode_to_slice(bare.replace('-', ""), &mut bytes).map_err(|_| NOT_A_UUID)?;
    Ok(bytes)
}

impl Value {
    fn push(self, into: &mut ColumnBuilder) {
        match (self, into) {
            (Value::Boolean(value), ColumnBuilder::Boolean(builder)) => builder.append_value(value),
            (Value::Int16(value), ColumnBuilder::Int16(builder)) => builder.append_value(value),
            (Value::Int32(value), ColumnBuilder::Int32(builder)) => builder.append_value(value),
            (Value::Int64(value), ColumnBuilder::Int64(builder)) => builder.append_value(value),
            (Value::Float32(value), ColumnBuilder::Float32(builder)) => builder.append_value(value),
            (Value::Float64(value), ColumnBuilder::Float64(builder)) => builder.append_value(value),
            (Value::Text(value), ColumnBuilder::Text(builder)) => builder.append_value(value),
            (Value::Bytes(value), ColumnBuilder::Bytes(builder)) => builder.append_value(value),
            (Value::Date(value), ColumnBuilder::Date(builder)) => builder.append_value(value),
            (Value::Time(value), ColumnBuilder::Time(builder)) => builder.append_value(value),
            (Value::Timestamp(value), ColumnBuilder::Timestamp(builder)) => builder.append_value(value),
            (Value::Interval(value), ColumnBuilder::Interval(builder)) => builder.append_value(value),
            (Value::Uuid(value), ColumnBuilder::Uuid(builder)) => {
                builder.append_value(value).expect("16 bytes for a width of 16");
            }
            (Value::List(elements), ColumnBuilder::List(builder)) => {
                for element in elements {
                    match element {
                        Some(element) => element.push(&mut builder.values),
                        None => builder.values.append_null(),
                    }
                }
                builder.close(true);
            }
            _ => unreachable!("a builder made for another type"),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
