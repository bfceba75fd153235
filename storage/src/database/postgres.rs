//! Records on a PostgreSQL server, over at most two connections: one that writes, one that reads beside it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use tokio::sync::Mutex;
use tokio_postgres::types::ToSql;

use super::Turn;
use super::statement::{Dialect, Statement};
use super::value::{Row, Value};
use crate::error::{Error, Kind, Result};
use crate::postgres::address::Address;
use crate::postgres::connection::{Pool, Session, Tag};
use crate::postgres::failure::is_lost;

const DIALECT: Dialect = Dialect {
    sigil: '$',
    now_ms: "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)",
    bytes: "bytea",
};

/// Where the tables are.
const SCHEMA: &str = "public";
const OBJECT: &str = "Sensei's records";
/// One writes, one reads.
const CONNECTIONS_MAX: usize = 2;
/// How often a request is tried whose connection was lost before it could take effect; the pauses between begin with
/// the one below and double, three seconds in all.
const ATTEMPTS_MAX: u32 = 6;
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// One round trip, with whatever the server does meanwhile. A server that vanished without a word is noticed by this.
const STEP_TIME_MAX: Duration = Duration::from_secs(20);
/// The server gives up a transaction whose client falls silent, so that a process that was stopped holds no lock of the
/// one that takes over; and one that waits for another's lock. The second is below [`STEP_TIME_MAX`].
const BEGIN: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 4000; SET LOCAL lock_timeout = 10000";
/// Taken by whoever changes tables; the number is arbitrary and never changes.
const ALONE: &str = "SELECT pg_catalog.pg_advisory_xact_lock(7369846231)";
/// Parameters in one execution of a bulk statement; the protocol allows 65,535.
const BULK_VALUES_MAX: usize = 8_000;
/// Parameters under way before their answers are awaited.
const PIPELINE_VALUES_MAX: usize = 40_000;
/// Executions under way before their answers are awaited.
const PIPELINE_MAX: usize = 1_000;

/// A server.
pub(super) struct Postgres {
    pool: Arc<Pool>,
    /// Held by the one that writes, so that one connection is always left for reading.
    writing: Mutex<()>,
}

/// Why an attempt failed.
enum Fault {
    /// Nothing happened, and it may be tried again.
    Again(Error),
    /// It must not.
    Final(Error),
}

/// What the client library says.
type Answer<T> = std::result::Result<T, tokio_postgres::Error>;
type Attempt<T> = std::result::Result<T, Fault>;

impl Postgres {
    /// Names a server. Nothing is connected before it is needed.
    pub(super) fn open(url: &str) -> Result<Postgres> {
        let pool = Pool::new(Address::parse(url)?, SCHEMA, CONNECTIONS_MAX)?;
        Ok(Postgres { pool, writing: Mutex::new(()) })
    }

    /// The server for messages.
    pub(super) fn label(&self) -> &str {
        self.pool.label()
    }

    /// See [`super::Database::read`].
    pub(super) async fn read(&self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>> {
        insist(|| async {
            let session = self.session().await?;
            let answered = self.query(&session, sql, parameters).await;
            settle(session, answered).await
        })
        .await
    }

    /// See [`super::Database::write`].
    pub(super) async fn write(&self, statements: &[Statement], turn: Turn) -> Result<Vec<u64>> {
        let _writing = self.writing.lock().await;
        insist(|| async {
            let session = self.session().await?;
            let answered = self.transact(&session, statements, turn).await;
            settle(session, answered).await
        })
        .await
    }

    async fn session(&self) -> Attempt<Session> {
        let session = self.pool.session(Tag::FREE).await;
        session
            .map_err(|error| if error.kind() == Kind::Unavailable { Fault::Again(error) } else { Fault::Final(error) })
    }

    async fn query(&self, session: &Session, sql: &'static str, parameters: &[Value]) -> Attempt<Vec<Row>> {
        let statement = self.prepare(session, sql, 0, 0).await?;
        let found = self.step(session.query(&statement, &bound(parameters))).await?;
        let columns: Arc<[String]> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let row = |row: &tokio_postgres::Row| {
            let values = (0..columns.len()).map(|column| row.try_get::<_, Value>(column));
            values.collect::<Answer<Vec<_>>>().map(|values| Row::new(columns.clone(), values))
        };
        let rows: Answer<Vec<Row>> = found.iter().map(row).collect();
        rows.map_err(|error| Fault::Final(Error::internal(OBJECT, error)))
    }

    async fn transact(&self, session: &Session, statements: &[Statement], turn: Turn) -> Attempt<Vec<u64>> {
        self.step(session.batch_execute(BEGIN)).await?;
        if turn == Turn::Alone {
            self.step(session.batch_execute(ALONE)).await?;
        }
        let mut affected = Vec::with_capacity(statements.len());
        for statement in statements {
            let rows = self.execute(session, statement).await?;
            statement.check(rows).map_err(Fault::Final)?;
            affected.push(rows);
        }
        self.commit(session).await?;
        Ok(affected)
    }

    async fn execute(&self, session: &Session, statement: &Statement) -> Attempt<u64> {
        if statement.is_script {
            let text = DIALECT.translate(statement.sql, 0, 0);
            return self.step(session.batch_execute(&text)).await.map(|()| 0);
        }
        let width = statement.width().max(1);
        let rows = if statement.is_bulk() { (BULK_VALUES_MAX / width).max(1) } else { 1 };
        let at_once = (PIPELINE_VALUES_MAX / (rows * width)).clamp(1, PIPELINE_MAX);
        let executions: Vec<&[Value]> = statement.executions(rows).collect();
        let mut prepared = HashMap::new();
        let mut affected = 0;
        for window in executions.chunks(at_once) {
            for values in window {
                if let Entry::Vacant(slot) = prepared.entry(values.len()) {
                    slot.insert(self.prepare(session, statement.sql, statement.width(), values.len()).await?);
                }
            }
            affected += self.step(pipeline(session, window, &prepared)).await?;
        }
        Ok(affected)
    }

    /// A statement whose text is the same in every dialect is parsed once in a session.
    async fn prepare(
        &self,
        session: &Session,
        sql: &'static str,
        width: usize,
        parameters: usize,
    ) -> Attempt<tokio_postgres::Statement> {
        if !sql.contains('{') {
            return self.step(session.prepared(sql)).await;
        }
        self.step(session.prepare(&DIALECT.translate(sql, width, parameters))).await
    }

    /// Makes the transaction true. Whether it is, nobody knows if the answer is lost.
    async fn commit(&self, session: &Session) -> Attempt<()> {
        let why = match tokio::time::timeout(STEP_TIME_MAX, session.batch_execute("COMMIT")).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if !is_lost(&error) => return Err(Fault::Final(self.pool.failure(OBJECT, error))),
            Ok(Err(_)) => "the connection was lost",
            Err(_) => "there was no answer",
        };
        let why = format!("{why} during a commit, so that nobody knows whether it took place");
        Err(Fault::Final(Error::Unavailable { what: self.label().to_owned(), why, source: None }))
    }

    /// One exchange with the server, before anything takes effect.
    async fn step<T>(&self, exchange: impl Future<Output = Answer<T>>) -> Attempt<T> {
        match tokio::time::timeout(STEP_TIME_MAX, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            // The server ended a session that was silent for too long.
            Ok(Err(error)) if error.code().is_some_and(|state| state.code() == "25P03") => {
                let why = "this process fell silent in the middle of a transaction".to_owned();
                let source = Some(error.into());
                Err(Fault::Again(Error::Unavailable { what: self.label().to_owned(), why, source }))
            }
            Ok(Err(error)) if is_lost(&error) => Err(Fault::Again(self.pool.failure(OBJECT, error))),
            Ok(Err(error)) => Err(Fault::Final(self.pool.failure(OBJECT, error))),
            Err(_) => {
                let why = format!("no answer for {} seconds", STEP_TIME_MAX.as_secs());
                Err(Fault::Final(Error::Unavailable { what: self.label().to_owned(), why, source: None }))
            }
        }
    }
}

/// Sends all executions before it awaits the first answer. Returns the rows they affected.
async fn pipeline(
    session: &Session,
    window: &[&[Value]],
    prepared: &HashMap<usize, tokio_postgres::Statement>,
) -> Answer<u64> {
    let mut affected = 0;
    let mut waiting = Vec::with_capacity(window.len());
    for values in window {
        let mut execution = Box::pin(session.execute_raw(&prepared[&values.len()], *values));
        // The first look sends it, so that they arrive in order.
        match poll!(&mut execution) {
            Poll::Ready(rows) => affected += rows?,
            Poll::Pending => waiting.push(execution),
        }
    }
    for execution in waiting {
        affected += execution.await?;
    }
    Ok(affected)
}

/// Tries until it succeeds, must not be tried again, or was tried often enough.
async fn insist<T, F: Future<Output = Attempt<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    let mut pause = PAUSE_FIRST;
    for _ in 1..ATTEMPTS_MAX {
        match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(Fault::Final(error)) => return Err(error),
            Err(Fault::Again(error)) => tracing::debug!(%error, "tried again"),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    attempt().await.map_err(|(Fault::Again(error) | Fault::Final(error))| error)
}

/// Keeps a session in good order for the next request; dropping any other closes it, and the server rolls back.
async fn settle<T>(session: Session, answered: Attempt<T>) -> Attempt<T> {
    let in_order = match &answered {
        Ok(_) => true,
        Err(Fault::Again(_)) => false,
        Err(Fault::Final(error)) if error.kind() == Kind::Unavailable => false,
        Err(Fault::Final(_)) => {
            matches!(tokio::time::timeout(STEP_TIME_MAX, session.batch_execute("ROLLBACK")).await, Ok(Ok(())))
        }
    };
    if in_order {
        session.park(Tag::FREE);
    }
    answered
}

fn bound(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}
