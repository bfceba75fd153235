//! Quoting for SQL text that cannot take parameters (COPY, DDL). Knows nothing of tables.

use crate::split::Range;

use super::relation::Relation;
use crate::error::{Error, Result};

/// `"name"`, with inner quotes doubled.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `"a", "b"`.
pub(super) fn identifiers<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(identifier).collect::<Vec<_>>().join(", ")
}

/// `'text'`; every session has `standard_conforming_strings` on, so only quotes need care.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `"schema"."table"`.
pub(super) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(table))
}

/// The condition that selects `range` of `relation`, or `None` for every row.
///
/// # Errors
/// `Missing` if a key column is not there; `Invalid` for a range of another kind of system.
pub(super) fn condition(relation: &Relation, range: &Range) -> Result<Option<String>> {
    match range {
        Range::Whole => Ok(None),
        Range::Keys { columns, lower, upper } => {
            let left = row(columns.iter().map(|name| identifier(name)));
            let lower = lower.as_ref().map(|key| bound(relation, columns, key)).transpose()?;
            let upper = upper.as_ref().map(|key| bound(relation, columns, key)).transpose()?;
            let lower = lower.map(|key| format!("{left} >= {key}"));
            let upper = upper.map(|key| format!("{left} < {key}"));
            let sides: Vec<_> = lower.into_iter().chain(upper).collect();
            Ok((!sides.is_empty()).then(|| sides.join(" AND ")))
        }
        Range::Blocks { start, end } => Ok(Some(blocks(*start, *end))),
        _ => Err(Error::Invalid {
            what: format!("a range of table \"{}\"", relation.name),
            why: "it was cut for another kind of system".to_owned(),
        }),
    }
}

/// Rows in heap blocks `start` up to and without `end`.
pub(super) fn blocks(start: u64, end: Option<u64>) -> String {
    let lower = format!("ctid >= '({start},0)'::tid");
    match end {
        Some(end) => format!("{lower} AND ctid < '({end},0)'::tid"),
        None => lower,
    }
}

fn bound(relation: &Relation, columns: &[String], key: &[String]) -> Result<String> {
    if columns.len() != key.len() {
        return Err(Error::Invalid {
            what: format!("a key range of table \"{}\"", relation.name),
            why: format!("it has {} columns and {} values", columns.len(), key.len()),
        });
    }
    let values = columns.iter().zip(key).map(|(column, value)| {
        let native = &relation.column(column)?.native;
        Ok(format!("{}::{native}", literal(value)))
    });
    Ok(row(values.collect::<Result<Vec<_>>>()?))
}

fn row(items: impl IntoIterator<Item = String>) -> String {
    format!("({})", items.into_iter().collect::<Vec<_>>().join(", "))
}
