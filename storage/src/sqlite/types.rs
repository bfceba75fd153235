//! SQLite's declared types and Sensei's logical types, both ways. Knows nothing of values.
//!
//! SQLite enforces no declared type, so a declared type is a promise of the schema's author. Names are matched exactly
//! first, then by SQLite's own affinity words, and anything else is not supported rather than guessed:
//!
//! | declared | logical |
//! | --- | --- |
//! | `BOOLEAN`, `BOOL`, `BIT`, `BIT(1)` | boolean |
//! | `INT16`, `INT32` (written by Sensei) | int16, int32 |
//! | anything else with `INT` in it, except `…POINT` | int64: the width of `SMALLINT` or `TINYINT` is not enforced |
//! | `LONG`, `YEAR`, `SERIAL`, `BIGSERIAL`, `SMALLSERIAL`, `COUNTER` | int64 |
//! | `FLOAT32` (written by Sensei) | float32 |
//! | anything else with `REAL`, `FLOA` or `DOUB` | float64 |
//! | `DECIMAL(p,s)`, `NUMERIC(p,s)`, `NUMBER(p,s)`, `DEC(p,s)`, `FIXED(p,s)`, `DECIMAL_TEXT(p,s)` | decimal(p,s) |
//! | the same without digits, `NUMERIC_TEXT`, `MONEY`, `SMALLMONEY`, `CURRENCY` | numeric |
//! | `DATE`, `TIME`, `INTERVAL` | date, time, interval |
//! | `DATETIME`, `DATETIME2`, `SMALLDATETIME`, `TIMESTAMP`, `TIMESTAMP WITHOUT TIME ZONE` | timestamp |
//! | `TIMESTAMPTZ`, `TIMESTAMP WITH TIME ZONE`, `DATETIMEOFFSET` | timestamptz |
//! | `UUID`, `GUID`, `UNIQUEIDENTIFIER` | uuid |
//! | `JSON`, `JSON_TEXT`; `JSONB_TEXT` (`JSONB` itself is a binary form and not supported) | json; jsonb |
//! | anything else with `CHAR`, `CLOB` or `TEXT`; `XML` | text; a declared length is not enforced and not kept |
//! | anything else with `BLOB`; `BINARY`, `VARBINARY`, `BYTEA`, `IMAGE` | bytes |
//! | `X ARRAY`, `X ARRAY(p,s)` (written by Sensei, stored as JSON) | array of `X` |
//! | none, or any other name | not supported |

use crate::types::{FOREIGN_TYPE_RULE, GEOMETRY_RULE, LogicalType};

/// Digits a double keeps of any decimal; up to there a decimal is stored as a number.
const DOUBLE_DIGITS: u32 = 15;

/// Digits after the point, either way, up to which such a number stays far from a double's limits.
const DOUBLE_SCALE_MAX: u32 = 30;

/// Digits that `DECIMAL(p,s)` may declare in all, and after the point, either way: those PostgreSQL allows. SQLite itself
/// has no limit, and a value is written with all digits after the point.
const DECIMAL_DIGITS_MAX: u32 = 1000;

/// What SQLite does to a value stored in a column. SQLite manual, "Datatypes in SQLite", 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// The affinity of a declared type; the order of the rules matters.
    pub(super) fn of(declared: &str) -> Affinity {
        let name = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["INT"]) {
            Affinity::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Affinity::Text
        } else if name.is_empty() || has(&["BLOB"]) {
            Affinity::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }

    /// Whether text that looks like a number is stored as a number.
    pub(super) fn is_numeric(self) -> bool {
        matches!(self, Affinity::Integer | Affinity::Real | Affinity::Numeric)
    }
}

/// What a declared type means, if it is supported.
pub fn logical_type(declared: &str) -> Option<LogicalType> {
    let (name, digits) = split_declared(declared)?;
    match name.strip_suffix(" ARRAY") {
        Some(element) => Some(LogicalType::Array(Box::new(scalar_type(element, &digits)?))),
        None => scalar_type(&name, &digits),
    }
}

/// Upper-case name with single spaces, and the numbers in parentheses after it.
fn split_declared(declared: &str) -> Option<(String, Vec<i64>)> {
    let (name, digits) = match declared.split_once('(') {
        Some((name, rest)) => (name, rest.trim_end().strip_suffix(')')?),
        None => (declared, ""),
    };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    // Lengths such as VARCHAR(MAX) carry no meaning here.
    let digits = digits.split(',').filter_map(|digits| digits.trim().parse().ok()).collect();
    Some((name, digits))
}

fn scalar_type(name: &str, digits: &[i64]) -> Option<LogicalType> {
    Some(match name {
        "BOOLEAN" | "BOOL" => LogicalType::Boolean,
        "BIT" if matches!(digits, [] | [1]) => LogicalType::Boolean,
        "INT16" => LogicalType::Int16,
        "INT32" => LogicalType::Int32,
        "LONG" | "YEAR" | "SERIAL" | "BIGSERIAL" | "SMALLSERIAL" | "COUNTER" => LogicalType::Int64,
        "FLOAT32" => LogicalType::Float32,
        "DECIMAL" | "NUMERIC" | "NUMBER" | "DEC" | "FIXED" | "DECIMAL_TEXT" | "NUMERIC_TEXT" => decimal_type(digits)?,
        "MONEY" | "SMALLMONEY" | "CURRENCY" if digits.is_empty() => LogicalType::Numeric,
        "DATE" => LogicalType::Date,
        "TIME" => LogicalType::Time,
        "DATETIME" | "DATETIME2" | "SMALLDATETIME" | "TIMESTAMP" | "TIMESTAMP WITHOUT TIME ZONE" => {
            LogicalType::Timestamp
        }
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" | "DATETIMEOFFSET" => LogicalType::TimestampTz,
        "INTERVAL" => LogicalType::Interval,
        "UUID" | "GUID" | "UNIQUEIDENTIFIER" => LogicalType::Uuid,
        "JSON" | "JSON_TEXT" => LogicalType::Json,
        "JSONB_TEXT" => LogicalType::Jsonb,
        "XML" => LogicalType::TEXT,
        "BINARY" | "VARBINARY" | "BYTEA" | "IMAGE" => LogicalType::Bytes,
        _ if name.is_empty() || name.ends_with("POINT") => return None,
        _ => match Affinity::of(name) {
            Affinity::Integer => LogicalType::Int64,
            Affinity::Text => LogicalType::TEXT,
            Affinity::Blob => LogicalType::Bytes,
            Affinity::Real => LogicalType::Float64,
            Affinity::Numeric => return None,
        },
    })
}

fn decimal_type(digits: &[i64]) -> Option<LogicalType> {
    let (precision, scale) = match digits {
        [] => return Some(LogicalType::Numeric),
        [precision] => (*precision, 0),
        [precision, scale, ..] => (*precision, *scale),
    };
    let precision = u32::try_from(precision).ok().filter(|precision| (1..=DECIMAL_DIGITS_MAX).contains(precision))?;
    let scale = i32::try_from(scale).ok().filter(|scale| scale.unsigned_abs() <= DECIMAL_DIGITS_MAX)?;
    Some(LogicalType::Decimal { precision, scale })
}

/// The declared type of a column Sensei creates for `logical`.
///
/// Its affinity never changes a stored value, and the catalog reads it back as the same logical type, except that a
/// text's length is declared but, SQLite not enforcing it, not read back.
///
/// ```
/// use sensei_storage::{LogicalType, sqlite};
/// assert_eq!(sqlite::native_type(&LogicalType::Decimal { precision: 10, scale: 2 }), "DECIMAL(10,2)");
/// ```
pub fn native_type(logical: &LogicalType) -> String {
    match logical {
        LogicalType::Boolean => "BOOLEAN".to_owned(),
        LogicalType::Int16 => "INT16".to_owned(),
        LogicalType::Int32 => "INT32".to_owned(),
        LogicalType::Int64 => "INTEGER".to_owned(),
        LogicalType::Float32 => "FLOAT32".to_owned(),
        LogicalType::Float64 => "REAL".to_owned(),
        LogicalType::Decimal { precision, scale } => {
            let as_number = *precision <= DOUBLE_DIGITS && scale.unsigned_abs() <= DOUBLE_SCALE_MAX;
            format!("{}({precision},{scale})", if as_number { "DECIMAL" } else { "DECIMAL_TEXT" })
        }
        LogicalType::Numeric => "NUMERIC_TEXT".to_owned(),
        LogicalType::Text { max_chars: None } => "TEXT".to_owned(),
        LogicalType::Text { max_chars: Some(max) } => format!("VARCHAR({max})"),
        LogicalType::Bits { .. } | LogicalType::Opaque { .. } => "TEXT".to_owned(),
        LogicalType::Bytes | LogicalType::Geometry => "BLOB".to_owned(),
        LogicalType::Date => "DATE".to_owned(),
        LogicalType::Time => "TIME".to_owned(),
        LogicalType::Timestamp => "TIMESTAMP".to_owned(),
        LogicalType::TimestampTz => "TIMESTAMPTZ".to_owned(),
        LogicalType::Interval => "INTERVAL".to_owned(),
        LogicalType::Uuid => "UUID".to_owned(),
        LogicalType::Json => "JSON_TEXT".to_owned(),
        LogicalType::Jsonb => "JSONB_TEXT".to_owned(),
        LogicalType::Array(element) => array_type(&native_type(element)),
    }
}

/// What a new column is to be where SQLite cannot hold `logical` as it is, with the rule by which values are carried;
/// `None` if it can.
pub fn holding(logical: &LogicalType) -> Option<(LogicalType, &'static str)> {
    match logical {
        LogicalType::Opaque { .. } => Some((LogicalType::TEXT, FOREIGN_TYPE_RULE)),
        LogicalType::Bits { .. } => Some((LogicalType::TEXT, "bits become text of 0 and 1")),
        LogicalType::Geometry => Some((LogicalType::Bytes, GEOMETRY_RULE)),
        LogicalType::Array(element) => {
            let (element, rule) = holding(element)?;
            Some((LogicalType::Array(Box::new(element)), rule))
        }
        _ => None,
    }
}

/// SQLite's grammar takes digits only at the end of a type.
fn array_type(element: &str) -> String {
    match element.split_once('(') {
        Some((name, digits)) => format!("{name} ARRAY({digits}"),
        None => format!("{element} ARRAY"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_in_the_wild() {
        let decimal = |precision, scale| Some(LogicalType::Decimal { precision, scale });
        for (declared, logical) in [
            ("integer", Some(LogicalType::Int64)),
            ("UNSIGNED BIG INT", Some(LogicalType::Int64)),
            ("tinyint(1)", Some(LogicalType::Int64)),
            ("SMALLINT", Some(LogicalType::Int64)),
            ("POINT", None),
            ("NVARCHAR(160)", Some(LogicalType::TEXT)),
            ("varchar(max)", Some(LogicalType::TEXT)),
            ("NATIVE  CHARACTER (70)", Some(LogicalType::TEXT)),
            ("NUMERIC(10,2)", decimal(10, 2)),
            ("decimal( 10 , -2 )", decimal(10, -2)),
            ("DECIMAL(8)", decimal(8, 0)),
            ("DECIMAL(0,0)", None),
            ("DECIMAL(1000,-1000)", decimal(1000, -1000)),
            ("DECIMAL(10,2000000000)", None),
            ("DECIMAL(2000000000)", None),
            ("NUMERIC", Some(LogicalType::Numeric)),
            ("double precision", Some(LogicalType::Float64)),
            ("FLOAT4", Some(LogicalType::Float64)),
            ("datetime", Some(LogicalType::Timestamp)),
            ("timestamp with time zone", Some(LogicalType::TimestampTz)),
            ("INTERVAL", Some(LogicalType::Interval)),
            ("JSON", Some(LogicalType::Json)),
            ("JSONB", None),
            ("LONGBLOB", Some(LogicalType::Bytes)),
            ("", None),
            ("ANY", None),
            ("STRING", None),
            ("MONEY", Some(LogicalType::Numeric)),
            ("bit", Some(LogicalType::Boolean)),
            ("BIT(8)", None),
            ("Long", Some(LogicalType::Int64)),
            ("varbinary(16)", Some(LogicalType::Bytes)),
            ("datetime2(7)", Some(LogicalType::Timestamp)),
            ("TIMESTAMP(6)", Some(LogicalType::Timestamp)),
            ("Geometry", None),
        ] {
            assert_eq!(logical_type(declared), logical, "{declared:?}");
        }
    }
}
