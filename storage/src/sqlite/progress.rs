//! What Sensei keeps in a target file while a job runs: who may write, and which splits are committed. Both tables go
//! when no job needs them any more.

use rusqlite::{Connection, OptionalExtension, params};

use super::connect::journal_mode;
use super::error::classify;
use crate::error::{Error, Result};
use crate::evidence::sha256_hex;
use crate::split::SplitId;
use crate::target::{Commit, Token};

/// Names of the tables; no catalog lists them.
pub(super) const TABLES: [&str; 2] = ["sensei_fence", "sensei_progress"];

/// For messages.
const OBJECT: &str = "the progress records in table \"sensei_progress\"";

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS main.sensei_fence(
        job TEXT PRIMARY KEY, generation INTEGER NOT NULL, journal_mode TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS main.sensei_progress(
        job TEXT NOT NULL, split INTEGER NOT NULL, target TEXT NOT NULL, rows INTEGER NOT NULL, rowids TEXT NOT NULL,
        PRIMARY KEY(job, split)) WITHOUT ROWID;";

type SqlResult<T> = rusqlite::Result<T>;

/// One committed split and where its rows are.
pub(super) struct Record {
    pub(super) commit: Commit,
    rowids: String,
}

impl Record {
    fn new(job: &str, split: SplitId, rows: u64, rowids: String) -> Record {
        let rowids_sha256 = sha256_hex(rowids.as_bytes());
        let token = Token::Sqlite { job: job.to_owned(), split: split.0, rowids_sha256 };
        Record { commit: Commit { rows, token }, rowids }
    }

    /// Inclusive runs of rowids, ascending.
    ///
    /// # Errors
    /// `Corrupt` if the record does not hold such a list.
    pub(super) fn runs(&self) -> Result<Vec<(i64, i64)>> {
        serde_json::from_str(&self.rowids)
            .map_err(|_| Error::Corrupt { what: OBJECT.to_owned(), why: "a list of rowids cannot be read".to_owned() })
    }
}

/// The runs of rowids that `commit` wrote.
///
/// # Errors
/// `Missing` if its record is gone, `Corrupt` if the record is another one, `Internal` for another system's commit.
pub(super) fn runs(connection: &Connection, commit: &Commit) -> Result<Vec<(i64, i64)>> {
    let Token::Sqlite { job, split, .. } = &commit.token else {
        return Err(Error::internal("a commit's token", "it is another system's"));
    };
    let record = find(connection, job, SplitId(*split)).map_err(|error| classify(OBJECT, error))?;
    let record = record.ok_or_else(|| Error::Missing { what: format!("the record of split {split} of job {job}") })?;
    if record.commit != *commit {
        let why = format!("split {split} of job {job} is not as it was committed");
        return Err(Error::Corrupt { what: OBJECT.to_owned(), why });
    }
    record.runs()
}

/// Makes the tables and this job's record, and puts the file in WAL mode so that it can be read back while it is
/// written. The mode it had is remembered for [`leave`].
pub(super) fn enter(connection: &mut Connection, job: &str) -> SqlResult<()> {
    let mode = journal_mode(connection)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    transaction.execute_batch(CREATE)?;
    transaction.execute("INSERT OR IGNORE INTO main.sensei_fence VALUES (?1, 0, ?2)", params![job, mode])?;
    transaction.commit()?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
}

/// Drops this job's records, and the tables with the last job's. Returns the journal mode to go back to, or `None` if
/// the job had left already.
pub(super) fn leave(connection: &mut Connection, job: &str) -> SqlResult<Option<String>> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if !exists(&transaction)? {
        return Ok(None);
    }
    let mode = transaction
        .query_row("DELETE FROM main.sensei_fence WHERE job = ?1 RETURNING journal_mode", [job], |row| row.get(0))
        .optional()?;
    transaction.execute("DELETE FROM main.sensei_progress WHERE job = ?1", [job])?;
    if !transaction.query_row("SELECT EXISTS (SELECT 1 FROM main.sensei_fence)", (), |row| row.get(0))? {
        transaction.execute_batch("DROP TABLE main.sensei_fence; DROP TABLE main.sensei_progress")?;
    }
    transaction.commit()?;
    Ok(mode)
}

/// Raises the fence to `generation` unless it stands higher; returns where it stands.
pub(super) fn raise(connection: &Connection, job: &str, generation: u64) -> SqlResult<u64> {
    connection.query_row(
        "UPDATE main.sensei_fence SET generation = max(generation, ?2) WHERE job = ?1 RETURNING generation",
        params![job, generation as i64],
        |row| row.get::<_, i64>(0).map(i64::unsigned_abs),
    )
}

/// The generation that may write for `job`; `None` if the job has not begun or has left.
pub(super) fn fence(connection: &Connection, job: &str) -> SqlResult<Option<u64>> {
    if !exists(connection)? {
        return Ok(None);
    }
    connection
        .query_row("SELECT generation FROM main.sensei_fence WHERE job = ?1", [job], |row| {
            row.get::<_, i64>(0).map(i64::unsigned_abs)
        })
        .optional()
}

/// Whether `job` has committed splits of a table.
pub(super) fn has_commits(connection: &Connection, job: &str, table: &str) -> SqlResult<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM main.sensei_progress WHERE job = ?1 AND target = ?2)";
    connection.query_row(sql, [job, table], |row| row.get(0))
}

/// The record of a split, if it was committed.
pub(super) fn find(connection: &Connection, job: &str, split: SplitId) -> SqlResult<Option<Record>> {
    if !exists(connection)? {
        return Ok(None);
    }
    let sql = "SELECT rows, rowids FROM main.sensei_progress WHERE job = ?1 AND split = ?2";
    connection
        .query_row(sql, params![job, split.0], |row| {
            Ok(Record::new(job, split, row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
        })
        .optional()
}

/// The commit of a split, if there is one.
pub(super) fn committed(connection: &Connection, job: &str, split: SplitId) -> SqlResult<Option<Commit>> {
    Ok(find(connection, job, split)?.map(|record| record.commit))
}

/// Records a split, in the transaction that wrote its rows.
pub(super) fn record(
    connection: &Connection,
    job: &str,
    split: SplitId,
    table: &str,
    rows: u64,
    rowids: &[(i64, i64)],
) -> SqlResult<Commit> {
    let rowids =
        serde_json::to_string(rowids).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection.execute(
        "INSERT INTO main.sensei_progress VALUES (?1, ?2, ?3, ?4, ?5)",
        params![job, split.0, table, rows as i64, rowids],
    )?;
    Ok(Record::new(job, split, rows, rowids).commit)
}

/// Forgets a split that is about to be written anew.
pub(super) fn forget(connection: &Connection, job: &str, split: SplitId) -> SqlResult<()> {
    connection.execute("DELETE FROM main.sensei_progress WHERE job = ?1 AND split = ?2", params![job, split.0])?;
    Ok(())
}

fn exists(connection: &Connection) -> SqlResult<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'sensei_fence')";
    connection.query_row(sql, (), |row| row.get(0))
}
