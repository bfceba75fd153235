//! `status`: where jobs stand, from their journals alone.

use std::path::Path;

use sensei_storage::journal::{self, History};
use serde::Serialize;

use crate::cli::{Output, StatusArgs};
use crate::command::present;
use crate::context::{existing_state, read_plan_file};
use crate::failure::{Doing, Exit, Failure, Result};

#[derive(Serialize)]
struct Status {
    job: String,
    state: String,
    splits_finished: usize,
    splits: usize,
    rows_written: u64,
    rows_rejected: u64,
    started_at: String,
    resumes: u64,
    epochs: u64,
}

#[derive(Serialize)]
struct Statuses {
    jobs: Vec<Status>,
}

/// Prints where one job, or every job, stands.
pub async fn status(args: &StatusArgs, output: Output) -> Result<Exit> {
    let (state, wanted) = place(args).await?;
    let doing = "reading the state";
    let (store, prefix) = (state.store.clone(), state.prefix.clone());
    let mut jobs = journal::jobs(store.clone(), prefix.clone()).await.doing(doing)?;
    if let Some(wanted) = &wanted {
        let newest = jobs.iter().rev().find(|job| *job == wanted || runs_plan(job, wanted)).cloned();
        let missing = || {
            Failure::usage(format!("there is no job of \"{wanted}\" in the state"), "List them with `sensei status`.")
        };
        jobs = vec![newest.ok_or_else(missing)?];
    }
    let mut statuses = Statuses { jobs: Vec::new() };
    for job in jobs {
        let history = journal::history(store.clone(), prefix.clone(), &job, None).await.doing(doing)?;
        statuses.jobs.push(Status::of(job, &history));
    }
    present(&statuses, || statuses.jobs.iter().map(Status::text).collect(), output)?;
    Ok(Exit::Done)
}

fn runs_plan(job: &str, plan: &str) -> bool {
    job.rsplit_once('-').is_some_and(|(name, _)| name == plan)
}

/// The state and what to look for in it: a plan file names both.
async fn place(args: &StatusArgs) -> Result<(sensei_storage::ObjectFolder, Option<String>)> {
    match &args.plan_or_job {
        Some(name) if Path::new(name).is_file() => {
            let file = read_plan_file(Path::new(name)).await?;
            Ok((existing_state(&file.state)?, Some(file.name)))
        }
        wanted => Ok((existing_state(&args.state)?, wanted.clone())),
    }
}

impl Status {
    fn of(job: String, history: &History) -> Status {
        let state = match (&history.finish, &history.certificate_sha256, &history.interrupted) {
            (Some(finish), _, _) => finish.verdict.to_string(),
            (None, Some(_), _) => "certified, target not completed: run it again".to_owned(),
            (None, None, Some(stop)) => format!("stopped at {} ({}): run it again", stop.at, stop.why),
            (None, None, None) => "not finished: running, or cut off; run it again to go on".to_owned(),
        };
        Status {
            job,
            state,
            splits_finished: history.finished.len(),
            splits: history.splits.len(),
            rows_written: history.finished.values().map(|checkpoint| checkpoint.rows_written).sum(),
            rows_rejected: history.finished.values().map(|checkpoint| checkpoint.rows_rejected).sum(),
            started_at: history.opening.started_at.clone(),
            resumes: history.resumes(),
            epochs: history.epochs,
        }
    }

    fn text(&self) -> String {
        format!(
            "{}: {}\n  {} of {} splits, {} rows written, {} rejected; started {}, resumed {} times\n",
            self.job,
            self.state,
            self.splits_finished,
            self.splits,
            self.rows_written,
            self.rows_rejected,
            self.started_at,
            self.resumes
        )
    }
}
