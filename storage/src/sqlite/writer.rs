//! Writes one split in one transaction. The connection stays on one blocking thread for as long as the transaction
//! lives; batches reach it over a short channel, and when that closes without a commit the transaction rolls back.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use rusqlite::{Connection, Statement, Transaction, TransactionBehavior};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::connect::quoted;
use super::encode::Encoder;
use super::error::classify;
use super::progress::{self, Record};
use super::scan::no_rowid;
use super::schema::{self, Address};
use crate::catalog::TargetTable;
use crate::error::{Error, Result};
use crate::target::{Begin, Commit, Write, Writer};

/// Batches accepted and not yet inserted.
const BATCHES_MAX: usize = 2;

enum Command {
    Rows(RecordBatch),
    /// Commit if exactly so many rows were inserted.
    Commit(u64),
}

/// The sending half of a split's transaction.
pub(super) struct SqliteWriter {
    commands: mpsc::Sender<Command>,
    /// Ends with the commit, or with `None` if there was nothing to commit. Taken once an error has been told.
    task: Option<JoinHandle<Result<Option<Commit>>>>,
}

/// Begins the transaction of a split on `connection`, which is released when the writer is done.
pub(super) async fn begin(connection: OwnedMutexGuard<Connection>, write: Write) -> Result<Begin> {
    let (commands, received) = mpsc::channel(BATCHES_MAX);
    let (opened, opening) = oneshot::channel();
    let task = tokio::task::spawn_blocking(move || run(connection, &write, opened, received));
    match opening.await {
        Ok(None) => Ok(Begin::Writer(Box::new(SqliteWriter { commands, task: Some(task) }))),
        Ok(Some(commit)) => Ok(Begin::Committed(commit)),
        Err(_) => Err(failure(Some(task)).await),
    }
}

#[async_trait]
impl Writer for SqliteWriter {
    async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match self.commands.send(Command::Rows(rows.clone())).await {
            Ok(()) => Ok(()),
            Err(_) => Err(failure(self.task.take()).await),
        }
    }

    async fn commit(self: Box<Self>, rows: u64) -> Result<Commit> {
        let SqliteWriter { commands, task } = *self;
        // If the thread has ended already, its result says why.
        let _ = commands.send(Command::Commit(rows)).await;
        drop(commands);
        outcome(task).await?.ok_or_else(ended_early)
    }
}

async fn outcome(task: Option<JoinHandle<Result<Option<Commit>>>>) -> Result<Option<Commit>> {
    match task {
        Some(task) => task.await.map_err(|panic| Error::internal("SQLite writer", panic))?,
        None => Err(ended_early()),
    }
}

/// Why the thread ended before its time.
async fn failure(task: Option<JoinHandle<Result<Option<Commit>>>>) -> Error {
    outcome(task).await.err().unwrap_or_else(ended_early)
}

fn ended_early() -> Error {
    Error::internal("SQLite writer", "ended without a commit")
}

/// The thread's work: open the transaction, say so, insert until told to commit.
fn run(
    mut connection: OwnedMutexGuard<Connection>,
    write: &Write,
    opened: oneshot::Sender<Option<Commit>>,
    mut commands: mpsc::Receiver<Command>,
) -> Result<Option<Commit>> {
    let what = table_name(&write.table);
    let sql = |error| classify(&what, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    check_fence(&transaction, write)?;
    let earlier = progress::find(&transaction, &write.job, write.split).map_err(sql)?;
    if let Some(earlier) = earlier {
        if !write.replace {
            let _ = opened.send(Some(earlier.commit));
            return Ok(None);
        }
        make_room(&transaction, write, &earlier)?;
    }
    if opened.send(None).is_err() {
        return Ok(None);
    }
    let Some((expected, inserted)) = insert_all(&transaction, &write.table, &mut commands)? else { return Ok(None) };
    if inserted.rows != expected {
        let why = format!("{} rows arrived where {expected} were announced", inserted.rows);
        return Err(Error::Internal { what, why });
    }
    let rowids = inserted.runs();
    let commit = progress::record(&transaction, &write.job, write.split, &write.table.name, expected, &rowids);
    let commit = commit.map_err(sql)?;
    let committed = transaction.commit();
    settle(&connection, write, committed, commit)
}

/// Takes the rows of an earlier commit out, and its record.
pub(super) fn make_room(transaction: &Transaction<'_>, write: &Write, earlier: &Record) -> Result<()> {
    let sql = |error| classify(table_name(&write.table), error);
    let rowid = writable_rowid(transaction, &write.table)?;
    let deleted = delete_runs(transaction, &write.table, &rowid, &earlier.runs()?).map_err(sql)?;
    if deleted != earlier.commit.rows {
        return Err(Error::Changed { what: table_name(&write.table) });
    }
    progress::forget(transaction, &write.job, write.split).map_err(sql)
}

/// A failed COMMIT may still have reached the disk; the progress record knows.
fn settle(
    connection: &Connection,
    write: &Write,
    committed: rusqlite::Result<()>,
    commit: Commit,
) -> Result<Option<Commit>> {
    let Err(error) = committed else { return Ok(Some(commit)) };
    match progress::committed(connection, &write.job, write.split) {
        Ok(Some(found)) if found == commit => Ok(Some(found)),
        _ => Err(classify(table_name(&write.table), error).of_all_rows()),
    }
}

pub(super) fn check_fence(transaction: &Transaction<'_>, write: &Write) -> Result<()> {
    let fence = progress::fence(transaction, &write.job).map_err(|error| classify(table_name(&write.table), error))?;
    if fence == Some(write.generation) {
        return Ok(());
    }
    Err(Error::Fenced { job: write.job.clone(), mine: write.generation })
}

/// The SQL name of the rowid of a table that can be written.
pub(super) fn writable_rowid(connection: &Connection, table: &TargetTable) -> Result<String> {
    match schema::address(connection, &table.name).map_err(|error| classify(table_name(table), error))? {
        Some(Address::RowId(rowid)) => Ok(rowid),
        Some(_) => Err(no_rowid(&table.name)),
        None => Err(Error::Missing { what: table_name(table) }),
    }
}

pub(super) fn table_name(table: &TargetTable) -> String {
    format!("table {}", quoted(&table.name))
}

/// Deletes the rows in `runs` and says how many there were.
fn delete_runs(
    transaction: &Transaction<'_>,
    table: &TargetTable,
    rowid: &str,
    runs: &[(i64, i64)],
) -> rusqlite::Result<u64> {
    let sql = format!("DELETE FROM main.{} WHERE {rowid} BETWEEN ?1 AND ?2", quoted(&table.name));
    let mut delete = transaction.prepare(&sql)?;
    let mut deleted = 0;
    for run in runs {
        deleted += delete.execute([run.0, run.1])? as u64;
    }
    Ok(deleted)
}

/// Inserts what arrives. Returns the announced count and what was inserted, or `None` if the sender went away.
fn insert_all(
    transaction: &Transaction<'_>,
    table: &TargetTable,
    commands: &mut mpsc::Receiver<Command>,
) -> Result<Option<(u64, Inserted)>> {
    let mut insert = Insert::prepare(transaction, table)?;
    while let Some(command) = commands.blocking_recv() {
        match command {
            Command::Rows(rows) => insert.rows(&rows)?,
            Command::Commit(expected) => return Ok(Some((expected, insert.inserted))),
        }
    }
    Ok(None)
}

/// A prepared INSERT and what went through it.
pub(super) struct Insert<'a> {
    statement: Statement<'a>,
    connection: &'a Connection,
    /// For each parameter the position of its field, and how it is bound.
    encoders: Vec<(usize, Encoder)>,
    table: &'a TargetTable,
    inserted: Inserted,
}

impl<'a> Insert<'a> {
    pub(super) fn prepare(connection: &'a Connection, table: &'a TargetTable) -> Result<Insert<'a>> {
        // SQLite computes generated columns, and takes no values for them.
        let written = || table.fields.iter().enumerate().filter(|(_, field)| field.traits.generation.is_none());
        let columns = written().map(|(_, field)| quoted(&field.name)).collect::<Vec<_>>().join(", ");
        let parameters = vec!["?"; written().count()].join(", ");
        // ABORT overrides a table's own ON CONFLICT, which could drop or replace rows.
        let sql = format!("INSERT OR ABORT INTO main.{}({columns}) VALUES ({parameters})", quoted(&table.name));
        let statement = connection.prepare(&sql).map_err(|error| classify(table_name(table), error))?;
        let key = |name: &String| table.primary_key.contains(name);
        let encoders = written().map(|(index, field)| (index, Encoder::new(field, key(&field.name)))).collect();
        Ok(Insert { statement, connection, encoders, table, inserted: Inserted::default() })
    }

    pub(super) fn rows(&mut self, rows: &RecordBatch) -> Result<()> {
        for row in 0..rows.num_rows() {
            self.row(rows, row)?;
        }
        Ok(())
    }

    fn row(&mut self, rows: &RecordBatch, row: usize) -> Result<()> {
        let refused = |column, why| Error::RefusedRow { what: table_name(self.table), column, why };
        let sql = |error| classify(table_name(self.table), error);
        for (parameter, (index, encoder)) in self.encoders.iter().enumerate() {
            let value = encoder
                .encode(rows.column(*index).as_ref(), row)
                .map_err(|reason| refused(Some(self.table.fields[*index].name.clone()), reason.to_string()))?;
            self.statement.raw_bind_parameter(parameter + 1, value).map_err(sql)?;
        }
        if self.statement.raw_execute().map_err(sql)? != 1 {
            return Err(refused(None, "a trigger kept it out".to_owned()));
        }
        self.inserted.add(self.connection.last_insert_rowid());
        Ok(())
    }
}

/// Rows inserted, and the rowids they got.
#[derive(Default)]
struct Inserted {
    rows: u64,
    runs: Vec<(i64, i64)>,
}

impl Inserted {
    fn add(&mut self, rowid: i64) {
        self.rows += 1;
        match self.runs.last_mut() {
            Some(run) if run.1.checked_add(1) == Some(rowid) => run.1 = rowid,
            _ => self.runs.push((rowid, rowid)),
        }
    }

    /// The runs, ascending and as few as there can be.
    fn runs(mut self) -> Vec<(i64, i64)> {
        self.runs.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(self.runs.len());
        for run in self.runs {
            match merged.last_mut() {
                Some(last) if last.1.checked_add(1) == Some(run.0) => last.1 = run.1,
                _ => merged.push(run),
            }
        }
        merged
    }
}
