//! Tries rows out: one transaction that is never committed, with a savepoint around each attempt. The connection stays on
//! one blocking thread for as long as it lives.

use arrow_array::RecordBatch;
use async_trait::async_trait;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::error::classify;
use super::progress;
use super::writer::{Insert, check_fence, make_room, table_name};
use crate::error::{Error, Result};
use crate::target::Write;
use crate::trial::Trial;

/// Rows to try out, and where the outcome goes.
type Attempt = (RecordBatch, oneshot::Sender<Result<()>>);

/// The sending half of a trial's transaction.
pub(super) struct SqliteTrial {
    attempts: mpsc::Sender<Attempt>,
    /// Ends with what ended the transaction. Taken once that has been told.
    task: Option<JoinHandle<Result<()>>>,
}

/// Begins a trial on `connection`, which is released when the trial is dropped.
pub(super) fn begin(connection: OwnedMutexGuard<Connection>, write: Write) -> Box<dyn Trial> {
    let (attempts, received) = mpsc::channel(1);
    let task = tokio::task::spawn_blocking(move || run(connection, &write, received));
    Box::new(SqliteTrial { attempts, task: Some(task) })
}

#[async_trait]
impl Trial for SqliteTrial {
    async fn attempt(&mut self, rows: &RecordBatch) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        // If the thread has ended already, its result says why.
        let _ = self.attempts.send((rows.clone(), answer)).await;
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.ending().await),
        }
    }
}

impl SqliteTrial {
    async fn ending(&mut self) -> Error {
        let early = || Error::internal("SQLite trial", "it ended early");
        match self.task.take() {
            Some(task) => match task.await {
                Ok(ended) => ended.err().unwrap_or_else(early),
                Err(panic) => Error::internal("SQLite trial", panic),
            },
            None => early(),
        }
    }
}

/// The thread's work: open the transaction, try out what arrives, roll back.
fn run(
    mut connection: OwnedMutexGuard<Connection>,
    write: &Write,
    mut attempts: mpsc::Receiver<Attempt>,
) -> Result<()> {
    let sql = |error| classify(table_name(&write.table), error);
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    check_fence(&transaction, write)?;
    if let Some(earlier) = progress::find(&transaction, &write.job, write.split).map_err(sql)? {
        make_room(&transaction, write, &earlier)?;
    }
    while let Some((rows, answer)) = attempts.blocking_recv() {
        match attempt(&mut transaction, write, &rows) {
            outcome @ (Ok(()) | Err(Error::RefusedRow { .. })) => {
                // Nobody waits only when the trial was given up.
                let _ = answer.send(outcome);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Inserts all of `rows` or none.
fn attempt(transaction: &mut Transaction<'_>, write: &Write, rows: &RecordBatch) -> Result<()> {
    let sql = |error| classify(table_name(&write.table), error);
    let savepoint = transaction.savepoint().map_err(sql)?;
    let outcome = Insert::prepare(&savepoint, &write.table).and_then(|mut insert| insert.rows(rows));
    if savepoint.is_autocommit() {
        let why = "a trigger rolls whole transactions back".to_owned();
        return Err(Error::Refused { what: table_name(&write.table), why });
    }
    match outcome {
        Ok(()) => savepoint.commit().map_err(sql),
        Err(error) => savepoint.finish().map_err(sql).and(Err(error)),
    }
}
