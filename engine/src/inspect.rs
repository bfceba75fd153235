//! The last look at the target before the verdict: every table counted once more, and the catalog beside the plan.

use std::collections::BTreeMap;

use sensei_planner::{Expected, Plan};
use sensei_storage::evidence::StructuralFacts;
use sensei_storage::{NextNumber, OnExisting, SplitId, Standing, System, journal};

use crate::context::{Ends, existing_state};
use crate::copying::Copied;
use crate::dialect::TargetDialect;
use crate::failure::{Doing, Result};
use crate::job::{Job, journaled_plan};
use crate::numbering;
use crate::runtime::{Booking, timed};

/// A target table that does not hold exactly what the job wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbance {
    /// What it holds.
    pub standing: Standing,
    /// Rows the job wrote.
    pub written: u64,
}

impl Disturbance {
    /// Says so, for people.
    pub fn explain(&self, table: &str) -> String {
        format!(
            "table \"{table}\" was changed by something else while the job ran: it holds {} rows, {} were written, and {} of \
             those stand as they were; look for triggers and other writers, and list the rows with `sensei verify`",
            self.standing.rows, self.written, self.standing.ours
        )
    }
}

/// Counts every table once more when all is written. Rows that others added, changed or deleted meanwhile, a trigger
/// among them, would stay unseen by reading back what the job itself wrote.
///
/// # Errors
/// If a table cannot be counted.
pub(crate) async fn disturbances(job: &Job, copied: &Copied) -> Result<BTreeMap<u32, Disturbance>> {
    let splits = &job.history.splits;
    let mut found = BTreeMap::new();
    for (index, table) in job.plan.tables.iter().enumerate() {
        let of_table = |split: &&SplitId| splits[split.0 as usize].table as usize == index;
        let commits: Vec<_> =
            copied.finished.keys().filter(of_table).map(|split| copied.finished[split].commit.clone()).collect();
        let written: u64 = commits.iter().map(|commit| commit.rows).sum();
        let doing = format!("counting table \"{}\"", table.target.name);
        let counting = job.ends.target.standing(&table.target.name, &commits);
        let Some(standing) = timed(&job.times, Booking::READ_BACK, counting).await.doing(doing)? else {
            continue;
        };
        let alone = job.plan.on_existing != OnExisting::Append;
        if standing.ours != written || (alone && standing.rows != written) {
            found.insert(index as u32, Disturbance { standing, written });
        }
    }
    Ok(found)
}

/// Compares the target's catalog, as it is now, with the plan. `None` for files: they have no schema but the one they
/// were written with.
///
/// # Errors
/// If the catalog cannot be read.
pub(crate) async fn structure(ends: &Ends, plan: &Plan, numbers: &[NextNumber]) -> Result<Option<StructuralFacts>> {
    if matches!(plan.target.system, System::Parquet | System::Csv) {
        return Ok(None);
    }
    let target = ends.target.catalog().await.doing("reading the target's catalog")?;
    let dialect = TargetDialect(plan.target.system);
    let expected = Expected { plan, source: &ends.source_catalog, numbers, dialect: &dialect };
    Ok(Some(expected.compare(&target)))
}

/// The target's catalog beside the plan of a job that may be long over.
pub(crate) struct StandingStructure {
    /// `None` for files.
    pub facts: Option<StructuralFacts>,
    /// What is not carried under the plan that made the target.
    pub not_carried: Vec<String>,
    /// What the comparison does not show, as a sentence.
    pub note: Option<String>,
}

/// Compares the target's catalog with the plan, whoever made the tables. Which of them Sensei created, and so in all that
/// was planned, only the journal knows; a sentence says where there is none.
///
/// # Errors
/// If a catalog cannot be read.
pub(crate) async fn standing_structure(ends: &Ends) -> Result<StandingStructure> {
    let before = last_plan(ends).await.ok().flatten();
    let mut plan = ends.resolve(before.as_ref())?;
    let note = before.is_none().then(|| {
        "No journal says which tables were created by Sensei, so tables were compared in their columns only.".to_owned()
    });
    let exists = |table: &String| ends.target_catalog.tables.iter().any(|found| found.name == *table);
    plan.numbering.retain(|numbering| numbering.table.as_ref().is_none_or(exists));
    let numbers = numbering::settle(ends, &plan).await?;
    let facts = structure(ends, &plan, &numbers).await?;
    let note = note.filter(|_| facts.is_some());
    Ok(StandingStructure { facts, not_carried: plan.not_carried, note })
}

/// The plan of the newest job in the state, if there is one.
async fn last_plan(ends: &Ends) -> Result<Option<Plan>> {
    let doing = "looking for an earlier run";
    let state = existing_state(&ends.file.state)?;
    let job = journal::latest_job(state.store.clone(), state.prefix.clone(), &ends.file.name).await.doing(doing)?;
    let Some(job) = job else { return Ok(None) };
    let history = journal::history(state.store, state.prefix, &job, None).await.doing(doing)?;
    journaled_plan(&history).map(Some)
}
