//! A scan: one prepared query in the binary protocol, decoded into batches as its rows arrive. Knows nothing of where the
//! query came from.

use std::sync::Arc;

use futures::{StreamExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{BinaryProtocol, Params, QueryResult, Row, Value};

use super::answer::Answer;
use super::connection::Session;
use super::decode::{Form, Unfit, decode, size};
use super::locator::Locator;
use super::relation::Relation;
use super::snapshot::Readers;
use super::sql::identifier;
use crate::batch::Fault;
use crate::catalog::Field;
use crate::column::ColumnBuilder;
use crate::error::{Error, Result};
use crate::rows::RowsBuilder;
use crate::source::{BatchSize, Batches, Scan};
use crate::text;

/// Bytes from which on a row is a batch of its own that takes its large values over, see [`RowsBuilder::share`].
const LARGE_BYTES: usize = 4 << 20;

/// Where a session goes when its query's last row has come, or when nobody wants the rest.
pub(super) enum After {
    /// Back among the readers of its snapshot.
    Return(Arc<Readers>),
    /// Back to the pool; broken off if it is not at the end.
    Park,
}

impl After {
    fn leave(&self, session: Session, interrupted: bool) {
        match self {
            After::Return(readers) => readers.give_back(session, interrupted),
            After::Park if interrupted => drop(session),
            After::Park => session.park(),
        }
    }
}

/// The query of a scan and how its columns are read.
pub(super) struct Query {
    /// `SELECT … FROM …`, without WHERE.
    select: String,
    decoder: Decoder,
}

impl Query {
    /// Prepares to read `scan` from `relation`; `locator` tells its rows apart, if that is asked for.
    ///
    /// # Errors
    /// `Missing` for a column that is not there, `Invalid` for one that is not what was planned.
    pub(super) fn new(relation: &Relation, scan: &Scan, locator: Option<&Locator>, hint: &str) -> Result<Query> {
        let address = locator.map(Locator::columns).unwrap_or_default();
        let mut wanted: Vec<Field> = scan.fields.clone();
        for name in scan.key.iter().chain(address) {
            if wanted.iter().all(|field| field.name != *name) {
                wanted.push(relation.key_field(name)?);
            }
        }
        let mut columns = wanted.iter().map(|field| relation.expression(field)).collect::<Result<Vec<_>>>()?;
        if let Some(Locator::Content(digest)) = locator {
            columns.push(digest.clone());
        }
        if columns.is_empty() {
            // A row without columns is still a row.
            columns.push("NULL".to_owned());
        }
        let place = |name: &String| {
            let index = wanted.iter().position(|field| field.name == *name);
            index.map(|index| (index, wanted[index].clone()))
        };
        let decoder = Decoder {
            forms: scan.fields.iter().map(|field| Form::of(&field.logical)).collect(),
            names: scan.fields.iter().map(|field| field.name.clone()).collect(),
            key: scan.key.iter().filter_map(place).collect(),
            address: locator.map(|locator| match locator {
                Locator::Key(columns) => Address::Key(columns.iter().filter_map(place).collect()),
                Locator::Content(_) => Address::Content(wanted.len()),
            }),
            rows: RowsBuilder::new(&scan.fields, scan.locator),
            bytes: 0,
        };
        let select = format!("SELECT {} FROM {}{hint}", columns.join(", "), relation.clause());
        Ok(Query { select, decoder })
    }

    /// The text with a condition.
    pub(super) fn text(&self, condition: Option<&str>) -> String {
        match condition {
            Some(condition) => format!("{} WHERE {condition}", self.select),
            None => self.select.clone(),
        }
    }

    /// Starts the query `text` in `session` and streams its rows.
    pub(super) async fn stream(
        self,
        mut session: Session,
        scan: &Scan,
        text: &str,
        after: After,
        guard: impl Send + 'static,
    ) -> Result<Batches> {
        let object = format!("table \"{}\"", scan.table);
        // What the answer holds is left in the connection, from where it is taken row by row.
        if let Err(error) = session.conn().exec_iter(text, Params::Empty).await.map(drop) {
            let error = session.failure(&object, error);
            after.leave(session, true);
            return Err(error);
        }
        let reader = Reader {
            session: Some(session),
            decoder: self.decoder,
            after,
            object,
            size: BatchSize::of(scan),
            ended: false,
            large: None,
        };
        let state = Some((reader, guard));
        Ok(stream::unfold(state, |state| async move {
            let (mut reader, guard): (Reader, _) = state?;
            match reader.next().await {
                Ok(true) => Some((reader.batch(), Some((reader, guard)))),
                Ok(false) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}

/// The hint that makes a query take its rows from one index.
pub(super) fn by_index(name: &str) -> String {
    format!(" FORCE INDEX ({})", identifier(name))
}

/// A running scan.
struct Reader {
    /// Gone once the last row has come.
    session: Option<Session>,
    decoder: Decoder,
    after: After,
    object: String,
    size: BatchSize,
    ended: bool,
    /// A large row that waits for a batch of its own.
    large: Option<Row>,
}

impl Reader {
    /// Gathers a batch. `false` if all rows were given out.
    async fn next(&mut self) -> Result<bool> {
        while !self.ended {
            let row = match self.large.take() {
                Some(row) => Some(row),
                None => self.row().await?,
            };
            match row {
                Some(row) if is_large(&row) && self.decoder.rows.row_count() > 0 => {
                    self.large = Some(row);
                    return Ok(true);
                }
                Some(row) => {
                    self.decoder.push(row).map_err(|why| self.corrupt(why))?;
                    if self.size.is_reached(self.decoder.rows.row_count(), self.decoder.bytes) {
                        return Ok(true);
                    }
                }
                None => self.end()?,
            }
        }
        Ok(self.decoder.rows.row_count() > 0)
    }

    async fn row(&mut self) -> Result<Option<Row>> {
        let Some(session) = &mut self.session else { return Ok(None) };
        let next = QueryResult::<BinaryProtocol>::new(session.conn()).next().await;
        next.map_err(|error| session.failure(&self.object, error))
    }

    fn batch(&mut self) -> Result<crate::batch::Batch> {
        self.decoder.bytes = 0;
        self.decoder.rows.finish()
    }

    /// # Errors
    /// `Corrupt` if the server had doubts about what it sent: a function's result that was too long is NULL with a warning.
    fn end(&mut self) -> Result<()> {
        self.ended = true;
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let warnings = session.conn().get_warnings();
        self.after.leave(session, false);
        match warnings {
            0 => Ok(()),
            count => Err(self.corrupt(&format!("the server gave {count} warnings with the rows"))),
        }
    }

    fn corrupt(&self, why: &str) -> Error {
        Error::Corrupt { what: format!("the answer with the rows of {}", self.object), why: why.to_owned() }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.after.leave(session, true);
        }
    }
}

/// What a row's locator is made of.
enum Address {
    /// Position and type of each column of a unique key.
    Key(Vec<(usize, Field)>),
    /// Position of the row's digest.
    Content(usize),
}

impl Address {
    /// `None` where a value of the key does not decode.
    fn of(&self, row: &Row) -> Option<String> {
        match self {
            Address::Key(columns) => {
                let part = |(index, field): &(usize, Field)| cell_text(row, *index, field);
                let parts = columns.iter().map(part).collect::<Option<Vec<_>>>()?;
                Some(serde_json::Value::from(parts).to_string())
            }
            Address::Content(index) => row.text(*index),
        }
    }
}

/// Turns rows of the protocol into rows.
struct Decoder {
    forms: Vec<Form>,
    names: Vec<String>,
    /// Position in the row and type of each key column.
    key: Vec<(usize, Field)>,
    /// Where a row's locator is, if one is asked for.
    address: Option<Address>,
    rows: RowsBuilder,
    /// Bytes since the last batch, about those of the arrays.
    bytes: usize,
}

impl Decoder {
    fn push(&mut self, mut row: Row) -> Result<(), &'static str> {
        let is_alone = is_large(&row) && self.rows.row_count() == 0;
        if let Some(address) = &self.address {
            let address = address.of(&row);
            match self.rows.columns.last_mut() {
                Some(ColumnBuilder::Text(column)) => column.append_option(address),
                _ => return Err("a row has no place for its address"),
            }
        }
        for (index, form) in self.forms.iter().enumerate() {
            let cell = row.as_ref(index).ok_or("a row has too few columns")?;
            self.bytes += size(cell);
            if is_alone && size(cell) >= LARGE_BYTES && is_shareable(*form, &self.rows.columns[index], cell) {
                if let Some(Value::Bytes(bytes)) = row.take(index) {
                    self.rows.share(index, bytes.into());
                }
                continue;
            }
            match decode(*form, cell, &mut self.rows.columns[index]) {
                Ok(()) => {}
                Err(Unfit::Malformed(why)) => return Err(why),
                Err(Unfit::Fault(why)) => {
                    let (key, column) = (self.key_text(&row), self.names[index].clone());
                    self.rows.fail_row(Fault { key, column, reason: why.to_owned() });
                    return Ok(());
                }
            }
        }
        // Even a row without columns takes room.
        self.bytes += 1;
        self.rows.end_row();
        Ok(())
    }

    /// The key of a faulty row as `column=value, …`; `None` without a key or if a value of it is NULL or does not decode.
    fn key_text(&self, row: &Row) -> Option<String> {
        let part = |(index, field): &(usize, Field)| Some(format!("{}={}", field.name, cell_text(row, *index, field)?));
        let parts = self.key.iter().map(part).collect::<Option<Vec<_>>>()?;
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn is_large(row: &Row) -> bool {
    (0..row.len()).filter_map(|index| row.as_ref(index)).map(size).sum::<usize>() >= LARGE_BYTES
}

/// Whether a cell's bytes are those of the column's values. Text that is none is left to be told as a fault.
fn is_shareable(form: Form, column: &ColumnBuilder, cell: &Value) -> bool {
    match (form, column, cell) {
        (Form::Plain, ColumnBuilder::Bytes(_), Value::Bytes(_)) => true,
        (Form::Plain, ColumnBuilder::Text(_), Value::Bytes(bytes)) => std::str::from_utf8(bytes).is_ok(),
        _ => false,
    }
}

/// The canonical text of one cell; `None` for NULL and for what does not decode.
pub(super) fn cell_text(row: &Row, index: usize, field: &Field) -> Option<String> {
    let cell = row.as_ref(index).filter(|cell| **cell != Value::NULL)?;
    let mut column = ColumnBuilder::new(&field.logical);
    decode(Form::of(&field.logical), cell, &mut column).ok()?;
    let mut out = String::new();
    text::render(&field.logical, column.finish().as_ref(), 0, &mut out);
    Some(out)
}
