//! From the cells of the binary protocol to column builders. Knows nothing of queries.

use arrow_buffer::IntervalMonthDayNano;
use mysql_async::Value;

use super::geometry;
use crate::column::ColumnBuilder;
use crate::text::calendar::{days_from_civil, days_in_month};
use crate::types::LogicalType;

/// Most a time of day can be, 24:00:00.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;
/// Days of the longest time, 838:59:59, in whole.
const TIME_DAYS_MAX: u32 = 34;

/// Why a cell was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The cell is not of this type at all: the answer is not what was asked for.
    Malformed(&'static str),
    /// A good value that has no place in the carrier: this row is faulty.
    Fault(&'static str),
}

/// How the cells of one column are read. Builders tell most types apart; these share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The builder's variant says it all.
    Plain,
    /// Text of a decimal, which may be filled up with zeros.
    Decimal,
    /// So many bits, the highest byte first.
    Bits(u32),
    /// A shape in MySQL's own form.
    Geometry,
}

impl Form {
    /// The form of a logical type.
    pub(super) fn of(logical: &LogicalType) -> Form {
        match logical {
            LogicalType::Decimal { .. } | LogicalType::Numeric => Form::Decimal,
            LogicalType::Bits { length } => Form::Bits(length.unwrap_or(64)),
            LogicalType::Geometry => Form::Geometry,
            _ => Form::Plain,
        }
    }
}

/// Pushes one cell onto its column. On an error nothing was pushed.
pub(super) fn decode(form: Form, cell: &Value, column: &mut ColumnBuilder) -> Result<(), Unfit> {
    if *cell == Value::NULL {
        column.append_null();
        return Ok(());
    }
    match column {
        ColumnBuilder::Boolean(b) => b.append_value(boolean(cell)?),
        ColumnBuilder::Int16(b) => b.append_value(integer(cell)?),
        ColumnBuilder::Int32(b) => b.append_value(integer(cell)?),
        ColumnBuilder::Int64(b) => b.append_value(integer(cell)?),
        ColumnBuilder::Float32(b) => match cell {
            Value::Float(value) => b.append_value(*value),
            _ => return Err(Unfit::Malformed("a float came as something else")),
        },
        ColumnBuilder::Float64(b) => match cell {
            Value::Double(value) => b.append_value(*value),
            _ => return Err(Unfit::Malformed("a double came as something else")),
        },
        ColumnBuilder::Text(b) => match form {
            Form::Bits(length) => b.append_value(bits(bytes(cell)?, length)),
            Form::Decimal => match cell {
                Value::Int(value) => b.append_value(value.to_string()),
                Value::UInt(value) => b.append_value(value.to_string()),
                _ => b.append_value(without_filling(utf8(cell)?)),
            },
            _ => b.append_value(utf8(cell)?),
        },
        ColumnBuilder::Bytes(b) => match form {
            Form::Geometry => {
                let mut shape = Vec::new();
                geometry::to_ewkb(bytes(cell)?, &mut shape).map_err(Unfit::Fault)?;
                b.append_value(shape);
            }
            _ => b.append_value(bytes(cell)?),
        },
        ColumnBuilder::Date(b) => b.append_value(date(cell)?),
        ColumnBuilder::Time(b) => b.append_value(time_of_day(cell)?),
        ColumnBuilder::Timestamp(b) => b.append_value(timestamp(cell)?),
        ColumnBuilder::Interval(b) => {
            // A time has at most 839 hours, far from the limit of nanoseconds.
            b.append_value(IntervalMonthDayNano::new(0, 0, duration(cell)? * 1000));
        }
        ColumnBuilder::Uuid(b) => {
            let uuid = uuid(bytes(cell)?)?;
            b.append_value(uuid).map_err(|_| Unfit::Malformed("a uuid has the wrong length"))?;
        }
        ColumnBuilder::List(_) => return Err(Unfit::Malformed("MySQL has no arrays")),
    }
    Ok(())
}

/// Bytes of a cell in memory, about.
pub(super) fn size(cell: &Value) -> usize {
    match cell {
        Value::NULL => 1,
        Value::Bytes(bytes) => 4 + bytes.len(),
        _ => 8,
    }
}

fn bytes(cell: &Value) -> Result<&[u8], Unfit> {
    match cell {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(Unfit::Malformed("a string came as something else")),
    }
}

fn utf8(cell: &Value) -> Result<&str, Unfit> {
    std::str::from_utf8(bytes(cell)?).map_err(|_| Unfit::Fault("the text is not valid UTF-8"))
}

fn integer<T: TryFrom<i64>>(cell: &Value) -> Result<T, Unfit> {
    const WIDE: Unfit = Unfit::Malformed("an integer is wider than its column");
    match cell {
        Value::Int(value) => T::try_from(*value).map_err(|_| WIDE),
        Value::UInt(_) => Err(WIDE),
        _ => Err(Unfit::Malformed("an integer came as something else")),
    }
}

fn boolean(cell: &Value) -> Result<bool, Unfit> {
    match cell {
        Value::Int(0) => Ok(false),
        Value::Int(1) => Ok(true),
        Value::Int(_) => Err(Unfit::Fault("the number is neither 0 nor 1, so it is no boolean")),
        Value::Bytes(bits) => Ok(bits.iter().any(|byte| *byte != 0)),
        _ => Err(Unfit::Malformed("a boolean came as something else")),
    }
}

/// `ZEROFILL` pads decimals with zeros, which are none of the value's.
fn without_filling(text: &str) -> &str {
    let digits = text.trim_start_matches('0');
    match digits.starts_with(|c: char| c.is_ascii_digit()) {
        true => digits,
        // Keep the zero before the point, or the one that is all there is.
        false => &text[text.len() - digits.len() - usize::from(text.starts_with('0'))..],
    }
}

/// The lowest `length` bits, highest first.
fn bits(bytes: &[u8], length: u32) -> String {
    let bit = |place: u32| {
        let byte = bytes.len().checked_sub(1 + place as usize / 8).map_or(0, |index| bytes[index]);
        if byte >> (place % 8) & 1 == 1 { '1' } else { '0' }
    };
    (0..length).rev().map(bit).collect()
}

const NO_SUCH_DAY: Unfit = Unfit::Fault("the date is zero, has a zero part, or names a day that does not exist");

fn date(cell: &Value) -> Result<i32, Unfit> {
    match cell {
        Value::Date(year, month, day, ..) => days(*year, *month, *day),
        _ => Err(Unfit::Malformed("a date came as something else")),
    }
}

/// Days since 1970-01-01 by the proleptic Gregorian calendar, as MySQL counts them.
fn days(year: u16, month: u8, day: u8) -> Result<i32, Unfit> {
    let (year, month, day) = (i64::from(year), u32::from(month), u32::from(day));
    match days_in_month(year, month) {
        // MySQL's years end with 9999.
        Some(last) if (1..=last).contains(&day) => Ok(days_from_civil(year, month, day) as i32),
        _ => Err(NO_SUCH_DAY),
    }
}

fn timestamp(cell: &Value) -> Result<i64, Unfit> {
    let Value::Date(year, month, day, hour, minute, second, micros) = cell else {
        return Err(Unfit::Malformed("a date with time came as something else"));
    };
    let time = clock(*hour, *minute, *second, *micros)?;
    Ok(i64::from(days(*year, *month, *day)?) * DAY_MICROS + time)
}

/// Microseconds since midnight.
fn clock(hour: u8, minute: u8, second: u8, micros: u32) -> Result<i64, Unfit> {
    if hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
        return Err(Unfit::Malformed("a time has a part out of range"));
    }
    Ok((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000 + i64::from(micros))
}

/// Microseconds of a MySQL time, which is a span from -838 to 838 hours.
fn duration(cell: &Value) -> Result<i64, Unfit> {
    let Value::Time(negative, days, hours, minute, second, micros) = cell else {
        return Err(Unfit::Malformed("a time came as something else"));
    };
    if *days > TIME_DAYS_MAX {
        return Err(Unfit::Malformed("a time has more days than any has"));
    }
    let span = i64::from(*days) * DAY_MICROS + clock(*hours, *minute, *second, *micros)?;
    Ok(if *negative { -span } else { span })
}

fn time_of_day(cell: &Value) -> Result<i64, Unfit> {
    match duration(cell)? {
        time @ 0..=DAY_MICROS => Ok(time),
        _ => Err(Unfit::Fault("the time is not within one day; `type: interval` carries it")),
    }
}

fn uuid(bytes: &[u8]) -> Result<[u8; 16], Unfit> {
    if let Ok(raw) = bytes.try_into() {
        return Ok(raw);
    }
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'-').collect();
    let mut uuid = [0; 16];
    hex::decode_to_slice(digits, &mut uuid).map_err(|_| Unfit::Fault("the value is not a UUID"))?;
    Ok(uuid)
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
