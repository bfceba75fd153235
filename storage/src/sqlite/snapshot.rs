//! One consistent view of a database file, shared by several connections that each hold a read transaction.

use std::fs;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, TransactionState};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect::{Access, File, journal_mode};
use super::error::classify;
use super::scan::{self, Rows};
use super::{blocking, longest, pieces, sizes};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::source::{Batches, Longest, Scan, Snapshot};
use crate::split::{Piece, Range, Sizing};

/// Where the file's change counter stands. SQLite manual, "Database File Format", 1.3.
const CHANGE_COUNTER: std::ops::Range<usize> = 24..28;

/// A read transaction on every connection of a pool, all begun while nobody could commit.
pub(super) struct SqliteSnapshot {
    id: String,
    readers: Arc<Readers>,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// A connection on loan; goes back to its pool when dropped.
struct Reader {
    connection: Option<Connection>,
    readers: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl SqliteSnapshot {
    /// Begins up to `count` read transactions on the same state of the file. Blocks.
    ///
    /// In WAL mode commits do not wait for readers, so they are held off while the transactions begin; where that is
    /// not allowed (a read-only file) or not possible, one reader has the view to itself. Otherwise the first reader's
    /// shared lock itself keeps every commit out for as long as the view is open.
    pub(super) fn open(file: &File, count: usize) -> Result<SqliteSnapshot> {
        let sql = |error| classify(file.name(), error);
        let first = file.connect_or_empty()?;
        let count = if file.path().exists() { count } else { 1 };
        let shared_log = journal_mode(&first).map_err(sql)? == "wal";
        let gate = if shared_log && count > 1 { hold_commits(file) } else { None };
        begin(&first).map_err(sql)?;
        let mut connections = vec![first];
        if !shared_log || gate.is_some() {
            connections.extend((1..count).map_while(|_| another(file)));
        }
        drop(gate);
        let id = identity(file, &connections[0])?;
        let permits = Arc::new(Semaphore::new(connections.len()));
        Ok(SqliteSnapshot { id, readers: Arc::new(Readers { idle: Mutex::new(connections), permits }) })
    }
}

/// A connection with the write lock, which goes when it is dropped; `None` if it cannot be had.
fn hold_commits(file: &File) -> Option<Connection> {
    let gate = file.connect(Access::Write).ok()?;
    gate.execute_batch("BEGIN IMMEDIATE").ok()?;
    Some(gate)
}

/// One more reader of the same state; `None` if a writer is waiting and lets no new reader in.
fn another(file: &File) -> Option<Connection> {
    let connection = file.connect(Access::Read).ok()?;
    begin(&connection).ok()?;
    Some(connection)
}

/// Begins a transaction and, by reading, fixes what it sees.
fn begin(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN")?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
    debug_assert_eq!(connection.transaction_state(None::<&str>)?, TransactionState::Read);
    Ok(())
}

/// Names the state by what changes with every commit: schema version, size in pages, change counter, log length.
fn identity(file: &File, connection: &Connection) -> Result<String> {
    if !file.path().exists() {
        return Ok("sqlite:absent".to_owned());
    }
    let io = |error| Error::io(file.name(), error);
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pragma = |name: &str| pragma(name).map_err(|error| classify(file.name(), error));
    let (schema, pages) = (pragma("schema_version")?, pragma("page_count")?);
    let mut header = [0; CHANGE_COUNTER.end];
    let read = fs::File::open(file.path()).and_then(|mut file| file.read(&mut header)).map_err(io)?;
    let counter = header[CHANGE_COUNTER].iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    let changes = if read == header.len() { counter } else { 0 };
    let mut log = file.path().as_os_str().to_owned();
    log.push("-wal");
    let log_bytes = fs::metadata(log).map_or(0, |log| log.len());
    Ok(format!("sqlite:schema={schema},pages={pages},changes={changes},log={log_bytes}"))
}

impl Readers {
    async fn take(self: &Arc<Self>) -> Result<Reader> {
        let closed = |error| Error::internal("SQLite snapshot", error);
        let permit = self.permits.clone().acquire_owned().await.map_err(closed)?;
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Reader { connection, readers: self.clone(), _permit: permit })
    }
}

impl Reader {
    fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().ok_or_else(|| Error::internal("SQLite snapshot", "more permits than connections"))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Back in the pool before the permit is, which drops after this.
        let mut idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    fn id(&self) -> String {
        self.id.clone()
    }

    async fn pieces(&self, table: &Table, sizing: Sizing) -> Result<Vec<Piece>> {
        let reader = self.readers.take().await?;
        let what = format!("table \"{}\"", table.name);
        let name = table.name.clone();
        blocking(move || match pieces::pieces(reader.connection()?, &name, sizing) {
            Ok(Some(pieces)) => Ok(pieces),
            Ok(None) => Err(Error::Missing { what }),
            Err(error) => Err(classify(what, error)),
        })
        .await
    }

    async fn count(&self, table: &str) -> Result<Option<u64>> {
        let reader = self.readers.take().await?;
        let table = table.to_owned();
        blocking(move || {
            let rows = sizes::count_leaves(reader.connection()?, &table);
            rows.map(Some).map_err(|error| classify(format!("table \"{table}\""), error))
        })
        .await
    }

    async fn sample(&self, table: &Table, rows: u64) -> Result<Vec<Range>> {
        let reader = self.readers.take().await?;
        let table = table.clone();
        blocking(move || {
            let sampled = pieces::sample(reader.connection()?, &table, rows);
            sampled.map_err(|error| classify(format!("table \"{}\"", table.name), error))
        })
        .await
    }

    async fn longest(&self, table: &str, columns: &[String]) -> Result<Option<Longest>> {
        let reader = self.readers.take().await?;
        let (table, columns) = (table.to_owned(), columns.to_owned());
        blocking(move || {
            let longest = longest::longest(reader.connection()?, &table, &columns);
            longest.map_err(|error| classify(format!("table \"{table}\""), error))
        })
        .await
    }

    async fn integer_bounds(&self, table: &str, column: &str) -> Result<Option<(i64, i64)>> {
        let reader = self.readers.take().await?;
        let (table, column) = (table.to_owned(), column.to_owned());
        blocking(move || {
            let bounds = pieces::integer_bounds(reader.connection()?, &table, &column);
            bounds.map_err(|error| classify(format!("table \"{table}\""), error))
        })
        .await
    }

    async fn scan(&self, scan: Scan) -> Result<Batches> {
        let reader = self.readers.take().await?;
        Ok(scan::stream(move |emit| scan::run(reader.connection()?, &scan, Rows::Range(&scan.range), emit)))
    }
}
