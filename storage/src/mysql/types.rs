//! MySQL's types and the logical types they carry, both ways. Knows nothing of values.
//!
//! | MySQL | logical |
//! | --- | --- |
//! | `tinyint`, `smallint` (and `tinyint unsigned`), `year` | int16 |
//! | `smallint unsigned`, `mediumint`, `int` | int32 |
//! | `int unsigned`, `bigint` | int64 |
//! | `bigint unsigned` | decimal(20,0): no signed integer holds all of it |
//! | `decimal(p,s)` | decimal(p,s) |
//! | `float`; `double` | float32; float64 |
//! | `bit(n)` | bits(n) |
//! | `char(n)`, `varchar(n)`; `…text`, `enum`, `set` | text(n); text |
//! | `binary`, `varbinary`, `…blob` | bytes |
//! | `date`; `time`; `datetime`; `timestamp` | date; time; timestamp; timestamptz |
//! | `json` | jsonb: MySQL keeps JSON by value, not as it was written (MariaDB, whose JSON is text, keeps both) |
//! | `geometry` and its kinds | geometry |
//! | `uuid` (MariaDB); `inet4`, `inet6` (MariaDB) | uuid; its own text |
//! | anything else | not supported |

use super::names::NativeType;
use crate::catalog::System;
use crate::types::{FOREIGN_TYPE_RULE, LogicalType};

/// The longest `varchar(n)` of four-byte characters; longer limits become `longtext`.
const VARCHAR_CHARS_MAX: u32 = 16_383;
/// The most digits `decimal(p,s)` declares, before and after the point together, and after it.
const DECIMAL_PRECISION_MAX: u32 = 65;
const DECIMAL_SCALE_MAX: i32 = 30;
/// The most bits `bit(n)` declares.
const BIT_LENGTH_MAX: u32 = 64;
/// Characters of a UUID's text.
const UUID_CHARS: u32 = 36;
/// Characters of an interval's text at most: six fields with the longest numbers they can have, and some to spare.
const INTERVAL_CHARS: u32 = 96;
/// The type of text of any length.
const LONGTEXT: &str = "longtext";
/// The rule by which JSON is carried.
const JSON_RULE: &str = "JSON that is kept as it was written becomes text: MySQL's own JSON is kept by value";

/// What a type means; `None` if it is not supported.
pub(super) fn logical(native: &NativeType) -> Option<LogicalType> {
    let numbers = || native.numbers();
    Some(match (native.name.as_str(), native.unsigned) {
        ("tinyint" | "year", _) | ("smallint", false) => LogicalType::Int16,
        ("smallint", true) | ("mediumint", _) | ("int" | "integer", false) => LogicalType::Int32,
        ("int" | "integer", true) | ("bigint", false) => LogicalType::Int64,
        ("bigint", true) => LogicalType::Decimal { precision: 20, scale: 0 },
        ("decimal" | "numeric", _) => decimal(&numbers()?)?,
        ("float", _) => LogicalType::Float32,
        ("double" | "real", _) => LogicalType::Float64,
        ("bit", _) => bits(first_or(&numbers()?, 1))?,
        ("char", _) => LogicalType::Text { max_chars: Some(first_or(&numbers()?, 1)) },
        ("varchar", _) => LogicalType::Text { max_chars: Some(*numbers()?.first()?) },
        ("tinytext" | "text" | "mediumtext" | LONGTEXT | "enum" | "set", _) => LogicalType::TEXT,
        ("binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob", _) => LogicalType::Bytes,
        ("date", _) => LogicalType::Date,
        ("time", _) => LogicalType::Time,
        ("datetime", _) => LogicalType::Timestamp,
        ("timestamp", _) => LogicalType::TimestampTz,
        ("json", _) => LogicalType::Jsonb,
        ("uuid", _) => LogicalType::Uuid,
        ("inet4" | "inet6", _) => own_text(&native.name),
        (name, _) if is_geometry(name) => LogicalType::Geometry,
        _ => return None,
    })
}

/// What carries every value between two MySQLs, where the logical type cannot: zero dates, days that do not exist, times
/// beyond a day.
pub(super) fn verbatim(native: &NativeType, text: &str) -> Option<LogicalType> {
    matches!(native.name.as_str(), "date" | "time" | "datetime" | "timestamp").then(|| own_text(text))
}

/// What else a column can be read as if the plan says so.
pub(super) fn readings(native: &NativeType) -> Vec<LogicalType> {
    let length = native.numbers().and_then(|numbers| numbers.first().copied());
    match (native.name.as_str(), length) {
        ("tinyint" | "bit", Some(1)) => vec![LogicalType::Boolean],
        ("time", _) => vec![LogicalType::Interval],
        ("binary", Some(16)) => vec![LogicalType::Uuid],
        _ => Vec::new(),
    }
}

fn own_text(native: &str) -> LogicalType {
    LogicalType::Opaque { system: System::Mysql, native: native.to_owned() }
}

fn first_or(numbers: &[u32], default: u32) -> u32 {
    numbers.first().copied().unwrap_or(default)
}

fn bits(length: u32) -> Option<LogicalType> {
    (length <= BIT_LENGTH_MAX).then_some(LogicalType::Bits { length: Some(length) })
}

fn decimal(numbers: &[u32]) -> Option<LogicalType> {
    let (precision, scale) = (first_or(numbers, 10), numbers.get(1).copied().unwrap_or(0));
    Some(LogicalType::Decimal { precision, scale: i32::try_from(scale).ok()? })
}

/// Whether a type holds shapes.
pub(super) fn is_geometry(name: &str) -> bool {
    matches!(
        name,
        "geometry"
            | "point"
            | "linestring"
            | "polygon"
            | "multipoint"
            | "multilinestring"
            | "multipolygon"
            | "geometrycollection"
            | "geomcollection"
    )
}

/// The type text MySQL's DDL has for `logical`, the narrowest that holds every value. What MySQL has no type for gets the
/// type of what it is carried as.
///
/// ```
/// use sensei_storage::{LogicalType, mysql};
/// assert_eq!(mysql::native_type(&LogicalType::Decimal { precision: 10, scale: 2 }), "decimal(10,2)");
/// assert_eq!(mysql::native_type(&LogicalType::TEXT), "longtext");
/// ```
pub fn native_type(logical: &LogicalType) -> String {
    let name = match logical {
        LogicalType::Boolean => "tinyint(1)",
        LogicalType::Int16 => "smallint",
        LogicalType::Int32 => "int",
        LogicalType::Int64 => "bigint",
        LogicalType::Float32 => "float",
        LogicalType::Float64 => "double",
        LogicalType::Decimal { precision, scale } => return decimal_type(*precision, *scale),
        LogicalType::Numeric => return decimal_type(DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX),
        LogicalType::Text { max_chars: Some(chars) } if (1..=VARCHAR_CHARS_MAX).contains(chars) => {
            return format!("varchar({chars})");
        }
        LogicalType::Text { .. } => LONGTEXT,
        LogicalType::Bytes => "longblob",
        LogicalType::Date => "date",
        LogicalType::Time => "time(6)",
        LogicalType::Timestamp | LogicalType::TimestampTz => "datetime(6)",
        LogicalType::Interval => return format!("varchar({INTERVAL_CHARS})"),
        LogicalType::Uuid => return format!("char({UUID_CHARS})"),
        LogicalType::Json => LONGTEXT,
        LogicalType::Jsonb | LogicalType::Array(_) => "json",
        LogicalType::Bits { length: Some(length) } if (1..=BIT_LENGTH_MAX).contains(length) => {
            return format!("bit({length})");
        }
        LogicalType::Bits { .. } => LONGTEXT,
        LogicalType::Geometry => "geometry",
        LogicalType::Opaque { system: System::Mysql, native } => return native.clone(),
        LogicalType::Opaque { .. } => LONGTEXT,
    };
    name.to_owned()
}

/// What a new column is to be where MySQL cannot hold `logical` as it is, with the rule by which values are carried;
/// `None` if it can.
pub fn holding(logical: &LogicalType) -> Option<(LogicalType, &'static str)> {
    let text = |chars| LogicalType::Text { max_chars: Some(chars) };
    let (precision, scale) = (DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX);
    Some(match logical {
        LogicalType::TimestampTz => (LogicalType::Timestamp, "instants become dates and times in UTC"),
        LogicalType::Uuid => (text(UUID_CHARS), "UUIDs become their text"),
        LogicalType::Interval => (text(INTERVAL_CHARS), "intervals become ISO 8601 durations"),
        LogicalType::Numeric => (
            LogicalType::Decimal { precision, scale },
            "numbers keep their value and not their trailing zeros; those of more than 35 digits before or 30 after the \
             point are rejected rows",
        ),
        LogicalType::Decimal { precision, scale } if decimal_type(*precision, *scale) == LONGTEXT => {
            (LogicalType::TEXT, "numbers of more digits than MySQL has become text")
        }
        LogicalType::Json => (LogicalType::TEXT, JSON_RULE),
        LogicalType::Array(_) => (LogicalType::Jsonb, "arrays become JSON arrays"),
        LogicalType::Bits { length } if length.is_none_or(|length| !(1..=BIT_LENGTH_MAX).contains(&length)) => {
            (LogicalType::TEXT, "bits become text of 0 and 1")
        }
        LogicalType::Opaque { system, .. } if *system != System::Mysql => (LogicalType::TEXT, FOREIGN_TYPE_RULE),
        _ => return None,
    })
}

/// A scale below zero needs digits for the zeros it rounds to; one beyond the precision, for those after the point.
fn decimal_type(precision: u32, scale: i32) -> String {
    let digits_after = scale.max(0).unsigned_abs();
    let precision = (precision + scale.min(0).unsigned_abs()).max(digits_after).max(1);
    match precision <= DECIMAL_PRECISION_MAX && scale <= DECIMAL_SCALE_MAX {
        true => format!("decimal({precision},{digits_after})"),
        false => LONGTEXT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::logical_type;

    #[test]
    fn types_in_the_wild() {
        let decimal = |precision, scale| Some(LogicalType::Decimal { precision, scale });
        for (native, logical) in [
            ("tinyint(1)", Some(LogicalType::Int16)),
            ("int(10) unsigned zerofill", Some(LogicalType::Int64)),
            ("bigint(20) unsigned", decimal(20, 0)),
            ("decimal(10,2)", decimal(10, 2)),
            ("DECIMAL", decimal(10, 0)),
            ("double(7,4)", Some(LogicalType::Float64)),
            ("float unsigned", Some(LogicalType::Float32)),
            ("bit", Some(LogicalType::Bits { length: Some(1) })),
            ("bit(4000000000)", None),
            ("char(3)", Some(LogicalType::Text { max_chars: Some(3) })),
            ("enum('a','b)')", Some(LogicalType::TEXT)),
            ("datetime(3)", Some(LogicalType::Timestamp)),
            ("year(4)", Some(LogicalType::Int16)),
            ("point", Some(LogicalType::Geometry)),
            ("vector(3)", None),
            ("varchar", None),
            ("", None),
        ] {
            assert_eq!(logical_type(native), logical, "{native}");
        }
    }

    #[test]
    fn every_name_that_sensei_writes_is_read_as_what_was_meant() {
        use LogicalType::*;
        let scalars = [Int16, Int32, Int64, Float32, Float64, Decimal { precision: 65, scale: 30 }, LogicalType::TEXT]
            .into_iter()
            .chain([Bytes, Text { max_chars: Some(7) }, Date, Time, Timestamp, Jsonb, Geometry])
            .chain([Bits { length: Some(64) }, own_text("inet6")]);
        for logical in scalars {
            assert_eq!(logical_type(&native_type(&logical)), Some(logical));
        }
    }

    #[test]
    fn declares_nothing_the_server_would_refuse() {
        assert_eq!(native_type(&LogicalType::Text { max_chars: Some(16_384) }), LONGTEXT);
        assert_eq!(native_type(&LogicalType::Decimal { precision: 5, scale: -2 }), "decimal(7,0)");
        assert_eq!(native_type(&LogicalType::Decimal { precision: 3, scale: 5 }), "decimal(5,5)");
        assert_eq!(native_type(&LogicalType::Decimal { precision: 66, scale: 0 }), LONGTEXT);
    }
}
