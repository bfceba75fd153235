//! Reads back all that the head must know to go on.

use std::collections::BTreeMap;

use sensei_storage::Result;
use sensei_storage::database::Value;

use super::Store;
use super::rows::{JOBS, SPLITS_AFTER, TALLIES, job, split, tally};
use crate::head::record::{JobRecord, SplitRecord, Tally};

/// Splits read at once, which bounds what is held twice.
const SPLITS_PER_PAGE_MAX: i64 = 10_000;

const LAST_EVENT: &str = "SELECT coalesce(max(number), 0) FROM events";

/// All that is stored, but for events, audit and tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Every job, the first submitted first.
    pub jobs: Vec<JobRecord>,
    /// The splits of each job that has any, in the order of their numbers.
    pub splits: BTreeMap<String, Vec<SplitRecord>>,
    /// What is known of splits that are forgotten, of each job.
    pub tallies: BTreeMap<String, Tally>,
    /// The highest number of an event, 0 if there is none.
    pub last_event: u64,
}

impl Store {
    /// Reads everything. Call it after [`Store::lead`], when nobody else can change anything while it reads.
    ///
    /// # Errors
    /// `Corrupt` if a record makes no sense. `Unavailable` if the database is away.
    pub async fn load(&self) -> Result<Loaded> {
        let jobs = self.database.read(JOBS, Vec::new()).await?;
        let last_event = self.database.read(LAST_EVENT, Vec::new()).await?;
        let tallies = self.database.read(TALLIES, Vec::new()).await?;
        Ok(Loaded {
            tallies: tallies.iter().map(tally).collect::<Result<_>>()?,
            jobs: jobs.iter().map(job).collect::<Result<_>>()?,
            splits: self.splits().await?,
            last_event: last_event.first().map_or(Ok(0), |row| row.number(0))?,
        })
    }

    async fn splits(&self) -> Result<BTreeMap<String, Vec<SplitRecord>>> {
        let mut splits: BTreeMap<String, Vec<SplitRecord>> = BTreeMap::new();
        let mut last = (String::new(), -1);
        loop {
            let place = vec![last.0.as_str().into(), Value::Int(last.1), Value::Int(SPLITS_PER_PAGE_MAX)];
            let rows = self.database.read(SPLITS_AFTER, place).await?;
            for row in &rows {
                let job = row.text(0)?;
                match splits.get_mut(job) {
                    Some(of_job) => of_job.push(split(row)?),
                    None => drop(splits.insert(job.to_owned(), vec![split(row)?])),
                }
            }
            match rows.last() {
                Some(row) if rows.len() as i64 == SPLITS_PER_PAGE_MAX => {
                    last = (row.text(0)?.to_owned(), row.number(1)?);
                }
                _ => return Ok(splits),
            }
        }
    }
}
