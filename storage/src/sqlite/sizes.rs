//! How many rows a table has, and how large they are: by statistics, by counting, by sampling.

use rusqlite::{Connection, OptionalExtension, params};

use super::connect::quoted;
use super::schema::{Address, address};

type SqlResult<T> = rusqlite::Result<T>;

/// Places in a table where rows are sampled for their size, and rows taken at each.
const SAMPLE_PLACES: i64 = 16;
const SAMPLE_ROWS: i64 = 16;

/// Bytes of a row beyond its values, in memory and on the wire; a guess.
const ROW_OVERHEAD_BYTES: u64 = 8;

/// Rows as `ANALYZE` last saw them.
pub(super) fn analyzed_rows(connection: &Connection, table: &str) -> SqlResult<Option<u64>> {
    let analyzed =
        connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'", (), |_| Ok(())).optional()?;
    if analyzed.is_none() {
        return Ok(None);
    }
    let stat: Option<Option<i64>> = connection
        .query_row("SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl = ?1", [table], |row| row.get(0))
        .optional()?;
    Ok(stat.flatten().and_then(|rows| u64::try_from(rows).ok()))
}

/// Rows exactly, by one pass over the smallest index.
pub(super) fn count(connection: &Connection, table: &str) -> SqlResult<u64> {
    let sql = format!("SELECT count(*) FROM main.{}", quoted(table));
    let rows: i64 = connection.query_row(&sql, (), |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Rows exactly, by one pass over every page of the table's own tree, from its first leaf to its last: no search by rowid
/// or key takes part, and no index.
pub(super) fn count_leaves(connection: &Connection, table: &str) -> SqlResult<u64> {
    let sql = format!("SELECT count(*) FROM main.{} NOT INDEXED", quoted(table));
    let rows: i64 = connection.query_row(&sql, (), |row| row.get(0))?;
    Ok(rows.unsigned_abs())
}

/// Mean encoded bytes of a row, from rows at evenly spaced rowids, or the first ones where there are none.
pub(super) fn sampled_row_bytes(connection: &Connection, table: &str) -> SqlResult<u64> {
    let mut columns = connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 1")?;
    let columns: Vec<String> = columns.query_map([table], |row| row.get(0))?.collect::<SqlResult<_>>()?;
    let sizes = columns.iter().map(|column| format!("ifnull(octet_length(t.{}), 0) + 1", quoted(column)));
    let size = sizes.collect::<Vec<_>>().join(" + ");
    let from = format!("SELECT {size} AS size FROM main.{} AS t", quoted(table));
    let (mut bytes, mut rows) = (0, 0);
    let mut add = |sql: &str, start: i64| {
        connection.query_row(sql, params![start, SAMPLE_ROWS], |row| {
            bytes += row.get::<_, i64>(0)?.unsigned_abs();
            rows += row.get::<_, i64>(1)?.unsigned_abs();
            Ok(())
        })
    };
    let total = |from: &str| format!("SELECT ifnull(sum(size), 0), count(*) FROM ({from} LIMIT ?2)");
    match address(connection, table)? {
        Some(Address::RowId(rowid)) => {
            let sql = total(&format!("{from} WHERE t.{rowid} >= ?1 ORDER BY t.{rowid}"));
            if let Some((first, last)) = rowid_bounds(connection, table, &rowid)? {
                let step = (i128::from(last) - i128::from(first)) / i128::from(SAMPLE_PLACES) + 1;
                for place in 0..SAMPLE_PLACES {
                    let start = i128::from(first) + step * i128::from(place);
                    add(&sql, i64::try_from(start).unwrap_or(last))?;
                }
            }
        }
        _ => add(&total(&format!("{from} WHERE ?1 = ?1")), 0)?,
    }
    Ok(ROW_OVERHEAD_BYTES + bytes / u64::max(rows, 1))
}

/// First and last rowid; `None` if the table is empty.
pub(super) fn rowid_bounds(connection: &Connection, table: &str, rowid: &str) -> SqlResult<Option<(i64, i64)>> {
    // Two subqueries, because SQLite finds min and max without a scan only one at a time.
    let table = quoted(table);
    let sql = format!(
        "SELECT (SELECT min(t.{rowid}) FROM main.{table} AS t), (SELECT max(t.{rowid}) FROM main.{table} AS t)"
    );
    connection.query_row(&sql, (), |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        Ok(first.zip(last))
    })
}
