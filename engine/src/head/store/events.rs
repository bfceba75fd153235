//! What happened, as far back as is kept.

use std::collections::BTreeSet;

use sensei_storage::Result;
use sensei_storage::database::{Row, Statement, Value};

use super::Store;
use crate::head::record::EventRecord;

/// Events kept of each job, and as many of the pool; the oldest are dropped. Chosen so that a job's story fits a few
/// screens many times over, and dropping what is older costs less than storing what is new.
pub const EVENTS_PER_JOB_MAX: u32 = 2_000;

/// What stands in the job's place for an event of the pool; no job has an empty name.
const POOL: &str = "";

const INSERT: &str = "INSERT INTO events (number, at, job, kind, text) {rows}";
const DROP_OLD: &str = "DELETE FROM events WHERE job = $1 AND number <=
    (SELECT number FROM events WHERE job = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)";
const ALL: &str = "SELECT number, at, job, kind, text FROM events WHERE number > $1 ORDER BY number LIMIT $2";
const OF_JOB: &str = "SELECT number, at, job, kind, text FROM events
    WHERE number > $1 AND job = $3 ORDER BY number LIMIT $2";

impl Store {
    /// At most `limit` events whose number is above `after`, the oldest first: those of `job`, or all of them.
    ///
    /// # Errors
    /// `Corrupt` if a record makes no sense. `Unavailable` if the database is away.
    pub async fn events(&self, job: Option<&str>, after: u64, limit: u32) -> Result<Vec<EventRecord>> {
        let mut parameters = vec![Value::Int(after.cast_signed()), limit.into()];
        parameters.extend(job.map(Value::from));
        let rows = self.database.read(if job.is_some() { OF_JOB } else { ALL }, parameters).await?;
        rows.iter().map(event).collect()
    }
}

fn event(row: &Row) -> Result<EventRecord> {
    let job = row.text(2)?;
    Ok(EventRecord {
        number: row.number::<i64>(0)?.cast_unsigned(),
        at: row.number(1)?,
        job: (job != POOL).then(|| job.to_owned()),
        kind: row.text(3)?.to_owned(),
        text: row.text(4)?.to_owned(),
    })
}

/// New events on their way to become statements.
#[derive(Default)]
pub(super) struct Journal {
    events: Vec<EventRecord>,
}

impl Journal {
    pub(super) fn add(&mut self, event: EventRecord) {
        self.events.push(event);
    }

    /// Leaves out those of a job that is forgotten after them.
    pub(super) fn forget(&mut self, job: &str) {
        self.events.retain(|event| event.job.as_deref() != Some(job));
    }

    /// Stores them and drops what is too old of the same jobs.
    pub(super) fn statements(self) -> Vec<Statement> {
        let (mut insert, mut drop_old) = (Statement::new(INSERT), Statement::new(DROP_OLD));
        let mut jobs = BTreeSet::new();
        for event in self.events {
            let (number, job) = (Value::Int(event.number.cast_signed()), event.job.unwrap_or_else(|| POOL.to_owned()));
            insert.push([number, event.at.into(), job.as_str().into(), event.kind.into(), event.text.into()]);
            jobs.insert(job);
        }
        if jobs.is_empty() {
            return Vec::new();
        }
        jobs.into_iter().for_each(|job| drop_old.push([job.into(), EVENTS_PER_JOB_MAX.into()]));
        vec![insert, drop_old]
    }
}
