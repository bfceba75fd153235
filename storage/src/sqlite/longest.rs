//! How long the values of a table are. Knows nothing of who asks.

use rusqlite::Connection;

use super::connect::quoted;
use crate::source::{LARGE_ROW_BYTES, Longest};

/// A file smaller than a large row is not read. SQLite tells the length of a value from the head of its row.
pub(super) fn longest(connection: &Connection, table: &str, columns: &[String]) -> rusqlite::Result<Option<Longest>> {
    let bytes = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    if columns.is_empty()
        || connection.query_row(bytes, (), |row| row.get::<_, i64>(0))?.unsigned_abs() < LARGE_ROW_BYTES
    {
        return Ok(None);
    }
    let length = |name: &String| format!("octet_length({})", quoted(name));
    let sum = columns.iter().map(|name| format!("coalesce({}, 0)", length(name))).collect::<Vec<_>>().join(" + ");
    let each = columns.iter().map(|name| format!("max({})", length(name))).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT max({sum}), {each} FROM main.{}", quoted(table));
    connection.query_row(&sql, (), |row| {
        let bytes = |index: usize| row.get::<_, Option<i64>>(index).map(|bytes| bytes.map(i64::unsigned_abs));
        let of_column = |(index, name): (usize, &String)| Ok((name.clone(), bytes(index + 1)?));
        let named = columns.iter().enumerate().map(of_column).collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Longest::of(bytes(0)?, named.into_iter()))
    })
}
