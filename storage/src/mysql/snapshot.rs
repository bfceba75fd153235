//! One consistent view, held by several sessions that began together, and the scans that read through it.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use futures::future::try_join_all;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::{Pool, Session};
use super::failure::is_interrupted;
use super::locator::Locator;
use super::longest;
use super::pieces;
use super::relation::Relation;
use super::scan::{After, Query};
use super::sql::condition;
use super::standstill::{Position, Standstill};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::source::{Batches, Longest, Scan, Snapshot};
use crate::split::{Piece, Range, Sizing};

/// For messages.
const OBJECT: &str = "a snapshot";
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
/// A request to end a query may arrive when the query is over and then ends the next statement. One more is enough.
const RECOVERIES_MAX: usize = 3;

/// A consistent view, alive as long as its sessions' transactions.
pub(super) struct MysqlSnapshot {
    pool: Arc<Pool>,
    id: String,
    readers: Arc<Readers>,
}

/// The sessions of one snapshot. No other session can join it later, so none of them is ever given up while it works.
pub(super) struct Readers {
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Resting>>,
}

/// A session between two scans.
struct Resting {
    session: Session,
    /// Whether its last scan was dropped, so that its answer is still coming in.
    interrupted: bool,
}

impl Readers {
    /// Takes a session back.
    pub(super) fn give_back(&self, session: Session, interrupted: bool) {
        self.lock().push(Resting { session, interrupted });
    }

    fn take(&self) -> Option<Resting> {
        let mut idle = self.lock();
        idle.retain(|resting| !resting.session.is_closed());
        idle.pop()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Resting>> {
        self.idle.lock().expect("no holder of this lock can panic")
    }
}

impl MysqlSnapshot {
    /// Begins one view for up to `readers` scans at once. One session is left over for other requests; a single reader
    /// needs no standstill, since nobody else must see what it sees.
    pub(super) async fn open(pool: &Arc<Pool>, readers: usize) -> Result<MysqlSnapshot> {
        let count = readers.clamp(1, pool.connections_max() - 1);
        let mut sessions = try_join_all((0..count).map(|_| pool.session())).await?;
        for session in &mut sessions {
            session.run(OBJECT, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
        }
        let position = match count {
            1 => {
                sessions[0].run(OBJECT, BEGIN).await?;
                None
            }
            _ => begin_together(pool, &mut sessions).await?,
        };
        let id = name(&mut sessions[0], position).await?;
        let idle = sessions.into_iter().map(|session| Resting { session, interrupted: false }).collect();
        let readers = Readers { turns: Arc::new(Semaphore::new(count)), idle: Mutex::new(idle) };
        Ok(MysqlSnapshot { pool: pool.clone(), id, readers: Arc::new(readers) })
    }

    /// A session inside the snapshot. The caller has a turn.
    async fn reader(&self) -> Result<Session> {
        let lost = || self.lost("the sessions that held it ended");
        let Resting { mut session, interrupted } = self.readers.take().ok_or_else(lost)?;
        if interrupted {
            self.recover(&mut session).await?;
        }
        Ok(session)
    }

    /// Ends the query of a scan that nobody wants any more. The session stays in its transaction.
    async fn recover(&self, session: &mut Session) -> Result<()> {
        let mut other = self.pool.session().await?;
        other.run(OBJECT, &format!("KILL QUERY {}", session.id())).await?;
        other.park();
        for _ in 0..RECOVERIES_MAX {
            match mysql_async::prelude::Queryable::query_drop(session.conn(), "DO 0").await {
                Ok(()) => return Ok(()),
                Err(error) if is_interrupted(&error) => {}
                Err(error) => return Err(self.lost(&error.to_string())),
            }
        }
        Err(self.lost("a scan would not end"))
    }

    fn lost(&self, why: &str) -> Error {
        let what = format!("snapshot {} of {}", self.id, self.pool.label());
        Error::Unavailable { what, why: why.to_owned(), source: None }
    }
}

/// Begins all transactions while nobody writes.
async fn begin_together(pool: &Arc<Pool>, sessions: &mut [Session]) -> Result<Option<Position>> {
    let standstill = Standstill::begin(pool, sessions.len()).await?;
    let begun = try_join_all(sessions.iter_mut().map(|session| session.run(OBJECT, BEGIN))).await;
    // Whatever happened, others may write again first.
    let position = standstill.end().await;
    begun?;
    position
}

/// What the certificate calls the view: when it was taken, and where the server's log stood, if that is known.
async fn name(session: &mut Session, position: Option<Position>) -> Result<String> {
    use super::answer::Answer;
    let sql = "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ'), CONNECTION_ID()";
    let row = session.first(OBJECT, sql).await?;
    let row = row.ok_or_else(|| Error::internal(OBJECT, "the server did not tell the time"))?;
    let at = format!("{} {} session {}", session.server.flavor, row.words(0), row.words(1));
    Ok(match position {
        Some(position) => format!("{at} {position}"),
        None => at,
    })
}

#[async_trait]
impl Snapshot for MysqlSnapshot {
    fn id(&self) -> String {
        self.id.clone()
    }

    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
        let Held { mut session, relation, _turn } = self.held(&table.name).await?;
        let pieces = pieces::cut(&mut session, &relation, sizing).await;
        self.readers.give_back(session, false);
        pieces
    }

    async fn count(&self, table: &str) -> Result<Option<u64>> {
        let Held { mut session, relation, _turn } = self.held(table).await?;
        let rows = pieces::count(&mut session, &relation).await;
        self.readers.give_back(session, false);
        rows.map(Some)
    }

    async fn sample(&self, table: &Table, rows: u64) -> Result<Vec<Range>> {
        let Held { mut session, relation, _turn } = self.held(&table.name).await?;
        let ranges = pieces::sample(&mut session, &relation, rows).await;
        self.readers.give_back(session, false);
        ranges
    }

    async fn longest(&self, table: &str, columns: &[String]) -> Result<Option<Longest>> {
        let Held { mut session, relation, _turn } = self.held(table).await?;
        let longest = longest::longest(&mut session, &relation, columns).await;
        self.readers.give_back(session, false);
        longest
    }

    async fn integer_bounds(&self, table: &str, column: &str) -> Result<Option<(i64, i64)>> {
        let Held { mut session, relation, _turn } = self.held(table).await?;
        let bounds = pieces::bounds(&mut session, &relation, column).await;
        self.readers.give_back(session, false);
        let narrow = |(least, most): (i128, i128)| Some((i64::try_from(least).ok()?, i64::try_from(most).ok()?));
        Ok(bounds?.and_then(narrow))
    }

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let turns = self.readers.turns.clone();
        let turn = turns.acquire_owned().await.map_err(|error| Error::internal("snapshot readers", error))?;
        let mut session = self.reader().await?;
        match self.prepare(&mut session, &scan).await {
            Ok((query, text)) => query.stream(session, &scan, &text, After::Return(self.readers.clone()), turn).await,
            Err(error) => {
                self.readers.give_back(session, false);
                Err(error)
            }
        }
    }
}

/// A session of the snapshot for one request that is no scan, and the table it is about.
struct Held<'a> {
    session: Session,
    relation: Relation,
    _turn: SemaphorePermit<'a>,
}

impl MysqlSnapshot {
    async fn held(&self, table: &str) -> Result<Held<'_>> {
        let turn = self.readers.turns.acquire().await.map_err(|error| Error::internal("snapshot readers", error))?;
        let mut session = self.reader().await?;
        match Relation::of(&mut session, self.pool.database(), table).await {
            Ok(relation) => Ok(Held { session, relation, _turn: turn }),
            Err(error) => {
                self.readers.give_back(session, false);
                Err(error)
            }
        }
    }

    async fn prepare(&self, session: &mut Session, scan: &Scan) -> Result<(Query, String)> {
        let relation = Relation::of(session, self.pool.database(), &scan.table).await?;
        relation.must_hold_still()?;
        let locator = if scan.locator { Some(Locator::of(session, &relation).await?) } else { None };
        let query = Query::new(&relation, scan, locator.as_ref(), "")?;
        let text = query.text(condition(&relation, &scan.range)?.as_deref());
        Ok((query, text))
    }
}
