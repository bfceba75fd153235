//! One exported snapshot and the sessions that read through it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::connection::{Pool, Session, Tag};
use super::longest;
use super::pieces;
use super::points;
use super::relation::Relation;
use super::scan::{After, Query};
use super::sql::{condition, literal};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::source::{Batches, Longest, Scan, Snapshot};
use crate::split::{Piece, Range, Sizing};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

fn import(exported: &str) -> String {
    format!("{BEGIN}; SET TRANSACTION SNAPSHOT {}", literal(exported))
}

/// A consistent view, alive as long as its coordinator's transaction.
pub(super) struct PostgresSnapshot {
    pool: Arc<Pool>,
    schema: String,
    coordinator: Session,
    exported: String,
    id: String,
    readers: Arc<Semaphore>,
    readers_idle: Arc<Idle>,
}

/// The snapshot's sessions that rest between scans. They end with the last of snapshot and scans.
struct Idle {
    pool: Arc<Pool>,
    tag: Tag,
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.pool.forget(self.tag);
    }
}

impl PostgresSnapshot {
    /// Begins and exports a snapshot for `readers` scans at once.
    pub(super) async fn open(pool: &Arc<Pool>, schema: &str, readers: usize) -> Result<PostgresSnapshot> {
        PostgresSnapshot::begin(pool, schema, readers, BEGIN).await
    }

    /// Joins the snapshot of another session, and exports it once more, so that it lives as long as either.
    pub(super) async fn join(pool: &Arc<Pool>, schema: &str, readers: usize, id: &str) -> Result<PostgresSnapshot> {
        let exported = id.split(' ').next().unwrap_or(id);
        let mut joined = PostgresSnapshot::begin(pool, schema, readers, &import(exported)).await?;
        let (visible, seen) = (id.split(' ').nth(1), joined.id.split(' ').nth(1));
        if visible != seen {
            return Err(Error::Changed { what: format!("snapshot {exported} of {}", pool.label()) });
        }
        joined.id = id.to_owned();
        Ok(joined)
    }

    async fn begin(pool: &Arc<Pool>, schema: &str, readers: usize, begin: &str) -> Result<PostgresSnapshot> {
        let coordinator = pool.session(Tag::FREE).await?;
        coordinator.run("a snapshot", begin).await?;
        let row = coordinator.query_one("SELECT pg_export_snapshot(), pg_current_snapshot()::text", &[]).await;
        let row = row.map_err(|error| coordinator.failure("a snapshot", error))?;
        let (exported, visible): (String, String) = (row.get(0), row.get(1));
        Ok(PostgresSnapshot {
            pool: pool.clone(),
            schema: schema.to_owned(),
            coordinator,
            id: format!("{exported} {visible}"),
            exported,
            readers: Arc::new(Semaphore::new(readers.max(1))),
            readers_idle: Arc::new(Idle { pool: pool.clone(), tag: pool.new_tag() }),
        })
    }

    /// A session inside the snapshot.
    async fn reader(&self) -> Result<Session> {
        let session = self.pool.session(self.readers_idle.tag).await?;
        if self.coordinator.is_closed() {
            return Err(self.lost("the session that holds it ended"));
        }
        if session.fresh {
            let imported = session.batch_execute(&import(&self.exported)).await;
            imported.map_err(|error| self.lost(&error.to_string()))?;
        }
        Ok(session)
    }

    async fn relation(&self, session: &Session, table: &str) -> Result<Relation> {
        let object = || format!("table \"{table}\"");
        let found = Relation::find(session, &self.schema, table).await;
        let found = found.map_err(|error| session.failure(&object(), error))?;
        found.ok_or_else(|| Error::Missing { what: object() })
    }

    fn lost(&self, why: &str) -> Error {
        let what = format!("snapshot {} of {}", self.exported, self.pool.label());
        Error::Unavailable { what, why: why.to_owned(), source: None }
    }
}

#[async_trait]
impl Snapshot for PostgresSnapshot {
    fn id(&self) -> String {
        self.id.clone()
    }

    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
        let session = self.reader().await?;
        let relation = self.relation(&session, &table.name).await?;
        let pieces = pieces::cut(&session, &relation, table, sizing).await?;
        session.park(self.readers_idle.tag);
        Ok(pieces)
    }

    async fn points(&self, table: &str, range: &Range, count: u32) -> Result<Vec<i64>> {
        let turn = self.readers.acquire().await.map_err(|error| Error::internal("snapshot readers", error))?;
        let session = self.reader().await?;
        let relation = self.relation(&session, table).await?;
        let points = points::points(&session, &relation, range, count).await?;
        session.park(self.readers_idle.tag);
        drop(turn);
        Ok(points)
    }

    async fn count(&self, table: &str) -> Result<Option<u64>> {
        let turn = self.readers.acquire().await.map_err(|error| Error::internal("snapshot readers", error))?;
        let session = self.reader().await?;
        let relation = self.relation(&session, table).await?;
        let rows = pieces::count(&session, &relation).await?;
        session.park(self.readers_idle.tag);
        drop(turn);
        Ok(Some(rows))
    }

    async fn sample(&self, table: &Table, rows: u64) -> Result<Vec<Range>> {
        let session = self.reader().await?;
        let relation = self.relation(&session, &table.name).await?;
        let ranges = pieces::sample(&session, &relation, table, rows).await?;
        session.park(self.readers_idle.tag);
        Ok(ranges)
    }

    async fn longest(&self, table: &str, columns: &[String]) -> Result<Option<Longest>> {
        let session = self.reader().await?;
        let relation = self.relation(&session, table).await?;
        let longest = longest::longest(&session, &relation, columns).await?;
        session.park(self.readers_idle.tag);
        Ok(longest)
    }

    async fn integer_bounds(&self, table: &str, column: &str) -> Result<Option<(i64, i64)>> {
        let session = self.reader().await?;
        let relation = self.relation(&session, table).await?;
        let bounds = pieces::integer_bounds(&session, &relation, column).await?;
        session.park(self.readers_idle.tag);
        Ok(bounds)
    }

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let readers = self.readers.clone();
        let turn = readers.acquire_owned().await.map_err(|error| Error::internal("snapshot readers", error))?;
        let session = self.reader().await?;
        let relation = self.relation(&session, &scan.table).await?;
        let query = Query::new(&relation, &scan)?;
        let text = query.text(condition(&relation, &scan.range)?.as_deref());
        let idle = self.readers_idle.clone();
        query.stream(session, &scan, &text, After::Park(idle.tag), (idle, turn)).await
    }
}
