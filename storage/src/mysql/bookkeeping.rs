//! The database `sensei` on the target's server: which generation may write, which splits are committed, which tables are
//! prepared. Knows nothing of the tables' rows.

use std::collections::HashMap;

use mysql_async::{Error as ClientError, Row, Value};

use super::answer::Answer;
use super::connection::Session;
use super::failure::has_code;
use super::sql::literal;
use crate::error::{Error, Result};
use crate::split::SplitId;
use crate::target::{Commit, Token};

/// For messages.
pub(super) const OBJECT: &str = "the progress records in database \"sensei\"";
/// The database of the records.
pub(super) const DATABASE: &str = "sensei";

/// Held while the tables are created, dropped or fenced, and while targets are prepared, so that jobs do not meet
/// half-made ones.
const LOCK: &str = "sensei records";
/// How long another job's preparation is waited for.
const LOCK_SECONDS: u32 = 60;

/// No such table, no such database.
const NOT_THERE: [u16; 2] = [1146, 1049];
/// Lock wait timed out.
const TIMED_OUT: u16 = 1205;
/// The session is gone already.
const NO_SUCH_SESSION: u16 = 1094;

/// `split` and marks are numbers of the job; `row_count` is NULL until the split's transaction has written its rows.
const CREATE: [&str; 4] = [
    "CREATE DATABASE IF NOT EXISTS sensei CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS sensei.fence ( \
        job varchar(255) PRIMARY KEY, generation bigint unsigned NOT NULL) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS sensei.prepared ( \
        job varchar(255), target_database varchar(64), target_table varchar(64), \
        PRIMARY KEY (job, target_database, target_table)) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS sensei.progress ( \
        job varchar(255), split int unsigned, generation bigint unsigned NOT NULL, row_count bigint unsigned NULL, \
        first_mark bigint unsigned NULL, end_mark bigint unsigned NULL, PRIMARY KEY (job, split)) ENGINE = InnoDB",
];

/// How often a fence waits a second for writers of an older generation, whose sessions it has ended, before it gives up.
const FENCE_ATTEMPTS_MAX: usize = 10;
/// Names of sessions looked up in one statement.
const NAMES_PER_QUERY_MAX: usize = 100;

/// Takes the lock that keeps other jobs from changing the tables. It ends with the session, or with [`unlock`].
pub(super) async fn lock(session: &mut Session) -> Result<()> {
    let sql = format!("SELECT GET_LOCK({}, {LOCK_SECONDS})", literal(LOCK));
    let row = session.first(OBJECT, &sql).await?;
    match row.is_some_and(|row| row.flag(0)) {
        true => Ok(()),
        false => Err(Error::Unavailable {
            what: OBJECT.to_owned(),
            why: format!("another job has been changing them for {LOCK_SECONDS} seconds"),
            source: None,
        }),
    }
}

/// Gives the lock back.
pub(super) async fn unlock(session: &mut Session) -> Result<()> {
    session.run(OBJECT, &format!("DO RELEASE_LOCK({})", literal(LOCK))).await
}

/// Creates what is missing. The caller holds the lock.
pub(super) async fn create(session: &mut Session) -> Result<()> {
    if present(session).await? {
        return Ok(());
    }
    for sql in CREATE {
        session.run(OBJECT, sql).await?;
    }
    Ok(())
}

/// Whether all tables are there.
async fn present(session: &mut Session) -> Result<bool> {
    let sql = format!("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}", literal(DATABASE));
    let sql = format!("{sql} AND TABLE_NAME IN ('fence', 'prepared', 'progress')");
    Ok(session.first(OBJECT, &sql).await?.and_then(|row| row.number(0)) == Some(3))
}

/// What a session of a job is called while it lives: a lock that it holds, which the server can tell the holder of. Only
/// that very session can have it, so nobody else is ever ended in its place.
pub(super) fn session_name(job: &str, generation: u64, id: u32) -> String {
    let whole = format!("{job}\0{generation}\0{id}");
    format!("sensei {}", &blake3::hash(whole.as_bytes()).to_hex()[..32])
}

/// Makes `generation` the only one that may write for `job`. When it returns, no older writer is left.
pub(super) async fn fence(session: &mut Session, job: &str, generation: u64) -> Result<()> {
    lock(session).await?;
    create(session).await?;
    for _ in 0..FENCE_ATTEMPTS_MAX {
        end_older(session, job, generation).await?;
        if standing(session, job).await? == Some(generation) {
            return unlock(session).await;
        }
        match advance(session, job, generation).await {
            Ok(reached) if reached > generation => {
                return Err(Error::Fenced { job: job.to_owned(), mine: generation });
            }
            Ok(_) => return unlock(session).await,
            // A writer that is being ended still holds the fence.
            Err(error) if has_code(&error, &[TIMED_OUT]) => {}
            Err(error) => return Err(session.failure(OBJECT, error)),
        }
    }
    Err(Error::Unavailable {
        what: format!("the fence of job {job}"),
        why: "a writer of an older generation would not end".to_owned(),
        source: None,
    })
}

/// Moves the fence up to `generation`, unless it is beyond. Returns where it stands.
async fn advance(session: &mut Session, job: &str, generation: u64) -> Result<u64, ClientError> {
    use mysql_async::prelude::Queryable;
    const FENCE: &str = "INSERT INTO sensei.fence (job, generation) VALUES (?, ?) \
        ON DUPLICATE KEY UPDATE generation = GREATEST(generation, ?)";
    session.conn().query_drop("SET @kept = @@innodb_lock_wait_timeout, innodb_lock_wait_timeout = 1").await?;
    let mine = Value::UInt(generation);
    let done = session.execute(FENCE, vec![job.into(), mine.clone(), mine]).await;
    session.conn().query_drop("SET innodb_lock_wait_timeout = @kept").await?;
    done?;
    let sql = format!("SELECT generation FROM sensei.fence WHERE job = {}", literal(job));
    let row: Option<Row> = session.conn().query_first(sql).await?;
    Ok(row.and_then(|row| row.number(0)).unwrap_or(generation))
}

/// The generation that the fence is at; `None` without a fence. Waits for nobody: the fence's own writers hold it for as long
/// as a split takes.
async fn standing(session: &mut Session, job: &str) -> Result<Option<u64>> {
    let sql = format!("SELECT generation FROM sensei.fence WHERE job = {}", literal(job));
    Ok(session.first(OBJECT, &sql).await?.and_then(|row| row.number(0)))
}

/// Ends the sessions of the generation that holds the fence, if it is an older one: also those that read back, since one
/// that is suspended would keep tables from being changed for ever. Generations before that one were ended when it came.
async fn end_older(session: &mut Session, job: &str, mine: u64) -> Result<()> {
    let Some(older) = standing(session, job).await?.filter(|holder| *holder < mine) else { return Ok(()) };
    let own = session.id();
    let sessions = session.select(OBJECT, "SHOW PROCESSLIST").await?;
    let ids = sessions.iter().filter_map(|row| u32::try_from(row.number(0)?).ok()).filter(|id| *id != own);
    let ids: Vec<u32> = ids.collect();
    for some in ids.chunks(NAMES_PER_QUERY_MAX) {
        let holder = |id: &u32| format!("IS_USED_LOCK({})", literal(&session_name(job, older, *id)));
        let sql = format!("SELECT {}", some.iter().map(holder).collect::<Vec<_>>().join(", "));
        let Some(row) = session.first(OBJECT, &sql).await? else { continue };
        for (place, id) in some.iter().enumerate().filter(|(place, id)| row.number(*place) == Some(u64::from(**id))) {
            tracing::debug!(id, place, "ending a session of an older generation");
            let ended = mysql_async::prelude::Queryable::query_drop(session.conn(), format!("KILL CONNECTION {id}"));
            match ended.await {
                Err(error) if !has_code(&error, &[NO_SUCH_SESSION]) => return Err(session.failure(OBJECT, error)),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Checks inside a writer's transaction that its generation is still the newest, and holds off newer fences until the
/// transaction ends. A job without a fence is over.
pub(super) async fn check_fence(session: &mut Session, job: &str, generation: u64) -> Result<()> {
    let sql = format!("SELECT generation FROM sensei.fence WHERE job = {} LOCK IN SHARE MODE", literal(job));
    let fenced = || Error::Fenced { job: job.to_owned(), mine: generation };
    let found: Result<Option<Row>, _> = mysql_async::prelude::Queryable::query_first(session.conn(), sql).await;
    match found {
        Ok(Some(row)) if row.number(0).is_some_and(|newest| newest <= generation) => Ok(()),
        Ok(_) => Err(fenced()),
        Err(error) if has_code(&error, &NOT_THERE) => Err(fenced()),
        Err(error) => Err(session.failure(OBJECT, error)),
    }
}

/// Every committed split of `job`.
pub(super) async fn commits(session: &mut Session, job: &str) -> Result<HashMap<SplitId, Commit>> {
    if !present(session).await? {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT split, row_count, first_mark, end_mark FROM sensei.progress \
         WHERE job = {} AND row_count IS NOT NULL",
        literal(job)
    );
    let rows = session.select(OBJECT, &sql).await?;
    let commit = |row: &Row| Some((SplitId(u32::try_from(row.number(0)?).ok()?), committed(row, 1)?));
    rows.iter().map(|row| commit(row).ok_or_else(broken)).collect()
}

/// The commit in a row of records, from column `at` on; `None` if its rows are not written yet.
fn committed(row: &Row, at: usize) -> Option<Commit> {
    let token = Token::Mysql { first: row.number(at + 1)?, end: row.number(at + 2)? };
    Some(Commit { rows: row.number(at)?, token })
}

fn broken() -> Error {
    Error::Corrupt { what: OBJECT.to_owned(), why: "a number is out of its range".to_owned() }
}

/// The record of one split, waiting for a transaction that is writing it.
pub(super) async fn find(session: &mut Session, job: &str, split: SplitId) -> Result<Option<Commit>> {
    let sql = format!(
        "SELECT row_count, first_mark, end_mark FROM sensei.progress WHERE job = {} AND split = {} LOCK IN SHARE MODE",
        literal(job),
        split.0
    );
    let row = session.first(OBJECT, &sql).await?;
    Ok(row.and_then(|row| committed(&row, 0)))
}

/// The tables that `job` has prepared, each with its database.
pub(super) async fn prepared(session: &mut Session, job: &str) -> Result<Vec<(String, String)>> {
    if !present(session).await? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT target_database, target_table FROM sensei.prepared WHERE job = {}", literal(job));
    let rows = session.select(OBJECT, &sql).await?;
    Ok(rows.iter().map(|row| (row.words(0), row.words(1))).collect())
}

/// Drops the records of `job`, and the tables with the last job.
///
/// # Errors
/// Those of the first step; that the account may not drop what is left empty is no error.
pub(super) async fn forget(session: &mut Session, job: &str) -> Result<()> {
    if !present(session).await? {
        return Ok(());
    }
    session.run(OBJECT, "START TRANSACTION").await?;
    for table in ["progress", "prepared", "fence"] {
        session.run(OBJECT, &format!("DELETE FROM sensei.{table} WHERE job = {}", literal(job))).await?;
    }
    session.run(OBJECT, "COMMIT").await?;
    let left = "SELECT EXISTS (SELECT 1 FROM sensei.fence) + EXISTS (SELECT 1 FROM sensei.prepared) \
        + EXISTS (SELECT 1 FROM sensei.progress)";
    if session.first(OBJECT, left).await?.is_some_and(|row| row.number(0) == Some(0)) {
        let dropped = mysql_async::prelude::Queryable::query_drop(session.conn(), "DROP DATABASE sensei").await;
        if let Err(error @ (ClientError::Io(_) | ClientError::Driver(_))) = dropped {
            return Err(session.failure(OBJECT, error));
        }
    }
    Ok(())
}
