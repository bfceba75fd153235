//! `rejects list` and `rejects retry`.

use sensei_planner::RejectsPlan;

use crate::cli::{Output, RejectsListArgs, RejectsRetryArgs};
use crate::command::{key, present};
use crate::context::{existing_state, read_plan_file};
use crate::failure::{Exit, Failure, Result};
use crate::rejects::{Rejects, Tally};
use crate::retry::chain::Journals;
use crate::retry::{self, RetryOptions};

/// Sums up what is outstanding, from the state and the rejects folder alone.
pub async fn list(args: &RejectsListArgs, output: Output) -> Result<Exit> {
    let file = read_plan_file(&args.plan).await?;
    let state = existing_state(&file.state)?;
    let journals = Journals { store: state.store.clone(), prefix: state.prefix.clone(), key: None };
    let missing = || Failure::usage(format!("plan \"{}\" has not run yet", file.name), "Run it with `sensei run`.");
    let basis = journals.outstanding(&file.name).await?.ok_or_else(missing)?.basis;
    let plan = RejectsPlan { max: file.rejects.max, to: file.rejects.to.clone(), rows: file.rejects.rows };
    let rejects = Rejects::new(&plan, &basis.job);
    let mut tally = Tally::new(args.rows);
    rejects.for_each(|line| tally.add(line))?;
    let finished = basis.has_ended();
    let listing = tally.finish(basis.job, finished, rejects.folder());
    present(&listing, || listing.text(), output)?;
    Ok(Exit::Done)
}

/// Tries them again.
pub async fn retry(args: RejectsRetryArgs, output: Output, quiet: bool) -> Result<Exit> {
    let key = key::load(&args.key)?;
    let (report, exit) = retry::retry(&RetryOptions { plan: args.plan, quiet }, key).await?;
    present(&report, || report.text(), output)?;
    Ok(exit)
}
