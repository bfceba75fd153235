//! Columns that number themselves: `INTEGER PRIMARY KEY`, with and without `AUTOINCREMENT`.
//!
//! Without it SQLite gives the largest number in use plus one, so there is nothing to set, and a number may come again
//! after its row was deleted. With it, table `sqlite_sequence` keeps the largest number ever given. SQLite manual,
//! "SQLite Autoincrement".

use rusqlite::{Connection, OptionalExtension, params};

use super::connect::quoted;
use super::error::classify;
use super::schema;
use crate::catalog::{Identity, IdentityKind};
use crate::error::{Error, Result};
use crate::target::NextNumber;

type SqlResult<T> = rusqlite::Result<T>;

/// How the rowid alias `column` is numbered.
pub(super) fn identity(connection: &Connection, table: &str, column: &str, autoincrement: bool) -> SqlResult<Identity> {
    let largest = largest(connection, table, column)?;
    let (kind, last) = match autoincrement {
        true => (IdentityKind::ByDefault, largest.unwrap_or(0).max(given(connection, table)?.unwrap_or(0))),
        false => (IdentityKind::RowId, largest.unwrap_or(0)),
    };
    Ok(Identity { kind, next: Some(i128::from(last) + 1), increment: 1 })
}

/// Makes the next number at least `next.next`: SQLite never gives one that is in use. A plain `INTEGER PRIMARY KEY`
/// is left as it is, because its next number follows from the rows; where that is a lower one the log says so.
///
/// # Errors
/// `Missing` if there is no such table; `Unsupported` if the column is not one that SQLite numbers.
pub(super) fn set_next(connection: &Connection, next: &NextNumber) -> Result<()> {
    let Some(table) = next.table.as_deref() else { return Err(unsupported(next, "SQLite has no sequences")) };
    let what = format!("table {}", quoted(table));
    let sql = |error| classify(&what, error);
    if schema::address(connection, table).map_err(sql)?.is_none() {
        return Err(Error::Missing { what });
    }
    let numbered = schema::integer_primary_key(connection, table).map_err(sql)?;
    let Some(column) = numbered.filter(|column| column.eq_ignore_ascii_case(&next.of)) else {
        return Err(unsupported(next, "SQLite numbers nothing but a lone INTEGER PRIMARY KEY"));
    };
    let (.., autoincrement) = connection.column_metadata(Some("main"), table, &column).map_err(sql)?;
    let found = identity(connection, table, &column, autoincrement).map_err(sql)?;
    match found.next {
        Some(stands) if stands >= next.next => Ok(()),
        _ if autoincrement => {
            let last = i64::try_from(next.next - 1).unwrap_or(i64::MAX);
            raise(connection, table, last).map_err(sql)
        }
        _ => {
            tracing::warn!(table, "SQLite gives numbers of rows that are not there again: the key lacks AUTOINCREMENT");
            Ok(())
        }
    }
}

fn unsupported(next: &NextNumber, why: &str) -> Error {
    let of = next.table.iter().map(|table| format!("{}.", quoted(table))).collect::<String>();
    Error::Unsupported { what: format!("the next number of {of}{}", quoted(&next.of)), why: why.to_owned() }
}

fn largest(connection: &Connection, table: &str, column: &str) -> SqlResult<Option<i64>> {
    let sql = format!("SELECT max({}) FROM main.{}", quoted(column), quoted(table));
    connection.query_row(&sql, (), |row| row.get(0))
}

/// The largest number ever given, if one was.
fn given(connection: &Connection, table: &str) -> SqlResult<Option<i64>> {
    let sql = "SELECT max(CAST(seq AS INTEGER)) FROM main.sqlite_sequence WHERE name = ?1";
    connection.query_row(sql, [table], |row| row.get(0)).optional().map(Option::flatten)
}

/// `sqlite_sequence` has no key, and a row per table only once the table has had a row.
fn raise(connection: &Connection, table: &str, last: i64) -> SqlResult<()> {
    let changed =
        connection.execute("UPDATE main.sqlite_sequence SET seq = ?2 WHERE name = ?1", params![table, last])?;
    if changed == 0 {
        connection.execute("INSERT INTO main.sqlite_sequence(name, seq) VALUES (?1, ?2)", params![table, last])?;
    }
    Ok(())
}
