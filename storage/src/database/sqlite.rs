//! Records in a SQLite file: one connection that writes, one that reads beside it (WAL).

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, TransactionBehavior, params_from_iter};

use super::statement::{Dialect, Statement};
use super::value::{Row, Value};
use crate::error::{Error, Result};
use crate::sqlite::error::classify;

const DIALECT: Dialect = Dialect { sigil: '?', now_ms: "CAST(unixepoch('subsec') * 1000 AS INTEGER)", bytes: "BLOB" };

/// How long a statement waits for another process's lock; longer than any transaction of ours should take.
const BUSY_TIME_MAX: Duration = Duration::from_secs(10);
/// Turning WAL on does not wait for locks by itself: so often it is tried, and so long waited between two times.
const WAL_ATTEMPTS_MAX: u32 = 100;
const WAL_PAUSE: Duration = Duration::from_millis(20);
/// The log is cut back to this after a large transaction.
const WAL_BYTES_MAX: i64 = 64 << 20;
/// Pages kept in memory by the writer, in KiB, where keys in random order revisit pages. A guess.
const CACHE_KIB: i64 = 16 << 10;
/// Parameters in one execution of a bulk statement; more made no difference.
const BULK_VALUES_MAX: usize = 500;

/// A database file.
pub(super) struct Sqlite {
    name: Arc<str>,
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
}

impl Sqlite {
    /// Opens the file, which is created if its folder exists.
    pub(super) fn open(path: &Path) -> Result<Sqlite> {
        let name: Arc<str> = format!("file \"{}\"", path.display()).into();
        let path = std::path::absolute(path).map_err(|error| Error::io(&*name, error))?;
        keep_private(&path).map_err(|error| Error::io(&*name, error))?;
        let connect = || connect(&path).map_err(|error| classify(&*name, error));
        let (writer, reader) = (connect()?, connect()?);
        reader.pragma_update(None, "query_only", true).map_err(|error| classify(&*name, error))?;
        Ok(Sqlite { writer: Arc::new(Mutex::new(writer)), reader: Arc::new(Mutex::new(reader)), name })
    }

    /// The file for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// See [`super::Database::read`].
    pub(super) async fn read(&self, sql: &'static str, parameters: Vec<Value>) -> Result<Vec<Row>> {
        let name = self.name.clone();
        on_its_thread(&self.reader, move |connection| {
            query(connection, sql, &parameters).map_err(|error| classify(&*name, error))
        })
        .await
    }

    /// See [`super::Database::write`].
    pub(super) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<u64>> {
        let name = self.name.clone();
        on_its_thread(&self.writer, move |connection| {
            let failed = |error| classify(&*name, error);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            let mut affected = Vec::with_capacity(statements.len());
            for statement in &statements {
                let rows = execute(&transaction, statement).map_err(failed)?;
                statement.check(rows)?;
                affected.push(rows);
            }
            transaction.commit().map_err(failed)?;
            Ok(affected)
        })
        .await
    }
}

/// Runs `work` where it may block.
async fn on_its_thread<T: Send + 'static>(
    connection: &Arc<Mutex<Connection>>,
    work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let connection = connection.clone();
    let worked = tokio::task::spawn_blocking(move || {
        // A transaction that panicked was rolled back when it was dropped.
        work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
    });
    worked.await.map_err(|error| Error::internal("the database's thread", error))?
}

fn keep_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    // Beside it SQLite makes its log with the mode of the file.
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIME_MAX)?;
    // A misspelt column must be an error, not a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    turn_wal_on(&connection)?;
    // Every commit is durable before it is reported.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    Ok(connection)
}

fn turn_wal_on(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempt = 1;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && attempt < WAL_ATTEMPTS_MAX => {
                attempt += 1;
                std::thread::sleep(WAL_PAUSE);
            }
            other => return other,
        }
    }
}

fn query(connection: &Connection, sql: &str, parameters: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare(&DIALECT.translate(sql, 0, 0))?;
    let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut found = statement.query(params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let values = (0..columns.len()).map(|column| Ok(value(row.get_ref(column)?)));
        rows.push(Row::new(columns.clone(), values.collect::<rusqlite::Result<_>>()?));
    }
    Ok(rows)
}

/// What is neither is told apart by the row's getters: only we write here, and never a fraction.
fn value(stored: ValueRef<'_>) -> Value {
    match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Text(number.to_string()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

fn execute(connection: &Connection, statement: &Statement) -> rusqlite::Result<u64> {
    let (sql, width) = (statement.sql, statement.width());
    if statement.is_script {
        return connection.execute_batch(&DIALECT.translate(sql, 0, 0)).map(|()| 0);
    }
    let rows = if statement.is_bulk() { (BULK_VALUES_MAX / width.max(1)).max(1) } else { 1 };
    let mut affected = 0;
    let mut prepared: Option<(usize, rusqlite::Statement<'_>)> = None;
    for values in statement.executions(rows) {
        // Only the last execution of a bulk statement is shorter than the others.
        let (_, query) = match &mut prepared {
            Some(fitting) if fitting.0 == values.len() => fitting,
            slot => {
                let query = connection.prepare(&DIALECT.translate(sql, width, values.len()))?;
                slot.insert((values.len(), query))
            }
        };
        affected += query.execute(params_from_iter(values))? as u64;
    }
    Ok(affected)
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
