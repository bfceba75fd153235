//! Quoting for SQL text that cannot take parameters, and conditions over ranges of keys. Knows nothing of sessions.

use std::borrow::Cow;

use super::relation::{NativeColumn, Relation};
use crate::error::{Error, Result};
use crate::split::Range;
use crate::types::LogicalType;

/// `` `name` ``, with inner quotes doubled.
pub(super) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `` `a`, `b` ``.
pub(super) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

/// `'text'`; no session has `NO_BACKSLASH_ESCAPES`, so quotes and backslashes need care.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// `` `database`.`table` ``.
pub(super) fn qualified(database: &str, table: &str) -> String {
    format!("{}.{}", identifier(database), identifier(table))
}

/// The condition that selects `range` of `relation`, or `None` for every row.
///
/// # Errors
/// `Missing` if a key column is not there; `Invalid` for a range of another kind of system, and for a bound that is no
/// value of its column.
pub(super) fn condition(relation: &Relation, range: &Range) -> Result<Option<String>> {
    match range {
        Range::Whole => Ok(None),
        Range::Keys { columns, lower, upper } => {
            let lower = lower.as_ref().map(|key| beyond(relation, columns, key, ">")).transpose()?;
            let upper = upper.as_ref().map(|key| beyond(relation, columns, key, "<")).transpose()?;
            let sides: Vec<_> = lower.into_iter().chain(upper).collect();
            Ok((!sides.is_empty()).then(|| sides.join(" AND ")))
        }
        _ => Err(Error::Invalid {
            what: format!("a range of table \"{}\"", relation.name),
            why: "it was cut for another kind of system".to_owned(),
        }),
    }
}

/// Rows from `key` on (`>`), or before it (`<`). Spelled out column by column: the server finds no range of an index in a
/// comparison of rows.
fn beyond(relation: &Relation, columns: &[String], key: &[String], sign: &str) -> Result<String> {
    if columns.len() != key.len() {
        return Err(Error::Invalid {
            what: format!("a key range of table \"{}\"", relation.name),
            why: format!("it has {} columns and {} values", columns.len(), key.len()),
        });
    }
    let mut condition = String::new();
    for (place, (column, text)) in columns.iter().zip(key).enumerate().rev() {
        let name = identifier(column);
        let value = value(relation.column(column)?, &relation.name, text)?;
        condition = match place + 1 == columns.len() {
            true if sign == ">" => format!("{name} >= {value}"),
            true => format!("{name} < {value}"),
            false => format!("({name} {sign}= {value} AND ({name} {sign} {value} OR ({condition})))"),
        };
    }
    Ok(condition)
}

/// The condition that a key column equals the value with this text.
pub(super) fn equals(relation: &Relation, column: &str, text: &str) -> Result<String> {
    let value = value(relation.column(column)?, &relation.name, text)?;
    Ok(format!("{} = {value}", identifier(column)))
}

/// Canonical text as a literal of the column's type. Text gives way to the column's own collation.
fn value(column: &NativeColumn, table: &str, text: &str) -> Result<String> {
    let written = match &column.logical {
        Some(LogicalType::Int16 | LogicalType::Int32 | LogicalType::Int64 | LogicalType::Decimal { .. }) => {
            is_plain_number(text).then(|| text.to_owned())
        }
        Some(LogicalType::Float32) => text.parse::<f32>().ok().and_then(|number| exact(f64::from(number))),
        Some(LogicalType::Float64) => text.parse::<f64>().ok().and_then(exact),
        Some(LogicalType::Bytes) => {
            text.strip_prefix("\\x").filter(|digits| is_hex(digits)).map(|hex| format!("X'{hex}'"))
        }
        Some(LogicalType::Date) => Some(format!("DATE{}", literal(&with_year_zero(text)))),
        Some(LogicalType::Time) => Some(format!("TIME{}", literal(text))),
        Some(LogicalType::Timestamp) => Some(format!("TIMESTAMP{}", literal(&with_year_zero(text)))),
        // Every session is in UTC.
        Some(LogicalType::TimestampTz) => text.strip_suffix("+00").map(|text| format!("TIMESTAMP{}", literal(text))),
        Some(LogicalType::Text { .. } | LogicalType::Uuid | LogicalType::Opaque { .. }) => {
            Some(format!("_utf8mb4 X'{}'", hex::encode(text)))
        }
        _ => None,
    };
    written.ok_or_else(|| Error::Invalid {
        what: format!("a key of column \"{}\" of table \"{table}\"", column.name),
        why: format!("it is no value of the type {}", column.native),
    })
}

/// MySQL's first year is 0, which canonical text calls 1 BC.
fn with_year_zero(text: &str) -> Cow<'_, str> {
    match text.strip_prefix("0001").and_then(|rest| rest.strip_suffix(" BC")) {
        Some(rest) => Cow::Owned(format!("0000{rest}")),
        None => Cow::Borrowed(text),
    }
}

fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// With an exponent a number is a double, to the last bit.
fn exact(number: f64) -> Option<String> {
    number.is_finite().then(|| format!("{number:e}"))
}
