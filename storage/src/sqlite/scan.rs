//! Streams rows out of one connection. Blocking work runs on its own thread and hands batches over a short channel.

use futures::{StreamExt, future, stream};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::connect::quoted;
use super::decode::{class, decode, render_stored};
use super::error::classify;
use super::schema::{self, Address};
use crate::batch::{Batch, Fault};
use crate::column::ColumnBuilder;
use crate::error::{Error, Result};
use crate::rows::RowsBuilder;
use crate::source::{BatchSize, Batches, Scan};
use crate::split::Range;

/// Batches finished and not yet taken, per scan.
const BATCHES_MAX: usize = 2;

/// Bytes counted per cell beyond its text or blob.
const CELL_BYTES: usize = 8;

/// Takes a finished batch; `false` if nobody waits for it any more.
pub(super) type Emit<'a> = dyn FnMut(Batch) -> bool + 'a;

/// Which rows to read.
pub(super) enum Rows<'a> {
    /// One range of the table.
    Range(&'a Range),
    /// Inclusive runs of rowids.
    RowIds(&'a [(i64, i64)]),
}

/// Runs `work` on a thread for blocking calls and streams what it emits. An error, also a panic, ends the stream.
pub(super) fn stream<F>(work: F) -> Batches
where
    F: FnOnce(&mut Emit<'_>) -> Result<()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(BATCHES_MAX);
    let task = tokio::task::spawn_blocking(move || work(&mut |batch| sender.blocking_send(batch).is_ok()));
    let end = stream::once(task).filter_map(|ended| {
        future::ready(match ended {
            Ok(result) => result.err().map(Err),
            Err(panic) => Some(Err(Error::internal("SQLite scan", panic))),
        })
    });
    ReceiverStream::new(receiver).map(Ok).chain(end).boxed()
}

/// Reads the rows of `scan` on `connection`.
pub(super) fn run(connection: &Connection, scan: &Scan, rows: Rows<'_>, emit: &mut Emit<'_>) -> Result<()> {
    let what = || format!("table {}", quoted(&scan.table));
    let address = schema::address(connection, &scan.table)
        .map_err(|error| classify(what(), error))?
        .ok_or_else(|| Error::Missing { what: what() })?;
    let query = Query::new(scan, &address, rows)?;
    let mut reader = Reader {
        builder: RowsBuilder::new(&scan.fields, scan.locator),
        has_rowid: matches!(address, Address::RowId(_)),
        scan,
        bytes: 0,
    };
    let finished = query.run(connection, &mut reader, emit).map_err(|error| match error {
        QueryError::Sqlite(error) => classify(what(), error),
        QueryError::Batch(error) => error,
    })?;
    if finished && reader.builder.row_count() > 0 {
        emit(reader.builder.finish()?);
    }
    Ok(())
}

/// One statement and the parameters of each of its runs.
struct Query<'a> {
    sql: String,
    runs: Runs<'a>,
}

type Runs<'a> = Box<dyn Iterator<Item = Vec<Value>> + 'a>;

enum QueryError {
    Sqlite(rusqlite::Error),
    Batch(Error),
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> QueryError {
        QueryError::Sqlite(error)
    }
}

impl<'a> Query<'a> {
    /// Selects the fields, then the key columns, then the rowid if there is one.
    fn new(scan: &Scan, address: &Address, rows: Rows<'a>) -> Result<Query<'a>> {
        let names = scan.fields.iter().map(|field| &field.name).chain(&scan.key);
        let mut selected: Vec<String> = names.map(|name| format!("t.{}", quoted(name))).collect();
        if let Address::RowId(rowid) = address {
            selected.push(format!("t.{rowid}"));
        }
        let (condition, runs): (String, Runs<'a>) = match rows {
            Rows::Range(range) => {
                let (condition, parameters) = condition(scan, address, range)?;
                (condition, Box::new(std::iter::once(parameters)))
            }
            Rows::RowIds(runs) => {
                let Address::RowId(rowid) = address else { return Err(no_rowid(&scan.table)) };
                let runs = runs.iter().map(|(first, last)| vec![Value::from(*first), Value::from(*last)]);
                (format!("t.{rowid} BETWEEN ? AND ?"), Box::new(runs))
            }
        };
        let columns = if selected.is_empty() { "1".to_owned() } else { selected.join(", ") };
        // An index with all the columns may be smaller than the table, and damaged without it.
        let from = format!("main.{} AS t NOT INDEXED", quoted(&scan.table));
        Ok(Query { sql: format!("SELECT {columns} FROM {from} WHERE {condition}"), runs })
    }

    /// Runs to the end (`true`) or until nobody wants more (`false`).
    fn run(self, connection: &Connection, reader: &mut Reader<'_>, emit: &mut Emit<'_>) -> Result<bool, QueryError> {
        let mut statement = connection.prepare(&self.sql)?;
        let size = BatchSize::of(reader.scan);
        for parameters in self.runs {
            let mut rows = statement.query(params_from_iter(parameters))?;
            while let Some(row) = rows.next()? {
                reader.take(row)?;
                if size.is_reached(reader.builder.row_count(), reader.bytes) {
                    reader.bytes = 0;
                    if !emit(reader.builder.finish().map_err(QueryError::Batch)?) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}

/// The rows of a range as a condition, and its parameters.
fn condition(scan: &Scan, address: &Address, range: &Range) -> Result<(String, Vec<Value>)> {
    let mut conditions = Vec::new();
    let mut parameters = Vec::new();
    match (range, address) {
        (Range::Whole, _) => {}
        (Range::RowIds { start, end }, Address::RowId(rowid)) => {
            for (bound, operator) in [(start, ">="), (end, "<")] {
                if let Some(bound) = bound {
                    conditions.push(format!("t.{rowid} {operator} ?"));
                    parameters.push(Value::from(*bound));
                }
            }
        }
        (Range::RowIds { .. }, _) => return Err(no_rowid(&scan.table)),
        (Range::Keys { columns, lower, upper }, _) => {
            for (bound, operator) in [(lower, ">="), (upper, "<")] {
                if let Some(bound) = bound {
                    conditions.push(key_comparison(columns, operator));
                    parameters.extend(bound.iter().cloned().map(Value::from));
                }
            }
        }
        _ => {
            let why = "SQLite reads rowids, keys or the whole table".to_owned();
            return Err(Error::Invalid { what: format!("the range of table {}", quoted(&scan.table)), why });
        }
    }
    let condition = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") };
    Ok((condition, parameters))
}

/// Compares key columns with as many parameters. The columns' affinity turns the text of a number into the number.
pub(super) fn key_comparison(columns: &[String], operator: &str) -> String {
    let columns: Vec<_> = columns.iter().map(|column| format!("t.{}", quoted(column))).collect();
    let parameters = vec!["?"; columns.len()].join(", ");
    match columns.as_slice() {
        [column] => format!("{column} {operator} ?"),
        _ => format!("({}) {operator} ({parameters})", columns.join(", ")),
    }
}

pub(super) fn no_rowid(table: &str) -> Error {
    Error::Unsupported {
        what: format!("addressing rows of table {} by rowid", quoted(table)),
        why: "it is WITHOUT ROWID, or its columns hide every name of the rowid".to_owned(),
    }
}

/// Decodes rows into batches.
struct Reader<'a> {
    builder: RowsBuilder,
    has_rowid: bool,
    scan: &'a Scan,
    bytes: usize,
}

impl Reader<'_> {
    fn take(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        for (index, field) in self.scan.fields.iter().enumerate() {
            let value = row.get_ref(index)?;
            let column = &mut self.builder.columns[index];
            let before = column.text_bytes();
            let decoded = decode(&field.logical, value, column);
            self.bytes += CELL_BYTES + variable_bytes(value).max(column.text_bytes() - before);
            if let Err(reason) = decoded {
                let reason = format!("{} found where {} is wanted: {reason}", class(value), field.logical);
                let fault = Fault { key: self.key(row)?, column: field.name.clone(), reason };
                self.builder.fail_row(fault);
                return Ok(());
            }
        }
        if self.scan.locator {
            self.locate(row)?;
        }
        self.bytes += CELL_BYTES;
        self.builder.end_row();
        Ok(())
    }

    /// The rowid as text, or NULL where rows have none that can be named.
    fn locate(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let rowid = match self.has_rowid {
            true => Some(row.get_ref(self.scan.fields.len() + self.scan.key.len())?.as_i64()?.to_string()),
            false => None,
        };
        if let Some(ColumnBuilder::Text(locators)) = self.builder.columns.last_mut() {
            locators.append_option(rowid);
        }
        Ok(())
    }

    /// Names a row by its key, or by its rowid where it has none.
    fn key(&self, row: &Row<'_>) -> rusqlite::Result<Option<String>> {
        let first = self.scan.fields.len();
        let mut key = String::new();
        let rowid = (self.scan.key.is_empty() && self.has_rowid).then_some("rowid");
        for (offset, name) in self.scan.key.iter().map(String::as_str).chain(rowid).enumerate() {
            let separator = if offset > 0 { ", " } else { "" };
            key.push_str(separator);
            key.push_str(name);
            key.push('=');
            render_stored(row.get_ref(first + offset)?, &mut key);
        }
        Ok((!key.is_empty()).then_some(key))
    }
}

fn variable_bytes(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}
