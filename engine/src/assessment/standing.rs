//! Whether a job of the plan has begun, and what a run would do about it. Reads the state and never makes it.

use sensei_planner::{Plan, Problem};
use sensei_storage::Error;
use sensei_storage::journal::{self, History};

use crate::assessment::model::{JobStanding, JobState};
use crate::context::{Ends, existing_state};
use crate::failure::{Doing, Failure, Result};
use crate::job::{left_undone, same_plan};

/// The plan as a run would take it up.
pub struct Outlook {
    /// The plan, or why there is none.
    pub plan: std::result::Result<Plan, Vec<Problem>>,
    /// The newest job.
    pub job: Option<JobStanding>,
    /// Its history, if a run would go on with it.
    pub history: Option<History>,
}

/// Resolves the plan as the next run would: going on with an unfinished job, or anew.
///
/// # Errors
/// If the state cannot be read, or was altered.
pub async fn outlook(ends: &Ends) -> Result<Outlook> {
    let Some((job, history)) = newest(ends).await? else {
        return Ok(Outlook { plan: anew(ends, None)?, job: None, history: None });
    };
    let same = same_plan(ends, &history, &job);
    let finished = history.certificate_sha256.is_some();
    let state = match &same {
        _ if finished => JobState::Finished,
        Ok(_) => JobState::Resumable,
        Err(_) => JobState::Changed,
    };
    let standing =
        JobStanding { job, state, splits_finished: history.finished.len() as u64, splits: history.splits.len() as u64 };
    Ok(match same {
        Ok(plan) if !finished => Outlook { plan: Ok(plan), job: Some(standing), history: Some(history) },
        _ => Outlook { plan: anew(ends, Some(&history))?, job: Some(standing), history: None },
    })
}

fn anew(ends: &Ends, earlier: Option<&History>) -> Result<std::result::Result<Plan, Vec<Problem>>> {
    match ends.resolve_anew(left_undone(earlier)?.as_ref()) {
        Ok(plan) => Ok(Ok(plan)),
        Err(Failure::Plan(problems)) => Ok(Err(problems)),
        Err(other) => Err(other),
    }
}

/// The newest job that got as far as a generation. One that did not is begun anew.
async fn newest(ends: &Ends) -> Result<Option<(String, History)>> {
    let state = match existing_state(&ends.file.state) {
        Err(Failure::Storage { error: Error::Missing { .. }, .. }) => return Ok(None),
        state => state?,
    };
    let (store, prefix) = (state.store.clone(), state.prefix.clone());
    let doing = "looking for an earlier run";
    let Some(job) = journal::latest_job(store.clone(), prefix.clone(), &ends.file.name).await.doing(doing)? else {
        return Ok(None);
    };
    let doing = format!("reading the journal of job {job}");
    let history = journal::history(store, prefix, &job, None).await.doing(doing)?;
    Ok((!history.generations.is_empty()).then_some((job, history)))
}
