//! Cuts a table into ranges of about equal size. Any set of ascending cuts covers every row once; the counting here
//! only makes the pieces even.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::connect::quoted;
use super::decode::render_stored;
use super::scan::key_comparison;
use super::schema::{self, Address};
use super::sizes;
use crate::catalog::Table;
use crate::split::{Piece, Range, SAMPLE_PLACES_MAX, Sizing};

/// Rowids in use, per thousand of the span between first and last, from which evenly spaced cuts are even enough.
const DENSE_PER_MILLE: i128 = 800;

type SqlResult<T> = rusqlite::Result<T>;

/// The pieces of `table`; `None` if there is no such table.
pub(super) fn pieces(connection: &Connection, table: &str, sizing: Sizing) -> SqlResult<Option<Vec<Piece>>> {
    let Some(address) = schema::address(connection, table)? else { return Ok(None) };
    let rows = sizes::count(connection, table)?;
    let bytes = rows.saturating_mul(sizes::sampled_row_bytes(connection, table)?);
    let count = u64::from(sizing.split_count(bytes)).min(rows.max(1));
    let ranges = match address {
        _ if count <= 1 => vec![Range::Whole],
        Address::Nothing => vec![Range::Whole],
        Address::RowId(rowid) => rowid_ranges(rowid_cuts(connection, table, &rowid, rows, count)?),
        Address::Key(columns) => {
            let cuts = key_cuts(connection, table, &columns, rows, count)?;
            key_ranges(&columns, cuts)
        }
    };
    let share = ranges.len() as u64;
    let piece = |range| Piece { range, rows_estimate: rows.div_ceil(share), bytes_estimate: bytes.div_ceil(share) };
    Ok(Some(ranges.into_iter().map(piece).collect()))
}

/// Rowid ranges that start all over `table`; the last one holds its last rows. Each has more rows than are wanted of it
/// where rowids are dense, and whoever reads stops early.
pub(super) fn sample(connection: &Connection, table: &Table, rows: u64) -> SqlResult<Vec<Range>> {
    let total = table.rows_estimate.unwrap_or(0);
    let Some(Address::RowId(rowid)) = schema::address(connection, &table.name)? else { return Ok(vec![Range::Whole]) };
    let bounds = sizes::rowid_bounds(connection, &table.name, &rowid)?;
    let (Some((first, last)), true) = (bounds, total > rows) else { return Ok(vec![Range::Whole]) };
    let (places, span) = (i128::from(SAMPLE_PLACES_MAX), i128::from(last) - i128::from(first) + 1);
    let tail = span * i128::from(rows.div_ceil(SAMPLE_PLACES_MAX)) / i128::from(total);
    let start = |place: i128| i128::from(first) + (span - tail.clamp(1, span)) * place / (places - 1);
    let mut cuts: Vec<i64> = (1..places).filter_map(|place| i64::try_from(start(place)).ok()).collect();
    cuts.dedup();
    Ok(rowid_ranges(cuts))
}

/// Least and greatest value of a column, unless it holds anything but integers at either end.
pub(super) fn integer_bounds(connection: &Connection, table: &str, column: &str) -> SqlResult<Option<(i64, i64)>> {
    // Two subqueries, because SQLite finds min and max without a scan only one at a time.
    let end = |end: &str| format!("(SELECT {end}(t.{}) FROM main.{} AS t)", quoted(column), quoted(table));
    let bounds = connection.query_row(&format!("SELECT {}, {}", end("min"), end("max")), (), |row| {
        Ok((row.get::<_, Value>(0)?, row.get::<_, Value>(1)?))
    })?;
    Ok(match bounds {
        (Value::Integer(least), Value::Integer(greatest)) => Some((least, greatest)),
        _ => None,
    })
}

fn rowid_ranges(cuts: Vec<i64>) -> Vec<Range> {
    between(cuts).map(|(start, end)| Range::RowIds { start, end }).collect()
}

fn key_ranges(columns: &[String], cuts: Vec<Vec<String>>) -> Vec<Range> {
    between(cuts).map(|(lower, upper)| Range::Keys { columns: columns.to_vec(), lower, upper }).collect()
}

/// The ranges that ascending cuts leave, open at both ends.
fn between<T: Clone>(cuts: Vec<T>) -> impl Iterator<Item = (Option<T>, Option<T>)> {
    let cuts: Vec<Option<T>> = std::iter::once(None).chain(cuts.into_iter().map(Some)).chain([None]).collect();
    (1..cuts.len()).map(move |at| (cuts[at - 1].clone(), cuts[at].clone()))
}

/// First rowids of all pieces but the first, ascending.
fn rowid_cuts(connection: &Connection, table: &str, rowid: &str, rows: u64, count: u64) -> SqlResult<Vec<i64>> {
    let Some((first, last)) = sizes::rowid_bounds(connection, table, rowid)? else { return Ok(Vec::new()) };
    let span = i128::from(last) - i128::from(first) + 1;
    if i128::from(rows) * 1000 >= span * DENSE_PER_MILLE {
        let cut = |index: u64| i128::from(first) + span * i128::from(index) / i128::from(count);
        return Ok((1..count).filter_map(|index| i64::try_from(cut(index)).ok()).collect());
    }
    let sql = format!("SELECT t.{rowid} FROM main.{} AS t ORDER BY 1", quoted(table));
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(())?;
    let (mut cuts, mut seen, step) = (Vec::new(), 0, rows.div_ceil(count));
    while let Some(row) = found.next()? {
        if seen > 0 && seen % step == 0 {
            cuts.push(row.get(0)?);
        }
        seen += 1;
    }
    Ok(cuts)
}

/// First keys of all pieces but the first, ascending, as text that compares like the key itself.
fn key_cuts(
    connection: &Connection,
    table: &str,
    columns: &[String],
    rows: u64,
    count: u64,
) -> SqlResult<Vec<Vec<String>>> {
    let listed = columns.iter().map(|column| format!("t.{}", quoted(column))).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {listed} FROM main.{} AS t ORDER BY {listed}", quoted(table));
    // Text stands for a key only if it finds the row it was taken from: not so for blobs, or for numbers in columns
    // that would keep them as text. Such a cut is left out, and its two pieces stay one.
    let finds = format!("SELECT 1 FROM main.{} AS t WHERE {}", quoted(table), key_comparison(columns, "="));
    let (mut statement, mut finds) = (connection.prepare(&sql)?, connection.prepare(&finds)?);
    let mut found = statement.query(())?;
    let (mut cuts, mut seen, step) = (Vec::new(), 0, rows.div_ceil(count));
    while let Some(row) = found.next()? {
        if seen > 0 && seen % step == 0 {
            let mut cut = vec![String::new(); columns.len()];
            for (index, text) in cut.iter_mut().enumerate() {
                render_stored(row.get_ref(index)?, text);
            }
            if finds.exists(params_from_iter(cut.iter().cloned().map(Value::from)))? {
                cuts.push(cut);
            }
        }
        seen += 1;
    }
    Ok(cuts)
}
