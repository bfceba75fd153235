//! The schema `sensei` in the target: which generation may write, which splits are committed, which tables are
//! prepared. Knows nothing of the tables' rows.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::connection::Session;
use super::sql::literal;
use crate::error::{Error, Result};
use crate::split::SplitId;
use crate::target::{Commit, Token};

/// For messages.
pub(super) const OBJECT: &str = "the progress records in schema \"sensei\"";

/// Held while the tables are created, dropped or fenced, so that jobs do not meet half-made ones. Any number that no
/// other program is likely to use.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305467)";

const CREATE: &str = "\
    CREATE SCHEMA IF NOT EXISTS sensei; \
    CREATE TABLE IF NOT EXISTS sensei.fence (job text PRIMARY KEY, generation bigint NOT NULL); \
    CREATE TABLE IF NOT EXISTS sensei.prepared (job text, target text, PRIMARY KEY (job, target)); \
    CREATE TABLE IF NOT EXISTS sensei.progress ( \
        job text, split int, generation bigint NOT NULL, rows bigint, xid bigint, first_block bigint, \
        end_block bigint, PRIMARY KEY (job, split))";

/// How long a fence waits for writers of an older generation before it ends their sessions.
const FENCE_WAIT: &str = "SET LOCAL lock_timeout = '1s'";
/// How often it does so before it gives up.
const FENCE_ATTEMPTS_MAX: usize = 10;

const FENCE: &str = "\
    INSERT INTO sensei.fence AS f (job, generation) VALUES ($1, $2) \
    ON CONFLICT (job) DO UPDATE SET generation = excluded.generation WHERE f.generation <= excluded.generation";

/// Ends the sessions of older writers; see [`writer_name`].
const TERMINATE: &str = "\
    SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1 || ' %' \
      AND substring(application_name FROM '[0-9]+$')::numeric < $2::int8";

/// Creates what is missing, inside the caller's transaction, and keeps other jobs from changing it until it ends.
pub(super) async fn create(session: &Session) -> Result<()> {
    session.run(OBJECT, LOCK).await?;
    if !present(session).await? {
        session.run(OBJECT, CREATE).await?;
    }
    Ok(())
}

/// Whether all tables are there.
async fn present(session: &Session) -> Result<bool> {
    const SQL: &str = "SELECT to_regclass('sensei.fence') IS NOT NULL AND to_regclass('sensei.prepared') IS NOT NULL \
        AND to_regclass('sensei.progress') IS NOT NULL";
    let row = session.query_one(SQL, &[]).await.map_err(|error| session.failure(OBJECT, error))?;
    Ok(row.get(0))
}

/// What the session that writes a split calls itself: a short hash of the job, since names are cut at 63 bytes, the split
/// and the generation.
pub(super) fn writer_name(job: &str, split: SplitId, generation: u64) -> String {
    format!("{} {generation}", split_name(job, split))
}

/// What a session that reads for a job's writers calls itself.
pub(super) fn reader_name(job: &str, generation: u64) -> String {
    format!("{} {generation}", job_name(job))
}

fn split_name(job: &str, split: SplitId) -> String {
    format!("{} split {}", job_name(job), split.0)
}

fn job_name(job: &str) -> String {
    format!("sensei writer {}", &blake3::hash(job.as_bytes()).to_hex()[..16])
}

/// Makes `generation` the only one that may write for `job`. When it returns, no older writer is left. Where that is so
/// already it waits for nobody: its own writers hold the fence for as long as a split takes.
pub(super) async fn fence(session: &Session, job: &str, generation: u64) -> Result<()> {
    let mine = signed(generation)?;
    if standing(session, job).await? == Some(mine) {
        return end_older(session, job, mine).await;
    }
    for _ in 0..FENCE_ATTEMPTS_MAX {
        session.run(OBJECT, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        create(session).await?;
        session.run(OBJECT, FENCE_WAIT).await?;
        match session.execute(FENCE, &[&job, &mine]).await {
            Ok(0) => return Err(Error::Fenced { job: job.to_owned(), mine: generation }),
            Ok(_) => {
                session.run(OBJECT, "COMMIT").await?;
                return end_older(session, job, mine).await;
            }
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                session.run(OBJECT, "ROLLBACK").await?;
                end_older(session, job, mine).await?;
            }
            Err(error) => return Err(session.failure(OBJECT, error)),
        }
    }
    Err(Error::Unavailable {
        what: format!("the fence of job {job}"),
        why: "a writer of an older generation would not end".to_owned(),
        source: None,
    })
}

/// The generation that the fence is at; `None` without a fence.
async fn standing(session: &Session, job: &str) -> Result<Option<i64>> {
    const SQL: &str = "SELECT generation FROM sensei.fence WHERE job = $1";
    if !present(session).await? {
        return Ok(None);
    }
    let row = session.query_opt(SQL, &[&job]).await.map_err(|error| session.failure(OBJECT, error))?;
    Ok(row.map(|row| row.get(0)))
}

/// Ends the sessions of older generations, those that read back too: one that is suspended would hold its locks for
/// ever, and the next generation's keys would wait for them.
async fn end_older(session: &Session, job: &str, mine: i64) -> Result<()> {
    let ended = session.query(TERMINATE, &[&job_name(job), &mine]).await;
    ended.map_err(|error| session.failure("sessions of older writers", error)).map(|_| ())
}

/// Ends the other sessions that write a split: whoever had it is not heard of any more, and would keep its progress record
/// locked for as long as his connection lasts.
pub(super) async fn evict(session: &Session, job: &str, split: SplitId) -> Result<()> {
    const SQL: &str = "\
        SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1 || ' %'";
    let ended = session.query(SQL, &[&split_name(job, split)]).await;
    ended.map_err(|error| session.failure("the session of an earlier writer", error)).map(|_| ())
}

/// Checks inside a writer's transaction that its generation is still the newest, and holds off newer fences until the
/// transaction ends. A job without a fence is over.
pub(super) async fn check_fence(session: &Session, job: &str, generation: u64) -> Result<()> {
    const SQL: &str = "SELECT generation FROM sensei.fence WHERE job = $1 FOR SHARE";
    let fenced = || Error::Fenced { job: job.to_owned(), mine: generation };
    let mine = signed(generation)?;
    match session.query_opt(SQL, &[&job]).await {
        Ok(Some(row)) if row.get::<_, i64>(0) <= mine => Ok(()),
        Ok(_) => Err(fenced()),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Err(fenced()),
        Err(error) => Err(session.failure(OBJECT, error)),
    }
}

/// Every committed split of `job`.
pub(super) async fn commits(session: &Session, job: &str) -> Result<HashMap<SplitId, Commit>> {
    const SQL: &str = "SELECT split, rows, xid, first_block, end_block FROM sensei.progress \
        WHERE job = $1 AND rows IS NOT NULL AND xid IS NOT NULL";
    if !present(session).await? {
        return Ok(HashMap::new());
    }
    let rows = session.query(SQL, &[&job]).await.map_err(|error| session.failure(OBJECT, error))?;
    let broken = || Error::Corrupt { what: OBJECT.to_owned(), why: "a number is out of its range".to_owned() };
    let commit = |row: &Row| {
        let number = |column: usize| row.get::<_, Option<i64>>(column).and_then(|n| u64::try_from(n).ok());
        let token =
            Token::Postgresql { xid: u32::try_from(number(2)?).ok()?, first_block: number(3)?, end_block: number(4)? };
        Some((SplitId(u32::try_from(row.get::<_, i32>(0)).ok()?), Commit { rows: number(1)?, token }))
    };
    rows.iter().map(|row| commit(row).ok_or_else(broken)).collect()
}

/// Drops the records of `job`, and the tables with the last job.
///
/// # Errors
/// Those of the first step; that the account may not drop what is left empty is no error.
pub(super) async fn forget(session: &Session, job: &str) -> Result<()> {
    session.run(OBJECT, "BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    session.run(OBJECT, LOCK).await?;
    if present(session).await? {
        let job = literal(job);
        let delete = |table| format!("DELETE FROM sensei.{table} WHERE job = {job}");
        session.run(OBJECT, &["progress", "prepared", "fence"].map(delete).join("; ")).await?;
    }
    session.run(OBJECT, "COMMIT").await?;
    match session.batch_execute(DROP).await {
        Ok(()) => Ok(()),
        Err(error) if error.as_db_error().is_some() => session.run(OBJECT, "ROLLBACK").await,
        Err(error) => Err(session.failure(OBJECT, error)),
    }
}

/// Drops the tables if all are empty and nobody is using them, then the schema if nothing else is in it.
const DROP: &str = "\
    BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '1s'; \
    SELECT pg_advisory_xact_lock(7305467); \
    DO $$ BEGIN \
        IF to_regclass('sensei.fence') IS NULL THEN RETURN; END IF; \
        LOCK TABLE sensei.fence, sensei.prepared, sensei.progress IN ACCESS EXCLUSIVE MODE; \
        IF NOT EXISTS (SELECT FROM sensei.fence) AND NOT EXISTS (SELECT FROM sensei.prepared) \
            AND NOT EXISTS (SELECT FROM sensei.progress) THEN \
            DROP TABLE sensei.fence, sensei.prepared, sensei.progress; \
            BEGIN DROP SCHEMA sensei; \
            EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL; END; \
        END IF; \
    END $$; COMMIT";

/// PostgreSQL has no unsigned integers.
pub(super) fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| Error::internal("a number for PostgreSQL", "it exceeds 63 bits"))
}
