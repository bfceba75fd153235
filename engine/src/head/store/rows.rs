//! Jobs and splits as rows of their tables, both ways.

use sensei_storage::database::{Row, Value};
use sensei_storage::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::head::record::{JobRecord, Opened, SplitRecord, Standing, Tally};

/// In the order of [`job_values`].
pub(super) const JOBS: &str = "SELECT id, name, plan, plan_sha256, submitted_by, submitted_at, state, wish, attempt,
    failures, not_before, conductor, started_at, ended_at, exit_code, report_json, why, brief_json, shared,
    source_connections, target_connections, complete, closed, separate FROM jobs ORDER BY submitted_at, id";

pub(super) const JOB: &str = "INSERT INTO jobs (id, name, plan, plan_sha256, submitted_by, submitted_at, state, wish,
    attempt, failures, not_before, conductor, started_at, ended_at, exit_code, report_json, why, brief_json, shared,
    source_connections, target_connections, complete, closed, separate)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, plan = excluded.plan, plan_sha256 = excluded.plan_sha256,
    submitted_by = excluded.submitted_by, submitted_at = excluded.submitted_at, state = excluded.state,
    wish = excluded.wish, attempt = excluded.attempt, failures = excluded.failures, not_before = excluded.not_before,
    conductor = excluded.conductor, started_at = excluded.started_at, ended_at = excluded.ended_at,
    exit_code = excluded.exit_code, report_json = excluded.report_json, why = excluded.why,
    brief_json = excluded.brief_json, shared = excluded.shared, source_connections = excluded.source_connections,
    target_connections = excluded.target_connections, complete = excluded.complete, closed = excluded.closed,
    separate = excluded.separate";

pub(super) const SPLITS: &str = "INSERT INTO splits
    (job, split, bytes, recheck, grant_json, standing, lease, worker, lost, outcome_json, half) {rows}
    ON CONFLICT (job, split) DO UPDATE SET bytes = excluded.bytes, recheck = excluded.recheck,
    grant_json = excluded.grant_json, standing = excluded.standing, lease = excluded.lease, worker = excluded.worker,
    lost = excluded.lost, outcome_json = excluded.outcome_json, half = excluded.half";

/// A page of splits after one of them, in the order of [`split_values`].
pub(super) const SPLITS_AFTER: &str = "SELECT job, split, bytes, recheck, grant_json, standing, lease, worker, lost,
    outcome_json, half FROM splits WHERE (job, split) > ($1, $2) ORDER BY job, split LIMIT $3";

pub(super) const TALLIES: &str = "SELECT job, splits, splits_done, bytes, bytes_done FROM tallies";

/// The parameters of [`JOB`].
pub(super) fn job_values(job: JobRecord) -> Result<[Value; 24]> {
    let (state, wish) = (word(&job.state)?, word(&job.wish)?);
    let (brief, shared, source, target, complete, closed, separate) = match job.opened {
        None => (None, None, None, None, None, None, None),
        Some(opened) => (
            Some(opened.brief_json),
            Some(opened.shared),
            Some(opened.source_connections),
            Some(opened.target_connections),
            Some(opened.complete),
            Some(opened.closed),
            Some(opened.separate),
        ),
    };
    Ok([
        job.id.into(),
        job.name.into(),
        job.plan.into(),
        job.plan_sha256.into(),
        job.submitted_by.into(),
        job.submitted_at.into(),
        state,
        wish,
        job.attempt.into(),
        job.failures.into(),
        job.not_before.into(),
        job.conductor.into(),
        job.started_at.into(),
        job.ended_at.into(),
        job.exit_code.map(u32::from).into(),
        job.report_json.into(),
        job.why.into(),
        brief.into(),
        shared.into(),
        source.into(),
        target.into(),
        complete.into(),
        closed.into(),
        separate.into(),
    ])
}

/// The job in a row of [`JOBS`].
pub(super) fn job(row: &Row) -> Result<JobRecord> {
    let owned = |column| row.text(column).map(str::to_owned);
    let perhaps = |column| row.optional_text(column).map(|text| text.map(str::to_owned));
    Ok(JobRecord {
        id: owned(0)?,
        name: owned(1)?,
        plan: owned(2)?,
        plan_sha256: owned(3)?,
        submitted_by: owned(4)?,
        submitted_at: row.number(5)?,
        state: parsed(row, 6)?,
        wish: parsed(row, 7)?,
        attempt: row.number(8)?,
        failures: row.number(9)?,
        not_before: row.number(10)?,
        conductor: perhaps(11)?,
        started_at: row.optional_number(12)?,
        ended_at: row.optional_number(13)?,
        exit_code: row.optional_number(14)?,
        report_json: perhaps(15)?,
        why: owned(16)?,
        opened: opened(row)?,
    })
}

/// The job of a row of [`TALLIES`], and what is known of those of its splits that are forgotten.
pub(super) fn tally(row: &Row) -> Result<(String, Tally)> {
    let number = |column| row.number::<i64>(column).map(i64::cast_unsigned);
    let tally = Tally { splits: number(1)?, splits_done: number(2)?, bytes: number(3)?, bytes_done: number(4)? };
    Ok((row.text(0)?.to_owned(), tally))
}

fn opened(row: &Row) -> Result<Option<Opened>> {
    let Some(brief) = row.optional_bytes(17)? else { return Ok(None) };
    Ok(Some(Opened {
        brief_json: brief.to_vec(),
        shared: row.flag(18)?,
        source_connections: row.number(19)?,
        target_connections: row.number(20)?,
        complete: row.flag(21)?,
        closed: row.flag(22)?,
        // A head of the version before knew of no halves.
        separate: row.optional_number::<i64>(23)? == Some(1),
    }))
}

/// The parameters of [`SPLITS`].
pub(super) fn split_values(job: &str, split: SplitRecord) -> Result<[Value; 11]> {
    let [standing, lease, worker, lost, outcome] = standing_values(split.standing);
    let bytes = Value::Int(split.bytes.cast_signed());
    Ok([
        job.into(),
        split.split.into(),
        bytes,
        split.recheck.into(),
        split.grant_json.into(),
        standing,
        lease,
        worker,
        lost,
        outcome,
        word(&split.half)?,
    ])
}

/// The word, the lease, the worker, how many lost it, and the outcome.
pub(super) fn standing_values(standing: Standing) -> [Value; 5] {
    match standing {
        Standing::Pending { lost } => ["pending".into(), Value::Null, Value::Null, lost.into(), Value::Null],
        Standing::Leased { lease, worker, lost } => {
            ["leased".into(), Value::Int(lease.cast_signed()), worker.into(), lost.into(), Value::Null]
        }
        Standing::Reported { outcome_json, worker } => {
            ["reported".into(), Value::Null, worker.into(), Value::Null, outcome_json.into()]
        }
    }
}

/// The split in a row of [`SPLITS_AFTER`], without its job.
pub(super) fn split(row: &Row) -> Result<SplitRecord> {
    Ok(SplitRecord {
        split: row.number(1)?,
        bytes: row.number::<i64>(2)?.cast_unsigned(),
        recheck: row.flag(3)?,
        half: parsed(row, 10)?,
        grant_json: row.bytes(4)?.to_vec(),
        standing: standing(row)?,
    })
}

fn standing(row: &Row) -> Result<Standing> {
    let worker = || row.text(7).map(str::to_owned);
    match row.text(5)? {
        "pending" => Ok(Standing::Pending { lost: row.number(8)? }),
        "leased" => {
            let lease = row.number::<i64>(6)?.cast_unsigned();
            Ok(Standing::Leased { lease, worker: worker()?, lost: row.number(8)? })
        }
        "reported" => Ok(Standing::Reported { outcome_json: row.bytes(9)?.to_vec(), worker: worker()? }),
        _ => Err(row.corrupt(5, "a split's standing")),
    }
}

/// The word that stands for a variant without fields.
fn word(variant: &impl Serialize) -> Result<Value> {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => Ok(word.into()),
        _ => Err(Error::internal("storing a record", "a state is not a word")),
    }
}

fn parsed<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T> {
    let word = serde_json::Value::String(row.text(column)?.to_owned());
    serde_json::from_value(word).map_err(|_| row.corrupt(column, "a word of the head's"))
}
