//! Check constraints of a target table.

use rusqlite::Connection;

use super::connect::quoted;
use super::ddl;
use super::error::{classify, definition};
use super::schema;
use super::writer::table_name;
use crate::broken::{self, BROKEN_NAMED_MAX};
use crate::catalog::{Check, TargetTable};
use crate::error::{Error, Result};

/// The definition of a check within a table.
///
/// # Errors
/// `Invalid` if its text is not one expression.
pub(super) fn constraint(table: &TargetTable, check: &Check) -> Result<String> {
    let name = check.name.as_ref().map_or(String::new(), |name| format!("CONSTRAINT {} ", quoted(name)));
    Ok(format!("{name}CHECK ({})", expression(table, check)?))
}

/// Sees that a created table has its checks, which SQLite then enforces with every row, and that the rows of a table
/// that was found obey them.
///
/// # Errors
/// `Missing` if a created table lacks a check; `Refused` if rows violate one.
pub(super) fn verify(connection: &Connection, table: &TargetTable) -> Result<()> {
    if table.checks.is_empty() {
        return Ok(());
    }
    let sql = |error| classify(table_name(table), error);
    let found = schema::declared(connection, &table.name).map_err(sql)?.table.checks;
    let there = |wanted: &Check| {
        found.iter().any(|check| check.name == wanted.name && check.expression == wanted.expression.trim())
    };
    for check in table.checks.iter().filter(|check| !there(check)) {
        if table.create {
            return Err(Error::Missing { what: format!("{} of {}", title(check), table_name(table)) });
        }
        if let Some(violations) = violations(connection, table, check)? {
            let why = format!("{} is not true of all rows; {violations}", title(check));
            return Err(Error::Refused { what: table_name(table), why });
        }
    }
    Ok(())
}

/// Which rows break the check; `None` if none does.
fn violations(connection: &Connection, table: &TargetTable, check: &Check) -> Result<Option<String>> {
    let sql = format!(
        "SELECT count(*) OVER (), {} FROM main.{} WHERE NOT ({}) ORDER BY {} LIMIT {BROKEN_NAMED_MAX}",
        naming(table),
        quoted(&table.name),
        expression(table, check)?,
        broken::order(table, quoted)
    );
    let failure = |error| definition(title(check), error);
    let mut query = connection.prepare(&sql).map_err(failure)?;
    let found = query.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))).map_err(failure)?;
    let found: Vec<(i64, String)> = found.collect::<rusqlite::Result<_>>().map_err(failure)?;
    let count = found.first().map(|(count, _)| count.unsigned_abs());
    let named: Vec<String> = found.into_iter().map(|(_, name)| name).collect();
    Ok(count.map(|count| broken::rows(count, &named)))
}

/// What names a row: its key as `column=value, …`; empty without one.
pub(super) fn naming(table: &TargetTable) -> String {
    let part =
        |name: &str| format!("{} || coalesce(CAST({} AS TEXT), 'NULL')", literal(&format!("{name}=")), quoted(name));
    let parts: Vec<String> = broken::key(table).iter().map(|field| part(&field.name)).collect();
    if parts.is_empty() { "''".to_owned() } else { parts.join(" || ', ' || ") }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn expression<'a>(table: &TargetTable, check: &'a Check) -> Result<&'a str> {
    if ddl::is_expression(&check.expression) {
        return Ok(&check.expression);
    }
    let what = format!("{} of {}", title(check), table_name(table));
    Err(Error::Invalid { what, why: "its text is not one expression".to_owned() })
}

fn title(check: &Check) -> String {
    match &check.name {
        Some(name) => format!("check {}", quoted(name)),
        None => "an unnamed check".to_owned(),
    }
}
