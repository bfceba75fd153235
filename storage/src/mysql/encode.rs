//! From Arrow arrays to the parameters of a prepared statement. Knows nothing of statements or sessions.
//!
//! The server takes some values with a change and without a word: it rounds parts of a second, fills up bytes and cuts
//! blanks off. Such values are refused here.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use mysql_async::Value;

use super::decode::DAY_MICROS;
use super::geometry;
use super::relation::{NativeColumn, Relation};
use crate::catalog::{Field, TargetTable};
use crate::error::{Error, Result};
use crate::text::calendar::civil_from_days;
use crate::types::LogicalType;

/// The last year that MySQL's dates have.
const YEAR_MAX: i64 = 9999;
/// Hours of the longest time.
const TIME_HOURS_MAX: i64 = 838;

/// Why a value is refused, without the value.
type Reason = &'static str;

/// The columns of a table that are written, with what the server's types do to their values.
pub(super) struct Encoder {
    table: String,
    /// Position in the batch, field and how it is written. Columns the server computes are not among them.
    columns: Vec<(usize, Field, Way)>,
    width: usize,
}

/// How a column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As they are.
    Plain,
    /// Bits as a number.
    Bits,
    /// 16 bytes, not the text of a UUID.
    RawUuid,
    /// Text whose last blank would be lost.
    Unpadded,
    /// Bytes of exactly this length: fewer would be filled up.
    Filled(usize),
    /// Years of two digits would be taken for other years.
    Year,
    /// Times with parts of a second down to so many microseconds; finer ones would be rounded.
    Fraction(i64),
}

impl Encoder {
    /// For rows of `planned`, which stands as `relation`.
    ///
    /// # Errors
    /// `Missing` for a column that is not there, `Invalid` for one whose type is not the planned one.
    pub(super) fn new(relation: &Relation, planned: &TargetTable) -> Result<Encoder> {
        let written = planned.fields.iter().enumerate().filter(|(_, field)| field.traits.generation.is_none());
        let column = |(index, field): (usize, &Field)| {
            relation.must_take(field)?;
            let way = Way::of(relation.column(&field.name)?, &field.logical);
            Ok((index, field.clone(), way))
        };
        let columns = written.map(column).collect::<Result<_>>()?;
        Ok(Encoder { table: planned.name.clone(), columns, width: planned.fields.len() })
    }

    /// Names of the columns that are written.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(_, field, _)| field.name.as_str())
    }

    /// How many columns are written.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// # Errors
    /// `Internal` if an array is not its field's carrier.
    pub(super) fn check(&self, rows: &RecordBatch) -> Result<()> {
        if rows.num_columns() != self.width {
            return Err(Error::internal("row encoding", "a batch has the wrong number of columns"));
        }
        for (index, field, _) in &self.columns {
            if *rows.column(*index).data_type() != field.logical.carrier() {
                let why = format!("column \"{}\" came as {}", field.name, rows.column(*index).data_type());
                return Err(Error::internal("row encoding", why));
            }
        }
        Ok(())
    }

    /// Appends one row's values to `out`; the bytes they take on the way, about. The batch was checked.
    ///
    /// # Errors
    /// `RefusedRow`, naming the column, for a value MySQL cannot hold. Some of the row may have been appended.
    pub(super) fn push(&self, rows: &RecordBatch, row: usize, out: &mut Vec<Value>) -> Result<usize> {
        let mut bytes = 0;
        for (index, field, way) in &self.columns {
            let value = value(&field.logical, *way, rows.column(*index), row).map_err(|why| Error::RefusedRow {
                what: format!("table \"{}\"", self.table),
                column: Some(field.name.clone()),
                why: why.to_owned(),
            })?;
            bytes += super::decode::size(&value);
            out.push(value);
        }
        Ok(bytes)
    }
}

impl Way {
    fn of(column: &NativeColumn, logical: &LogicalType) -> Way {
        let first = column.parsed.as_ref().and_then(|parsed| parsed.numbers()?.first().copied());
        match (column.type_name(), logical) {
            ("bit", LogicalType::Bits { .. }) => Way::Bits,
            ("binary", LogicalType::Uuid) => Way::RawUuid,
            ("char", LogicalType::Text { .. }) => Way::Unpadded,
            ("binary", LogicalType::Bytes) => Way::Filled(first.unwrap_or(1) as usize),
            ("year", _) => Way::Year,
            ("datetime" | "timestamp" | "time", LogicalType::Opaque { .. }) => Way::Plain,
            ("datetime" | "timestamp" | "time", _) => {
                Way::Fraction(10_i64.pow(6_u32.saturating_sub(first.unwrap_or(0))))
            }
            _ => Way::Plain,
        }
    }
}

fn value(logical: &LogicalType, way: Way, array: &ArrayRef, row: usize) -> Result<Value, Reason> {
    if array.is_null(row) {
        return Ok(Value::NULL);
    }
    Ok(match logical {
        LogicalType::Boolean => Value::Int(array.as_boolean().value(row).into()),
        LogicalType::Int16 => year(way, array.as_primitive::<Int16Type>().value(row).into())?,
        LogicalType::Int32 => year(way, array.as_primitive::<Int32Type>().value(row).into())?,
        LogicalType::Int64 => year(way, array.as_primitive::<Int64Type>().value(row))?,
        LogicalType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            Value::Float(if value.is_finite() { value } else { return Err(NOT_FINITE) })
        }
        LogicalType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            Value::Double(if value.is_finite() { value } else { return Err(NOT_FINITE) })
        }
        LogicalType::Decimal { .. } | LogicalType::Numeric => {
            let text = array.as_string::<i32>().value(row);
            // NaN and the infinities end with a letter.
            let finite = text.ends_with(|last: char| last.is_ascii_digit());
            if finite { text.into() } else { return Err(NOT_FINITE) }
        }
        LogicalType::Text { .. } | LogicalType::Json | LogicalType::Jsonb | LogicalType::Opaque { .. } => {
            let text = array.as_string::<i32>().value(row);
            if way == Way::Unpadded && text.ends_with(' ') {
                return Err("text ends with a blank, which a column of type char does not keep");
            }
            text.into()
        }
        LogicalType::Bits { .. } => bits(way, array.as_string::<i32>().value(row))?,
        LogicalType::Bytes => match (way, array.as_binary::<i32>().value(row)) {
            (Way::Filled(length), bytes) if bytes.len() < length => {
                return Err("bytes are fewer than the column's, which would fill them up with zeros");
            }
            (_, bytes) => bytes.into(),
        },
        LogicalType::Geometry => Value::Bytes(geometry::from_ewkb(array.as_binary::<i32>().value(row))?),
        LogicalType::Date => {
            let (year, month, day) = civil(array.as_primitive::<Date32Type>().value(row).into())?;
            Value::Date(year, month, day, 0, 0, 0, 0)
        }
        LogicalType::Time => time(way, array.as_primitive::<Time64MicrosecondType>().value(row))?,
        LogicalType::Timestamp | LogicalType::TimestampTz => {
            timestamp(way, array.as_primitive::<TimestampMicrosecondType>().value(row))?
        }
        LogicalType::Interval => {
            let span = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            if span.months != 0 || span.days != 0 || span.nanoseconds % 1000 != 0 {
                return Err("an interval has months, days or parts of a microsecond, which a time has not");
            }
            time(way, span.nanoseconds / 1000)?
        }
        LogicalType::Uuid => match array.as_fixed_size_binary().value(row) {
            raw if way == Way::RawUuid => raw.into(),
            raw => hyphenated(raw).into(),
        },
        LogicalType::Array(_) => return Err("MySQL has no arrays"),
    })
}

const NOT_FINITE: Reason = "MySQL has no NaN and no infinity";
const TOO_FINE: Reason = "a time is finer than its column, which would round it";

fn year(way: Way, number: i64) -> Result<Value, Reason> {
    match way {
        Way::Year if (1..100).contains(&number) => Err("a column of type year takes a year of two digits for another"),
        _ => Ok(Value::Int(number)),
    }
}

fn bits(way: Way, text: &str) -> Result<Value, Reason> {
    match way {
        Way::Bits => u64::from_str_radix(text, 2).map(Value::UInt).map_err(|_| "more bits than MySQL has"),
        _ => Ok(text.into()),
    }
}

fn civil(days: i64) -> Result<(u16, u8, u8), Reason> {
    let (year, month, day) = civil_from_days(days);
    if !(0..=YEAR_MAX).contains(&year) || days == i64::from(i32::MAX) || days == i64::from(i32::MIN) {
        return Err("MySQL's dates end with the year 9999, begin with 0, and are never infinite");
    }
    // A year in that range, a month and a day.
    Ok((year as u16, month as u8, day as u8))
}

fn timestamp(way: Way, micros: i64) -> Result<Value, Reason> {
    let (year, month, day) = civil(micros.div_euclid(DAY_MICROS))?;
    let (hours, minute, second, micros) = clock(way, micros.rem_euclid(DAY_MICROS))?;
    Ok(Value::Date(year, month, day, hours as u8, minute, second, micros))
}

/// A time of day or a span, in either direction.
fn time(way: Way, micros: i64) -> Result<Value, Reason> {
    let (hours, minute, second, fraction) = clock(way, micros.saturating_abs())?;
    if hours > TIME_HOURS_MAX {
        return Err("MySQL's times end with 838 hours");
    }
    Ok(Value::Time(micros < 0, (hours / 24) as u32, (hours % 24) as u8, minute, second, fraction))
}

/// Hours, minutes, seconds and microseconds.
fn clock(way: Way, micros: i64) -> Result<(i64, u8, u8, u32), Reason> {
    if matches!(way, Way::Fraction(unit) if micros % unit != 0) {
        return Err(TOO_FINE);
    }
    let seconds = micros / 1_000_000;
    let (minute, second) = ((seconds / 60 % 60) as u8, (seconds % 60) as u8);
    Ok((seconds / 3600, minute, second, (micros % 1_000_000) as u32))
}

fn hyphenated(raw: &[u8]) -> String {
    let digits = hex::encode(raw);
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]).join("-")
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
