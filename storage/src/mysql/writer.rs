//! Writes one split: fence check, progress record, rows and commit in one transaction.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use mysql_async::Value;
use mysql_async::prelude::Queryable;
use tokio::sync::OwnedSemaphorePermit;

use super::bookkeeping::{self, OBJECT};
use super::connection::{Pool, Session};
use super::failure::{has_code, is_lost};
use super::insert::Insert;
use super::relation::Relation;
use super::rowmark::{self, first_mark};
use super::{Mysql, table, triggers};
use crate::error::{Error, Result};
use crate::target::{Begin, Commit, Token, Write, Writer};

/// How often the fate of a commit is asked for after its connection broke, and how long between.
const SETTLE_ATTEMPTS_MAX: usize = 60;
const SETTLE_PAUSE: Duration = Duration::from_millis(500);
/// A key is there already.
const DUPLICATE: u16 = 1062;

/// A split's transaction in which rows can be written.
pub(super) struct Opened {
    pub session: Session,
    pub relation: Relation,
    /// What the split committed before, if its rows are still there.
    pub earlier: Option<Commit>,
    pub turn: OwnedSemaphorePermit,
}

impl Mysql {
    /// See [`crate::Target::begin`].
    pub(super) async fn begin_write(&self, write: Write) -> Result<Begin> {
        let Opened { mut session, relation, earlier, turn } = self.open_split(&write).await?;
        let first = match &earlier {
            None => first_mark(write.split)?,
            Some(earlier) if !write.replace => {
                let commit = earlier.clone();
                session.run(OBJECT, "ROLLBACK").await?;
                end_loading(session).await?;
                return Ok(Begin::Committed(commit));
            }
            Some(earlier) => make_room(&mut session, &relation, earlier).await?,
        };
        let insert = Insert::new(&session, &relation, &write.table, Some(first))?;
        let pool = self.pool.clone();
        Ok(Begin::Writer(Box::new(MysqlWriter { pool, session, insert, write, relation, first, _turn: turn })))
    }

    /// Begins a split's transaction, with fence check and progress record.
    pub(super) async fn open_split(&self, write: &Write) -> Result<Opened> {
        let writers = self.writers.clone();
        let turn = writers.acquire_owned().await.map_err(|error| Error::internal("writers", error))?;
        let mut session = self.session().await?;
        session.serve(&write.job, write.generation).await?;
        // Keys are loaded before the rows they refer to; they are checked when the foreign keys are added.
        session.run(OBJECT, "SET foreign_key_checks = 0").await?;
        session.run(OBJECT, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        session.run(OBJECT, "START TRANSACTION").await?;
        bookkeeping::check_fence(&mut session, &write.job, write.generation).await?;
        let relation = self.relation(&mut session, &write.table.name).await?;
        relation.must_hold_still()?;
        if !relation.marked {
            return Err(Error::Changed { what: format!("the column that marks rows of {}", relation.label()) });
        }
        let earlier = claim(&mut session, write).await?;
        Ok(Opened { session, relation, earlier, turn })
    }
}

/// Takes the rows of an earlier commit out, so that others can be written in their place; the first mark for those.
///
/// # Errors
/// `Changed` unless every row is still there.
pub(super) async fn make_room(session: &mut Session, relation: &Relation, earlier: &Commit) -> Result<u64> {
    triggers::refuse(session, relation, &["DELETE"], "replacing rows of").await?;
    let sql = format!("DELETE FROM {} WHERE {}", relation.clause(), rowmark::condition(earlier)?);
    let deleted = session.conn().query_drop(sql).await;
    deleted.map_err(|error| session.failure_of_rows(&relation.label(), error))?;
    match (&earlier.token, session.conn().affected_rows() == earlier.rows) {
        (Token::Mysql { end, .. }, true) => Ok(*end),
        _ => Err(Error::Changed { what: relation.label() }),
    }
}

/// Leaves the session as others expect it.
pub(super) async fn end_loading(mut session: Session) -> Result<()> {
    session.run(OBJECT, "SET foreign_key_checks = 1").await?;
    session.park();
    Ok(())
}

/// Inserts the split's progress record, or finds the commit that did. Waits for an attempt that is under way.
async fn claim(session: &mut Session, write: &Write) -> Result<Option<Commit>> {
    const INSERT: &str = "INSERT INTO sensei.progress (job, split, generation) VALUES (?, ?, ?)";
    let values = vec![write.job.as_str().into(), Value::UInt(write.split.0.into()), Value::UInt(write.generation)];
    match session.execute(INSERT, values).await {
        Ok(_) => return Ok(None),
        Err(error) if has_code(&error, &[DUPLICATE]) => {}
        Err(error) => return Err(session.failure(OBJECT, error)),
    }
    let found = bookkeeping::find(session, &write.job, write.split).await?;
    found.map(Some).ok_or_else(|| Error::Corrupt {
        what: OBJECT.to_owned(),
        why: format!("split {} of job {} has no commit", write.split.0, write.job),
    })
}

/// A transaction under way.
struct MysqlWriter {
    pool: Arc<Pool>,
    session: Session,
    insert: Insert,
    write: Write,
    relation: Relation,
    first: u64,
    _turn: OwnedSemaphorePermit,
}

impl MysqlWriter {
    /// Sends what is left and writes down how the rows are marked.
    async fn complete(&mut self, rows: u64) -> Result<Commit> {
        const RECORD: &str = "UPDATE sensei.progress SET generation = ?, row_count = ?, first_mark = ?, end_mark = ? \
            WHERE job = ? AND split = ?";
        self.insert.finish(&mut self.session).await?;
        let sent = self.insert.sent;
        if sent != rows {
            let why = format!("it took {sent} rows where {rows} were sent");
            return Err(Error::Refused { what: self.relation.label(), why });
        }
        let (first, end) = (self.first, self.first + rows);
        let mut values: Vec<Value> = [self.write.generation, rows, first, end].map(Value::UInt).into();
        values.extend([self.write.job.as_str().into(), Value::UInt(self.write.split.0.into())]);
        let recorded = self.session.execute(RECORD, values).await;
        recorded.map_err(|error| self.session.failure(OBJECT, error))?;
        Ok(Commit { rows, token: Token::Mysql { first, end } })
    }
}

#[async_trait]
impl Writer for MysqlWriter {
    async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.insert.push(&mut self.session, rows).await
    }

    async fn commit(mut self: Box<Self>, rows: u64) -> Result<Commit> {
        let commit = self.complete(rows).await?;
        let MysqlWriter { pool, mut session, write, _turn, .. } = *self;
        match session.conn().query_drop("COMMIT").await {
            Ok(()) => end_loading(session).await?,
            Err(error) if is_lost(&error) => {
                let lost = session.failure(&table(&write.table.name), error);
                // Its place in the pool must be free for the session that asks.
                drop(session);
                settle(&pool, &write, &commit, lost).await?;
            }
            Err(error) => return Err(session.failure_of_rows(&table(&write.table.name), error).of_all_rows()),
        }
        Ok(commit)
    }
}

/// Finds out what became of a commit whose answer was lost. The server may still be at it, or be starting up again: the
/// record is waited for as long as its transaction holds it.
async fn settle(pool: &Arc<Pool>, write: &Write, commit: &Commit, lost: Error) -> Result<()> {
    for _ in 0..SETTLE_ATTEMPTS_MAX {
        match outcome(pool, write).await {
            Ok(Some(found)) if found == *commit => return Ok(()),
            Ok(_) => return Err(lost),
            Err(Error::Unavailable { .. }) => tokio::time::sleep(SETTLE_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
    Err(lost)
}

async fn outcome(pool: &Arc<Pool>, write: &Write) -> Result<Option<Commit>> {
    let mut session = pool.session().await?;
    let found = bookkeeping::find(&mut session, &write.job, write.split).await?;
    session.park();
    Ok(found)
}
