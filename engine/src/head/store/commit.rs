//! Stores a list of changes in one transaction.

use sensei_storage::database::{Statement, Value};
use sensei_storage::{Error, Result};

use super::Store;
use super::audit::Chain;
use super::events::Journal;
use super::rows::{JOB, SPLITS, job_values, split_values, standing_values};
use crate::head::record::{Change, SplitRecord, Standing, Tally};

const STANDING: &str = "UPDATE splits SET standing = $1, lease = $2, worker = $3, lost = $4, outcome_json = $5
    WHERE job = $6 AND split = $7";
const SETTLED: &str = "DELETE FROM splits WHERE job = $1 AND split = $2";
const CLEARED: &str = "DELETE FROM splits WHERE job = $1";
const COUNTED: &str = "INSERT INTO tallies (job, splits, splits_done, bytes, bytes_done) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (job) DO UPDATE SET splits = tallies.splits + excluded.splits,
    splits_done = tallies.splits_done + excluded.splits_done, bytes = tallies.bytes + excluded.bytes,
    bytes_done = tallies.bytes_done + excluded.bytes_done";
const TALLIED: &str = "INSERT INTO tallies (job, splits, splits_done, bytes, bytes_done) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (job) DO UPDATE SET splits = excluded.splits, splits_done = excluded.splits_done,
    bytes = excluded.bytes, bytes_done = excluded.bytes_done";
const FORGOTTEN: [&str; 4] = [
    CLEARED,
    "DELETE FROM tallies WHERE job = $1",
    "DELETE FROM events WHERE job = $1",
    "DELETE FROM jobs WHERE id = $1",
];

impl Store {
    /// Stores all of `changes`, in their order, or none. Says that the leader of `term` is still there.
    ///
    /// # Errors
    /// `Fenced` if another one leads: nothing was stored, stop at once. `Altered` if the audit chain does not end where
    /// it should. `Internal` if a standing is of a split that is not there. `Unavailable` if the database is away; if
    /// that was during the commit, nobody knows whether the changes were stored, so [`Store::lead`] and
    /// [`Store::load`] again.
    pub async fn commit(&self, term: u64, changes: Vec<Change>) -> Result<()> {
        let mut chain = self.chain.lock().await;
        let audited = changes.iter().any(|change| matches!(change, Change::Audit(_)));
        let end = match chain.take() {
            None if audited => Some(self.chain_end().await?),
            known => known,
        };
        let mut batch =
            Batch { statements: Vec::new(), standings: Vec::new(), journal: Journal::default(), chain: end };
        for change in changes {
            batch.add(change)?;
        }
        let (statements, end) = batch.finish();
        let stored = self.write(term, statements).await;
        if stored.is_ok() {
            *chain = end;
        }
        stored
    }
}

/// Changes on their way to become statements.
struct Batch {
    statements: Vec<Statement>,
    /// Standings that came one after another, which go into one statement.
    standings: Vec<[Value; 7]>,
    /// Events touch nothing else, so they come last, together.
    journal: Journal,
    chain: Option<Chain>,
}

impl Batch {
    fn add(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Standing { job, split, standing } => self.standings.push(standing_row(job, split, standing)),
            Change::Event(event) => self.journal.add(event),
            Change::Audit(record) => {
                let chain = self.chain.as_mut().ok_or_else(|| Error::internal("audit", "its end was not read"))?;
                let link = chain.append(&record)?;
                self.then(link);
            }
            Change::Job(record) => self.then(Statement::new(JOB).row(job_values(*record)?)),
            Change::Splits { job, splits } => self.splits(&job, splits)?,
            Change::Settled { job, splits, tally } => {
                let mut statement = Statement::new(SETTLED);
                splits.iter().for_each(|split| statement.push([job.as_str().into(), (*split).into()]));
                self.unless_empty(splits.is_empty(), statement);
                self.then(Statement::new(COUNTED).row(tally_values(job, tally)));
            }
            Change::Cleared { job, tally } => {
                self.then(Statement::new(CLEARED).row([job.as_str().into()]));
                self.then(Statement::new(TALLIED).row(tally_values(job, tally)));
            }
            Change::Forgotten { job } => {
                self.journal.forget(&job);
                for sql in FORGOTTEN {
                    self.then(Statement::new(sql).row([job.as_str().into()]));
                }
            }
        }
        Ok(())
    }

    fn splits(&mut self, job: &str, splits: Vec<SplitRecord>) -> Result<()> {
        let splits = last_of_each(splits);
        let is_empty = splits.is_empty();
        let mut statement = Statement::new(SPLITS);
        for split in splits {
            statement.push(split_values(job, split)?);
        }
        self.unless_empty(is_empty, statement);
        Ok(())
    }

    fn unless_empty(&mut self, is_empty: bool, statement: Statement) {
        if !is_empty {
            self.then(statement);
        }
    }

    fn then(&mut self, statement: Statement) {
        self.flush();
        self.statements.push(statement);
    }

    /// Makes one statement of the standings that came so far.
    fn flush(&mut self) {
        if self.standings.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.standings);
        let unknown = || Error::internal("storing a split's standing", "the split is not there");
        let mut statement = Statement::new(STANDING).expect_rows(rows.len() as u64, unknown);
        rows.into_iter().for_each(|row| statement.push(row));
        self.statements.push(statement);
    }

    fn finish(mut self) -> (Vec<Statement>, Option<Chain>) {
        self.flush();
        self.statements.extend(self.journal.statements());
        (self.statements, self.chain)
    }
}

fn tally_values(job: String, tally: Tally) -> [Value; 5] {
    let Tally { splits, splits_done, bytes, bytes_done } = tally;
    let [splits, splits_done, bytes, bytes_done] =
        [splits, splits_done, bytes, bytes_done].map(|number| Value::Int(number.cast_signed()));
    [job.into(), splits, splits_done, bytes, bytes_done]
}

fn standing_row(job: String, split: u32, standing: Standing) -> [Value; 7] {
    let [standing, lease, worker, lost, outcome] = standing_values(standing);
    [standing, lease, worker, lost, outcome, job.into(), split.into()]
}

/// In ascending order, only the last of those with the same number: PostgreSQL refuses to insert a row twice at once.
fn last_of_each(mut splits: Vec<SplitRecord>) -> Vec<SplitRecord> {
    if splits.is_sorted_by(|one, next| one.split < next.split) {
        return splits;
    }
    splits.reverse();
    splits.sort_by_key(|split| split.split);
    splits.dedup_by_key(|split| split.split);
    splits
}
