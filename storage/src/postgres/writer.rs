//! Writes one split: fence check, progress record, rows and commit in one transaction.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{BinaryArray, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use futures::SinkExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::{CopyInSink, Row};

use super::bookkeeping::{self, OBJECT, signed};
use super::connection::{Pool, Session, Tag};
use super::copy::{Layout, RowEncoder, start_tuple};
use super::failure::is_lost;
use super::mend::{Silence, must_be_silent, silence, unsilence};
use super::relation::Relation;
use super::sql::{blocks, literal};
use super::{Postgres, table};
use crate::error::{Error, Result};
use crate::packed;
use crate::target::{Begin, Commit, Token, Write, Writer};

/// Bytes per message to the server: large enough that messages cost nothing, small enough to stay in the processor's cache.
const CHUNK_BYTES: usize = 64 << 10;
/// Room for a chunk and the row that completes it.
const BUFFER_BYTES: usize = CHUNK_BYTES + (CHUNK_BYTES >> 2);
/// How often the fate of a commit is asked for after its connection broke, and how long between.
const SETTLE_ATTEMPTS_MAX: usize = 60;
const SETTLE_PAUSE: Duration = Duration::from_millis(500);

impl Postgres {
    /// See [`crate::Target::begin`].
    pub(super) async fn begin_write(&self, write: Write) -> Result<Begin> {
        let writers = self.writers.clone();
        let turn = writers.acquire_owned().await.map_err(|error| Error::internal("writers", error))?;
        let session = self.session().await?;
        if write.evict {
            bookkeeping::evict(&session, &write.job, write.split).await?;
        }
        let name = literal(&bookkeeping::writer_name(&write.job, write.split, write.generation));
        session.run(OBJECT, &format!("SET application_name = {name}; BEGIN ISOLATION LEVEL READ COMMITTED")).await?;
        bookkeeping::check_fence(&session, &write.job, write.generation).await?;
        let relation = self.relation(&session, &write.table.name).await?;
        if let Some(earlier) = claim(&session, &write).await? {
            if !write.replace {
                session.run(OBJECT, "ROLLBACK; SET application_name = 'sensei'").await?;
                session.park(Tag::FREE);
                return Ok(Begin::Committed(earlier));
            }
            make_room(&session, &relation, &earlier).await?;
        }
        let writer = PostgresWriter::open(self.pool.clone(), session, relation, write, turn).await?;
        Ok(Begin::Writer(Box::new(writer)))
    }
}

/// Takes the rows of an earlier commit out, so that others can be written in their place.
pub(super) async fn make_room(session: &Session, relation: &Relation, earlier: &Commit) -> Result<()> {
    let silent = must_be_silent(session, relation).await?;
    if silent != Silence::Never {
        silence(session, relation).await?;
    }
    if earlier.rows > 0 {
        delete(session, relation, earlier).await?;
    }
    match silent {
        Silence::Deleting => unsilence(session, relation).await,
        Silence::Never | Silence::Throughout => Ok(()),
    }
}

/// Inserts the split's progress record, or finds the commit that did. Waits for an attempt that is under way.
pub(super) async fn claim(session: &Session, write: &Write) -> Result<Option<Commit>> {
    const INSERT: &str =
        "INSERT INTO sensei.progress (job, split, generation) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    const FIND: &str = "SELECT rows, xid, first_block, end_block FROM sensei.progress WHERE job = $1 AND split = $2";
    let failure = |error| session.failure(OBJECT, error);
    let (split, generation) = (write.split.0 as i32, signed(write.generation)?);
    if session.execute(INSERT, &[&write.job, &split, &generation]).await.map_err(failure)? == 1 {
        return Ok(None);
    }
    let row = session.query_one(FIND, &[&write.job, &split]).await.map_err(failure)?;
    committed(&row).map(Some).ok_or_else(|| Error::Corrupt {
        what: OBJECT.to_owned(),
        why: format!("split {} of job {} has no commit", write.split.0, write.job),
    })
}

fn committed(row: &Row) -> Option<Commit> {
    let number = |index| row.get::<_, Option<i64>>(index).and_then(|number| u64::try_from(number).ok());
    let xid = u32::try_from(number(1)?).ok()?;
    let token = Token::Postgresql { xid, first_block: number(2)?, end_block: number(3)? };
    Some(Commit { rows: number(0)?, token })
}

/// Deletes the rows of an earlier commit: those where they should be, then any that are elsewhere.
///
/// # Errors
/// `Changed` unless every row is still as it was committed: one that is not would stay beside its replacement.
async fn delete(session: &Session, relation: &Relation, commit: &Commit) -> Result<()> {
    let mut deleted = 0;
    for condition in of_commit(relation, commit)? {
        if deleted < commit.rows {
            let sql = format!("DELETE FROM {} WHERE {condition}", relation.rows_clause());
            let count = session.execute(&sql, &[]).await;
            deleted += count.map_err(|error| session.failure(&relation.label(), error))?;
        }
    }
    match deleted == commit.rows {
        true => Ok(()),
        false => Err(Error::Changed { what: relation.label() }),
    }
}

/// Blocks below the hint that are looked through first when rows are wanting there: more than a server adds to a table at
/// once for several writers, who then fill what others left.
const BLOCKS_BELOW: u64 = 1024;
/// By how much each next look is larger, so that few looks reach the first block and near rows cost little.
const BLOCKS_BELOW_GROWTH: u64 = 4;

/// The conditions that find a commit's rows, to be tried in turn until all are found; together they are the whole table.
/// First where the hint says, then further and further below it, since a writer also fills room that was left in earlier
/// blocks, then above. Partitions have blocks of their own, so there the hint is not used.
pub(super) fn of_commit(relation: &Relation, commit: &Commit) -> Result<Vec<String>> {
    let Token::Postgresql { xid, first_block, end_block } = commit.token else {
        return Err(foreign_token());
    };
    let wrote = format!("xmin = '{xid}'::xid");
    if relation.partitioned {
        return Ok(vec![wrote]);
    }
    let mut ranges = vec![(first_block, Some(end_block))];
    let (mut below, mut count) = (first_block, BLOCKS_BELOW);
    while below > 0 {
        let start = below.saturating_sub(count);
        ranges.push((start, Some(below)));
        (below, count) = (start, count * BLOCKS_BELOW_GROWTH);
    }
    ranges.push((end_block, None));
    Ok(ranges.into_iter().map(|(start, end)| format!("{wrote} AND {}", blocks(start, end))).collect())
}

/// `xmin` of a commit's rows.
pub(super) fn writing_transaction(commit: &Commit) -> Result<u32> {
    match commit.token {
        Token::Postgresql { xid, .. } => Ok(xid),
        _ => Err(foreign_token()),
    }
}

fn foreign_token() -> Error {
    Error::internal("a commit's token", "it is another system's")
}

/// A transaction with a COPY under way.
struct PostgresWriter {
    pool: Arc<Pool>,
    session: Session,
    copy: Pin<Box<CopyInSink<Bytes>>>,
    buffer: Vec<u8>,
    write: Write,
    relation: Relation,
    layout: Arc<Layout>,
    blocks_before: u64,
    _turn: OwnedSemaphorePermit,
}

impl PostgresWriter {
    async fn open(
        pool: Arc<Pool>,
        session: Session,
        relation: Relation,
        write: Write,
        turn: OwnedSemaphorePermit,
    ) -> Result<PostgresWriter> {
        let layout = Arc::new(Layout::new(&relation, &write.table.fields)?);
        let blocks_before = block_count(&session, &relation).await?;
        let copy = layout.copy_in(&session, &relation, &write.table).await?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        layout.put_header(&mut buffer);
        Ok(PostgresWriter { pool, session, copy, buffer, write, relation, layout, blocks_before, _turn: turn })
    }

    async fn send(&mut self) -> Result<()> {
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(BUFFER_BYTES));
        self.copy.send(chunk.into()).await.map_err(|error| self.session.failure(&self.relation.label(), error))
    }

    /// Writes a row whose values may be too large to be held twice.
    async fn write_in_pieces(&mut self, encoder: &RowEncoder<'_>, row: usize) -> Result<()> {
        encoder.start_row(&mut self.buffer);
        for column in 0..encoder.column_count() {
            let rest = encoder.put_cell(row, column, &mut self.buffer)?;
            for piece in rest.pieces() {
                self.send().await?;
                rest.put(piece, &mut self.buffer);
            }
        }
        encoder.end_row(&mut self.buffer);
        Ok(())
    }

    /// Writes rows as another server sent them.
    async fn write_tuples(&mut self, tuples: &BinaryArray) -> Result<()> {
        if !self.layout.takes_tuples() {
            return Err(Error::internal("COPY encoding", "tuples came for a table that takes none"));
        }
        let column_count = self.layout.column_count();
        for tuple in tuples.iter().flatten() {
            start_tuple(column_count, &mut self.buffer);
            for piece in tuple.chunks(CHUNK_BYTES) {
                self.buffer.extend_from_slice(piece);
                if self.buffer.len() >= CHUNK_BYTES {
                    self.send().await?;
                }
            }
        }
        Ok(())
    }

    /// Ends the COPY and writes down where the rows are. Returns the full transaction id with the commit.
    async fn complete(&mut self, rows: u64) -> Result<(String, Commit)> {
        const RECORD: &str = "UPDATE sensei.progress SET generation = $3, rows = $4, xid = $5, first_block = $6, \
            end_block = $7 WHERE job = $1 AND split = $2";
        self.layout.put_trailer(&mut self.buffer);
        self.send().await?;
        let copied = self.copy.as_mut().finish().await;
        let copied = copied.map_err(|error| self.session.failure(&self.relation.label(), error))?;
        if copied != rows {
            return Err(kept_out(&self.relation, copied, rows));
        }
        let failure = |error| self.session.failure(OBJECT, error);
        let sql = "SELECT pg_current_xact_id()::text, pg_current_xact_id()::xid::text::int8";
        let row = self.session.query_one(sql, &[]).await.map_err(failure)?;
        let (xact, xid): (String, i64) = (row.get(0), row.get(1));
        // The first new row may have gone to the last block that was there.
        let first_block = self.blocks_before.saturating_sub(1);
        let end_block = block_count(&self.session, &self.relation).await?;
        let (split, generation) = (self.write.split.0 as i32, signed(self.write.generation)?);
        let numbers = [signed(rows)?, xid, signed(first_block)?, signed(end_block)?];
        let [rows_stored, xid_stored, first_stored, end_stored] = &numbers;
        let job = &self.write.job;
        self.session
            .execute(RECORD, &[job, &split, &generation, rows_stored, xid_stored, first_stored, end_stored])
            .await
            .map_err(failure)?;
        let xid = u32::try_from(xid).map_err(|error| Error::internal("a transaction id", error))?;
        Ok((xact, Commit { rows, token: Token::Postgresql { xid, first_block, end_block } }))
    }
}

/// Not as many rows arrived as were sent, without an error.
pub(super) fn kept_out(relation: &Relation, copied: u64, rows: u64) -> Error {
    let (what, column) = (relation.label(), None);
    match rows {
        1 if copied == 0 => Error::RefusedRow { what, column, why: "a trigger or rule kept it out".to_owned() },
        _ if copied < rows => {
            let why = format!("it took {copied} of {rows} rows; a trigger or rule may have kept the others");
            Error::RefusedRow { what, column, why }
        }
        _ => Error::Refused { what, why: format!("it took {copied} rows where {rows} were sent") },
    }
}

async fn block_count(session: &Session, relation: &Relation) -> Result<u64> {
    const SQL: &str = "SELECT pg_relation_size($1::oid::regclass) / current_setting('block_size')::int8";
    let row = session.query_one(SQL, &[&relation.oid]).await;
    let row = row.map_err(|error| session.failure(&relation.label(), error))?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

#[async_trait]
impl Writer for PostgresWriter {
    fn takes_tuples(&self) -> bool {
        self.layout.takes_tuples()
    }

    async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if let Some(tuples) = packed::tuples(rows) {
            return self.write_tuples(tuples).await;
        }
        let (table, layout) = (self.write.table.clone(), self.layout.clone());
        let encoder = layout.encoder(&table, rows)?;
        let has_large = encoder.has_large();
        for row in 0..rows.num_rows() {
            match has_large {
                true => self.write_in_pieces(&encoder, row).await?,
                false => encoder.put_row(row, &mut self.buffer)?,
            }
            if self.buffer.len() >= CHUNK_BYTES {
                self.send().await?;
            }
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>, rows: u64) -> Result<Commit> {
        let (xact, commit) = self.complete(rows).await?;
        let PostgresWriter { pool, session, write, _turn, .. } = *self;
        match session.batch_execute("COMMIT; SET application_name = 'sensei'").await {
            Ok(()) => session.park(Tag::FREE),
            Err(error) if is_lost(&error) => {
                let lost = session.failure(&table(&write.table.name), error);
                // Its place in the pool must be free for the session that asks.
                drop(session);
                settle(&pool, &write, &xact, &commit, lost).await?;
            }
            // Deferred constraints are checked here, and cannot be laid to a row.
            Err(error) => return Err(session.failure(&table(&write.table.name), error).of_all_rows()),
        }
        Ok(commit)
    }
}

/// Finds out what became of a commit whose answer was lost. The server may still be at it, or be starting up again.
async fn settle(pool: &Arc<Pool>, write: &Write, xact: &str, commit: &Commit, lost: Error) -> Result<()> {
    for _ in 0..SETTLE_ATTEMPTS_MAX {
        match outcome(pool, write, xact, commit).await {
            Ok(Some(true)) => return Ok(()),
            Ok(Some(false)) => return Err(lost),
            Ok(None) | Err(Error::Unavailable { .. }) => tokio::time::sleep(SETTLE_PAUSE).await,
            Err(error) => return Err(error),
        }
    }
    Err(lost)
}

/// Whether the progress record of this very transaction is there; `None` while the transaction is still open.
async fn outcome(pool: &Arc<Pool>, write: &Write, xact: &str, commit: &Commit) -> Result<Option<bool>> {
    const STATUS: &str = "SELECT pg_xact_status($1::text::xid8) = 'in progress'";
    const RECORD: &str = "SELECT rows, xid, first_block, end_block FROM sensei.progress WHERE job = $1 AND split = $2";
    let session = pool.session(Tag::FREE).await?;
    let failure = |error| session.failure(OBJECT, error);
    let open: Option<bool> = session.query_one(STATUS, &[&xact]).await.map_err(failure)?.get(0);
    if open == Some(true) {
        return Ok(None);
    }
    let row = session.query_opt(RECORD, &[&write.job, &(write.split.0 as i32)]).await.map_err(failure)?;
    session.park(Tag::FREE);
    Ok(Some(row.and_then(|row| committed(&row)).is_some_and(|found| found == *commit)))
}
