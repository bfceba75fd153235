//! One SQLite value as a value of a logical type, exactly or not at all. SQLite lets any column hold any of its five
//! storage classes, so the value's own class decides how it is read and the logical type decides whether it fits.

use rusqlite::types::ValueRef;

use crate::column::ColumnBuilder;
use crate::decimal;
use crate::text::{self, Reason};
use crate::types::LogicalType;

/// Pushes `value` to `into`, a builder made for `logical`.
///
/// # Errors
/// Why the value does not fit; nothing was pushed then.
pub(super) fn decode(logical: &LogicalType, value: ValueRef<'_>, into: &mut ColumnBuilder) -> Result<(), Reason> {
    match value {
        ValueRef::Null => {
            into.append_null();
            Ok(())
        }
        ValueRef::Integer(value) => integer(logical, value, into),
        ValueRef::Real(value) => real(logical, value, into),
        ValueRef::Text(bytes) => match logical {
            LogicalType::Bytes | LogicalType::Geometry => Err("text in a bytes column"),
            _ => text::parse(logical, std::str::from_utf8(bytes).map_err(|_| "invalid UTF-8")?, into),
        },
        ValueRef::Blob(bytes) => blob(logical, bytes, into),
    }
}

/// The storage class of a value, as SQLite's `typeof` names it, in capitals.
pub(super) fn class(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "NULL",
        ValueRef::Integer(_) => "INTEGER",
        ValueRef::Real(_) => "REAL",
        ValueRef::Text(_) => "TEXT",
        ValueRef::Blob(_) => "BLOB",
    }
}

/// Appends a key column's value as it is stored.
pub(super) fn render_stored(value: ValueRef<'_>, out: &mut String) {
    match value {
        ValueRef::Null => out.push_str("NULL"),
        ValueRef::Integer(value) => out.push_str(&value.to_string()),
        ValueRef::Real(value) => out.push_str(&value.to_string()),
        ValueRef::Text(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => {
            out.push_str("\\x");
            out.push_str(&hex::encode(bytes));
        }
    }
}

const OUT_OF_RANGE: Reason = "integer out of range";
const NOT_EXACT: Reason = "the number cannot be held exactly";

fn integer(logical: &LogicalType, value: i64, into: &mut ColumnBuilder) -> Result<(), Reason> {
    match (logical, into) {
        (LogicalType::Int64, ColumnBuilder::Int64(builder)) => builder.append_value(value),
        (LogicalType::Int32, ColumnBuilder::Int32(builder)) => {
            builder.append_value(i32::try_from(value).map_err(|_| OUT_OF_RANGE)?);
        }
        (LogicalType::Int16, ColumnBuilder::Int16(builder)) => {
            builder.append_value(i16::try_from(value).map_err(|_| OUT_OF_RANGE)?);
        }
        (LogicalType::Boolean, ColumnBuilder::Boolean(builder)) => builder.append_value(match value {
            0 => false,
            1 => true,
            _ => return Err("neither 0 nor 1"),
        }),
        (LogicalType::Float64, ColumnBuilder::Float64(builder)) => {
            builder.append_value(exact_double(value).ok_or(NOT_EXACT)?);
        }
        (LogicalType::Float32, ColumnBuilder::Float32(builder)) => {
            builder.append_value(exact_double(value).and_then(exact_single).ok_or(NOT_EXACT)?);
        }
        // A number is its own JSON text.
        (
            LogicalType::Decimal { .. } | LogicalType::Numeric | LogicalType::Json | LogicalType::Jsonb,
            into @ ColumnBuilder::Text(_),
        ) => text::parse(logical, &value.to_string(), into)?,
        _ => return Err("no number has this type"),
    }
    Ok(())
}

fn real(logical: &LogicalType, value: f64, into: &mut ColumnBuilder) -> Result<(), Reason> {
    match (logical, into) {
        (LogicalType::Float64, ColumnBuilder::Float64(builder)) => builder.append_value(value),
        (LogicalType::Float32, ColumnBuilder::Float32(builder)) => {
            builder.append_value(exact_single(value).ok_or(NOT_EXACT)?);
        }
        (LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64, into) => {
            integer(logical, exact_integer(value).ok_or(NOT_EXACT)?, into)?;
        }
        (
            LogicalType::Decimal { .. } | LogicalType::Numeric | LogicalType::Json | LogicalType::Jsonb,
            into @ ColumnBuilder::Text(_),
        ) => text::parse(logical, &decimal::from_f64(value), into)?,
        _ => return Err("no number has this type"),
    }
    Ok(())
}

fn blob(logical: &LogicalType, bytes: &[u8], into: &mut ColumnBuilder) -> Result<(), Reason> {
    match (logical, into) {
        (LogicalType::Bytes | LogicalType::Geometry, ColumnBuilder::Bytes(builder)) => {
            builder.append_value(bytes);
            Ok(())
        }
        (LogicalType::Uuid, ColumnBuilder::Uuid(builder)) => {
            builder.append_value(bytes).map_err(|_| "a UUID has 16 bytes")
        }
        (LogicalType::Text { .. }, _) => Err("bytes in a text column"),
        _ => Err("bytes in a column of another type"),
    }
}

/// The double equal to an integer, if there is one.
pub(super) fn exact_double(value: i64) -> Option<f64> {
    let double = value as f64;
    (double as i128 == i128::from(value)).then_some(double)
}

fn exact_single(value: f64) -> Option<f32> {
    let single = value as f32;
    (f64::from(single).to_bits() == value.to_bits()).then_some(single)
}

fn exact_integer(value: f64) -> Option<i64> {
    // 2^63 itself is a double and one too large.
    let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (in_range && value.fract() == 0.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(logical: &LogicalType, value: ValueRef<'_>) -> Result<String, Reason> {
        let mut builder = ColumnBuilder::new(logical);
        let decoded = decode(logical, value, &mut builder);
        assert_eq!(builder.len(), usize::from(decoded.is_ok()));
        decoded?;
        let mut out = String::new();
        text::render(logical, builder.finish().as_ref(), 0, &mut out);
        Ok(out)
    }

    #[test]
    fn numbers_fit_exactly_or_not_at_all() {
        use LogicalType::{Boolean, Decimal, Float32, Float64, Int16, Int64, Json, Numeric};
        let money = Decimal { precision: 6, scale: 2 };
        for (logical, value, expected) in [
            (Int16, ValueRef::Integer(-32768), Some("-32768")),
            (Int16, ValueRef::Integer(32768), None),
            (Boolean, ValueRef::Integer(1), Some("true")),
            (Boolean, ValueRef::Integer(2), None),
            (Boolean, ValueRef::Real(1.0), None),
            (Int64, ValueRef::Real(3.0), Some("3")),
            (Int64, ValueRef::Real(3.5), None),
            (Int64, ValueRef::Real(9.3e18), None),
            (Int64, ValueRef::Real(f64::INFINITY), None),
            (Float64, ValueRef::Integer(1 << 53), Some("9007199254740992")),
            (Float64, ValueRef::Integer((1 << 53) + 1), None),
            (Float64, ValueRef::Integer(i64::MAX), None),
            (Float32, ValueRef::Real(0.5), Some("0.5")),
            (Float32, ValueRef::Real(0.1), None),
            (money.clone(), ValueRef::Real(0.1), Some("0.10")),
            (money.clone(), ValueRef::Real(0.1 + 0.2), None),
            (money.clone(), ValueRef::Integer(9999), Some("9999.00")),
            (money, ValueRef::Integer(10_000), None),
            (Numeric, ValueRef::Real(1e21), Some("1000000000000000000000")),
            (Json, ValueRef::Integer(7), Some("7")),
            (LogicalType::TEXT, ValueRef::Integer(7), None),
            (LogicalType::Date, ValueRef::Integer(19_000), None),
            (LogicalType::Uuid, ValueRef::Real(1.0), None),
        ] {
            assert_eq!(fits(&logical, value).ok().as_deref(), expected, "{logical} {value:?}");
        }
    }

    #[test]
    fn text_and_bytes_are_not_confused() {
        assert_eq!(fits(&LogicalType::TEXT, ValueRef::Text(b"\xff")), Err("invalid UTF-8"));
        assert_eq!(fits(&LogicalType::TEXT, ValueRef::Blob(b"a")), Err("bytes in a text column"));
        assert_eq!(fits(&LogicalType::Bytes, ValueRef::Text(b"a")), Err("text in a bytes column"));
        assert_eq!(fits(&LogicalType::Int64, ValueRef::Text(b"12")).as_deref(), Ok("12"));
        assert_eq!(fits(&LogicalType::Int64, ValueRef::Text(b"x")), Err("not an integer"));
        assert_eq!(fits(&LogicalType::Float64, ValueRef::Text(b"NaN")).as_deref(), Ok("NaN"));
        let uuid = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(fits(&LogicalType::Uuid, ValueRef::Blob(&bytes)).as_deref(), Ok(uuid));
        assert_eq!(fits(&LogicalType::Uuid, ValueRef::Text(uuid.as_bytes())).as_deref(), Ok(uuid));
        assert!(fits(&LogicalType::Uuid, ValueRef::Blob(&bytes[1..])).is_err());
    }
}
