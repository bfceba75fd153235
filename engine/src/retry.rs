//! `sensei rejects retry`: the rows that a plan's last job rejected, once more. A retry is a job of its own over a view of
//! the source that shows these rows only, appending to what is there; so it is journaled, verified and certified like any
//! other, and rows that are rejected again are its rejects.

pub(crate) mod chain;
mod chosen;
mod doubled;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;

use sensei_planner::{Plan, RelationPlan};
use sensei_storage::evidence::SigningKey;
use sensei_storage::{Begin, OnExisting, Snapshot, System, Write};

use crate::clock::Stopwatch;
use crate::context::Ends;
use crate::crew::Alone;
use crate::failure::{Doing, Exit, Failure, Result};
use crate::job::{Preparation, finish_finished, journaled_plan, open_snapshot};
use crate::limits::RETRY_ROWS_MAX;
use crate::lower::lower;
use crate::random;
use crate::rejects::Rejects;
use crate::report::{JobReport, counted};
use crate::state::{State, identity};
use chain::{Journals, Known, Outstanding, retry_name};
use chosen::Chosen;
use doubled::refuse_doubles;
use wanted::Wanted;

/// What `sensei rejects retry` was asked.
pub struct RetryOptions {
    /// The plan file.
    pub plan: PathBuf,
    /// Show nothing while it runs.
    pub quiet: bool,
}

/// Tries the rejected rows of a plan's last job again: found in the source by their keys, under the plan as it is now.
///
/// # Errors
/// Whatever keeps it from a verdict. A row that is refused again is not an error.
pub async fn retry(options: &RetryOptions, key: SigningKey) -> Result<(JobReport, Exit)> {
    let watch = Stopwatch::start();
    let ends = Ends::connect(&options.plan).await?;
    refuse_files(&ends)?;
    let state = State::open(&ends.file.state, ends.state()?, &ends.file.name)?;
    let outstanding = find(&ends, &state, &key).await?;
    let plan = ends.resolve(None)?;
    let lowered = lower(&plan, &ends.file.mask_keys(), random::key()?)?;
    let lines = Rejects::new(&plan.rejects, &outstanding.basis.job).outstanding(&outstanding.basis.history)?;
    let mut wanted = Wanted::of(lines, &lowered)?;
    let inner = open_snapshot(&ends, &plan).await?;
    let snapshot: Arc<dyn Snapshot> = Arc::new(Chosen::new(inner, wanted.pickers(&lowered), &lowered));
    wanted.keep_present(snapshot.as_ref(), &lowered).await?;
    if wanted.count() == 0 {
        return nothing_to_try(&outstanding, &wanted);
    }
    let plan = restricted(plan, &outstanding.root, &wanted);
    let scope = format!("Only rows that job {} had rejected were read.", outstanding.basis.job);
    let rejects = plan.rejects.clone();
    let same = |known: &Known| known.history.opening.plan_sha256 == identity(&plan);
    let resumable = outstanding.under_way.as_ref().filter(|known| same(known)).map(|known| known.job.clone());
    if let (None, Some(known)) = (&resumable, &outstanding.under_way) {
        give_up(&ends, &state, &key, known).await?;
    }
    if resumable.is_none() {
        let tried: Vec<_> = lowered.into_iter().filter(|table| wanted.has(&table.source)).collect();
        refuse_doubles(&ends, snapshot.as_ref(), &tried).await?;
    }
    let (scope, crew, quiet) = (Some(scope), Arc::new(Alone), options.quiet);
    let preparation = Preparation { ends, state, key, plan, snapshot, scope, crew, quiet };
    let job = match resumable {
        Some(job) => preparation.resume(&job).await?,
        None => preparation.begin(None).await?,
    };
    Rejects::new(&rejects, &job.name).keep_untried(&wanted.lost)?;
    Ok(conclude(job.complete(watch).await?, &wanted))
}

/// Parquet tables are final.
fn refuse_files(ends: &Ends) -> Result<()> {
    if ends.target_catalog.system != System::Parquet {
        return Ok(());
    }
    Err(Failure::usage(
        "rows cannot be added to a finished Parquet table",
        "Correct the source or the plan, and copy again with `sensei run --fresh`.",
    ))
}

/// What is to be tried, once every job before it has come to its end.
async fn find(ends: &Ends, state: &State, key: &SigningKey) -> Result<Outstanding> {
    let ((store, prefix), public) = (state.place(), key.public());
    let journals = Journals { store, prefix, key: Some(&public) };
    let name = &ends.file.name;
    let missing = || Failure::usage(format!("plan \"{name}\" has not run yet"), "Run it with `sensei run`.");
    let outstanding = journals.outstanding(name).await?.ok_or_else(missing)?;
    let basis = &outstanding.basis;
    if !basis.has_ended() {
        return Err(Failure::usage(
            format!("job {} is not finished", basis.job),
            "Run it to its end with `sensei run`, then try again what it rejected.",
        ));
    }
    finish_finished(ends, state, key, &basis.history, &basis.job).await?;
    Ok(outstanding)
}

fn nothing_to_try(outstanding: &Outstanding, wanted: &Wanted) -> Result<(JobReport, Exit)> {
    let job = &outstanding.basis.job;
    match wanted.notes.first() {
        None => Err(Failure::usage(
            format!("job {job} left no rejected rows behind"),
            "There is nothing to try again; compare both sides with `sensei verify`.",
        )),
        Some(_) => Err(Failure::usage(
            wanted.notes.join("; "),
            "Correct the source or the plan, and copy again with `sensei run --fresh`.",
        )),
    }
}

/// The plan, about the tables that have rejected rows, adding to what is there. However many are rejected again, it is not
/// more than before.
fn restricted(mut plan: Plan, root: &str, wanted: &Wanted) -> Plan {
    plan.name = retry_name(root);
    plan.on_existing = OnExisting::Append;
    plan.rejects.max = RETRY_ROWS_MAX;
    let has = |table: &usize| wanted.has(&plan.tables[*table].source);
    let kept: Vec<usize> = (0..plan.tables.len()).filter(has).collect();
    // Relations name tables by their position.
    let moved = |table: usize| kept.iter().position(|kept| *kept == table);
    let relations = plan.relations.into_iter().filter_map(|relation| {
        Some(RelationPlan { child: moved(relation.child)?, parent: moved(relation.parent)?, ..relation })
    });
    plan.relations = relations.collect();
    plan.tables.retain(|table| wanted.has(&table.source));
    plan.objects.clear();
    let is_target = |name: &String| plan.tables.iter().any(|table| table.target.name == *name);
    plan.numbering.retain(|numbering| numbering.table.as_ref().is_some_and(is_target));
    plan.lossy.retain(|rule| wanted.has(&rule.table));
    plan
}

/// Takes back what an unfinished retry under another plan has written, so that its rows can be tried anew.
async fn give_up(ends: &Ends, state: &State, key: &SigningKey, known: &Known) -> Result<()> {
    let doing = format!("taking back the unfinished job {}", known.job);
    let plan = journaled_plan(&known.history)?;
    let (mut journal, history) = state.reopen(&known.job, key).await?;
    let generation = journal.begin_generation().await.doing(doing.clone())?;
    let tables: Vec<_> = plan.tables.iter().map(|table| table.target.clone()).collect();
    let job = history.opening.name_in_target(&known.job);
    ends.target.prepare(&job, &tables, plan.on_existing).await.doing(doing.clone())?;
    ends.target.fence(&job, generation).await.doing(doing.clone())?;
    for split in &history.splits {
        let table = Arc::new(tables[split.table as usize].clone());
        let write = Write { job: job.clone(), generation, split: split.id, table, replace: true, evict: false };
        if let Begin::Writer(writer) = ends.target.begin(write).await.doing(doing.clone())? {
            writer.commit(0).await.doing(doing.clone())?;
        }
    }
    ends.target.finish(&job, &[]).await.doing(doing)
}

/// Says what became of the rows.
fn conclude(mut report: JobReport, wanted: &Wanted) -> (JobReport, Exit) {
    let sum = |count: fn(&crate::report::TableReport) -> u64| report.tables.iter().map(count).sum::<u64>();
    let (arrived, rejected) = (sum(|table| table.rows_written), sum(|table| table.rows_rejected));
    let rows = wanted.count() + wanted.lost.len() as u64;
    let mut notes = vec![format!("{arrived} of {} arrived", counted(rows, "rejected row"))];
    if rejected > 0 {
        notes.push(format!("{} rejected again; see `sensei rejects list`", counted(rejected, "row")));
    }
    notes.extend(wanted.notes.iter().cloned());
    notes.push(
        "The certificate of the job that rejected them describes the target before; compare all with `sensei verify`."
            .to_owned(),
    );
    report.notes.extend(notes);
    let exit = match report.exit() {
        Exit::Done if rejected > 0 || !wanted.lost.is_empty() => Exit::Rejects,
        exit => exit,
    };
    (report, exit)
}
