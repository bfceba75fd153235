//! Check constraints of a target table.

use rusqlite::Connection;

use super::connect::quoted;
use super::ddl;
use super::error::{classify, definition};
use super::schema;
use super::writer::table_name;
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
        let violations = violations(connection, table, check)?;
        if violations > 0 {
            let why = format!("{violations} rows violate {}", title(check));
            return Err(Error::Refused { what: table_name(table), why });
        }
    }
    Ok(())
}

fn violations(connection: &Connection, table: &TargetTable, check: &Check) -> Result<i64> {
    let sql = format!("SELECT count(*) FROM main.{} WHERE NOT ({})", quoted(&table.name), expression(table, check)?);
    connection.query_row(&sql, (), |row| row.get(0)).map_err(|error| definition(title(check), error))
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
