//! One job from plan to certificate: find or begin it, open a generation, have its stages walked, conclude.

use std::path::PathBuf;
use std::sync::Arc;

use sensei_operators::Times;
use sensei_planner::Plan;
use sensei_storage::evidence::SigningKey;
use sensei_storage::journal::{self, Event, Generation, History, Interruption, Journal, Operation};
use sensei_storage::{Error, OnExisting, Sizing, Snapshot, Split, SplitId, System, Verdict, VerifyMode, row_v2};

use crate::clock::{self, Stopwatch, now_text};
use crate::context::Ends;
use crate::crew::{Alone, Crew};
use crate::failure::{Doing, Failure, Result};
use crate::limits::{CHECKPOINTS_PER_EPOCH_MAX, SPLITS_PER_TABLE_MAX};
use crate::lower::{LoweredTable, lower};
use crate::random;
use crate::rejects::Rejects;
use crate::report::{JobReport, Spent};
use crate::state::{Found, State, identity};
use crate::walk::{Walked, walk};
use crate::{certify, compare, large};

/// A generation no process of a job reaches by itself.
const GENERATION_LAST: u64 = u32::MAX as u64;

/// What `sensei run` was asked.
pub struct RunOptions {
    /// The plan file.
    pub plan: PathBuf,
    /// Start over although a journal exists.
    pub fresh: bool,
    /// Show nothing while it runs.
    pub quiet: bool,
}

/// A job under way.
pub(crate) struct Job {
    pub ends: Ends,
    pub plan: Plan,
    pub name: String,
    pub state: State,
    pub key: SigningKey,
    pub journal: Journal,
    pub history: History,
    pub tables: Arc<Vec<LoweredTable>>,
    pub snapshot: Arc<dyn Snapshot>,
    pub generation: u64,
    /// Where this run's time goes.
    pub times: Arc<Times>,
    /// What the job leaves out of its tables, for the certificate; `None` if it is about all of their rows.
    pub scope: Option<String>,
    /// Bytes of memory that a split of each table takes for its largest row, see [`large::measure`].
    pub large_bytes: Arc<Vec<u64>>,
    /// Who copies its splits.
    pub crew: Arc<dyn Crew>,
    pub quiet: bool,
}

/// Everything a job is made of but its journal.
pub(crate) struct Preparation {
    pub ends: Ends,
    pub state: State,
    pub key: SigningKey,
    pub plan: Plan,
    pub snapshot: Arc<dyn Snapshot>,
    pub scope: Option<String>,
    pub crew: Arc<dyn Crew>,
    pub quiet: bool,
}

/// A plan with both of its ends, about to be run or gone on with.
pub(crate) struct Undertaking {
    pub ends: Ends,
    pub state: State,
    pub key: SigningKey,
    pub crew: Arc<dyn Crew>,
    /// Start over although a journal exists.
    pub fresh: bool,
    pub quiet: bool,
}

/// Runs a plan on this machine, going on with an earlier run of the same plan where there is one.
///
/// # Errors
/// Whatever keeps the job from a verdict; a verdict other than `equivalent` is not an error.
pub async fn run(options: &RunOptions, key: SigningKey) -> Result<JobReport> {
    let ends = Ends::connect(&options.plan).await?;
    let state = State::open(&ends.file.state, ends.state()?, &ends.file.name)?;
    let crew = Arc::new(Alone);
    Undertaking { ends, state, key, crew, fresh: options.fresh, quiet: options.quiet }.run().await
}

impl Undertaking {
    /// Runs it, going on with an earlier run of the same plan where there is one.
    ///
    /// # Errors
    /// Whatever keeps the job from a verdict; a verdict other than `equivalent` is not an error.
    pub async fn run(self) -> Result<JobReport> {
        let watch = Stopwatch::start();
        match self.state.find(&self.ends.file.name, &self.key).await? {
            Found::Finished(history, job) if !self.fresh => {
                same_plan(&self.ends, &history, &job)?;
                finish_finished(&self.ends, &self.state, &self.key, &history, &job).await?;
                let certificate = self.state.certificate(&job).await?;
                JobReport::from_certificate(&certificate, self.state.certificate_name(&job), &job)
            }
            Found::Unfinished(history, job) if !self.fresh && !history.generations.is_empty() => {
                let plan = same_plan(&self.ends, &history, &job)?;
                self.prepare(plan).await?.resume(&job).await?.complete(watch).await
            }
            Found::Nothing => self.prepare_new(None).await?.begin(None).await?.complete(watch).await,
            Found::Finished(history, earlier) | Found::Unfinished(history, earlier) => {
                let prepared = self.prepare_new(Some(&history)).await?;
                prepared.begin(Some((*history, earlier))).await?.complete(watch).await
            }
        }
    }

    async fn prepare_new(self, earlier: Option<&History>) -> Result<Preparation> {
        let plan = self.ends.resolve_anew(left_undone(earlier)?.as_ref())?;
        refuse_occupied(&self.ends, &plan).await?;
        self.prepare(plan).await
    }

    async fn prepare(self, plan: Plan) -> Result<Preparation> {
        let snapshot = open_snapshot(&self.ends, &plan).await?;
        let Undertaking { ends, state, key, crew, quiet, .. } = self;
        Ok(Preparation { ends, state, key, plan, snapshot, scope: None, crew, quiet })
    }
}

/// Sees to it that no process of an abandoned job, wherever it runs, writes to the target any more.
async fn abandon(ends: &Ends, (history, job): &(History, String)) -> Result<()> {
    let doing = format!("ending the abandoned job {job}");
    let name = history.opening.name_in_target(job);
    ends.target.fence(&name, GENERATION_LAST).await.doing(doing.clone())?;
    ends.target.finish(&name, &[]).await.doing(doing)
}

/// The plan a journal was begun with.
pub(crate) fn journaled_plan(history: &History) -> Result<Plan> {
    serde_json::from_slice(&history.opening.plan_json)
        .map_err(|error| Failure::internal("reading the journal's plan", error))
}

/// The plan of a job that did not end `equivalent`, so that it may have left tables without their keys and indexes.
pub(crate) fn left_undone(earlier: Option<&History>) -> Result<Option<Plan>> {
    let is_undone =
        |history: &&History| history.finish.as_ref().is_none_or(|finish| finish.verdict != Verdict::Equivalent);
    earlier.filter(is_undone).map(journaled_plan).transpose()
}

/// Refuses to go on with a job whose plan, source tables or target types are not what they were.
pub(crate) fn same_plan(ends: &Ends, history: &History, job: &str) -> Result<Plan> {
    let encoding = &history.opening.row_encoding;
    if history.finish.is_none() && encoding != row_v2::ROW_ENCODING {
        return Err(Failure::usage(
            format!(
                "job {job} was begun by a version of sensei that hashes rows as {encoding}, not {}",
                row_v2::ROW_ENCODING
            ),
            "Let that version finish it, or start a new one with `--fresh`.",
        ));
    }
    let before = journaled_plan(history)?;
    let now = ends.resolve(Some(&before))?;
    if identity(&now) == history.opening.plan_sha256 {
        return Ok(now);
    }
    Err(Failure::usage(
        format!("the plan, or the schema it meets, has changed since job {job} began"),
        "Undo the change to go on with that job, or start a new one with `--fresh`.",
    ))
}

impl Preparation {
    /// Begins a new job in place of `earlier`, which is given up only once nothing stands in the new one's way.
    pub async fn begin(self, earlier: Option<(History, String)>) -> Result<Job> {
        let digest_key = random::key()?;
        let measured = self.measure(digest_key).await?;
        let opening = journal::Opening {
            plan_name: self.plan.name.clone(),
            plan_sha256: identity(&self.plan),
            plan_json: self.plan.canonical_json().into_bytes(),
            digest_key: hex::encode(digest_key),
            splits: cut(&self.ends, &self.plan, self.snapshot.as_ref()).await?,
            row_encoding: row_v2::ROW_ENCODING.to_owned(),
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: now_text(),
        };
        if let Some(earlier) = &earlier {
            abandon(&self.ends, earlier).await?;
        }
        let operation = if earlier.is_some() { Operation::Fresh } else { Operation::RunStarted };
        let (journal, history) = self.state.begin(&self.plan.name, &self.key, opening).await?;
        let name = journal.job().to_owned();
        self.state.audit(&self.key, &name, operation).await?;
        self.open(name, measured, journal, history).await
    }

    /// Takes up `job`, which was begun with the same plan.
    pub async fn resume(self, job: &str) -> Result<Job> {
        let (journal, history) = self.state.reopen(job, &self.key).await?;
        let mut digest_key = [0; 32];
        hex::decode_to_slice(&history.opening.digest_key, &mut digest_key)
            .map_err(|error| Failure::internal("reading the journal's digest key", error))?;
        same_files(&self.plan, self.snapshot.as_ref(), &history)?;
        let measured = self.measure(digest_key).await?;
        self.state.audit(&self.key, job, Operation::Resumed).await?;
        self.open(job.to_owned(), measured, journal, history).await
    }

    /// What is settled before anything is written, so that whatever does not fit is refused by then.
    async fn measure(&self, digest_key: [u8; 32]) -> Result<Measured> {
        let tables = Arc::new(lower(&self.plan, &self.ends.file.mask_keys(), digest_key)?);
        let large_bytes = Arc::new(large::measure(&self.plan, self.snapshot.as_ref()).await?);
        Ok(Measured { tables, large_bytes })
    }

    async fn open(self, name: String, measured: Measured, journal: Journal, history: History) -> Result<Job> {
        let Preparation { ends, state, key, plan, snapshot, scope, crew, quiet } = self;
        let Measured { tables, large_bytes } = measured;
        let (generation, times) = (0, Arc::new(Times::new(clock::nanoseconds)));
        Job {
            ends,
            plan,
            name,
            state,
            key,
            journal,
            history,
            tables,
            snapshot,
            generation,
            times,
            scope,
            large_bytes,
            crew,
            quiet,
        }
        .open_generation()
        .await
    }
}

/// What a job's tables come to.
struct Measured {
    tables: Arc<Vec<LoweredTable>>,
    large_bytes: Arc<Vec<u64>>,
}

/// The splits of files end where the files ended. What was appended or rewritten since would be missed or torn.
fn same_files(plan: &Plan, snapshot: &dyn Snapshot, history: &History) -> Result<()> {
    let is_files = matches!(plan.source.system, System::Csv | System::Parquet);
    let before = history.generations.first().map(|generation| generation.snapshot.clone());
    if !is_files || before == Some(snapshot.id()) {
        return Ok(());
    }
    Err(Error::Changed { what: format!("{} (since the job began)", plan.source.description) })
        .doing("taking up the job again")
}

/// A run that died after storing its certificate left the target's progress records and the last journal entry undone.
pub(crate) async fn finish_finished(
    ends: &Ends,
    state: &State,
    key: &SigningKey,
    history: &History,
    job: &str,
) -> Result<()> {
    let (None, Some(certificate_sha256)) = (&history.finish, &history.certificate_sha256) else { return Ok(()) };
    let report = JobReport::from_certificate(&state.certificate(job).await?, state.certificate_name(job), job)?;
    let plan = journaled_plan(history)?;
    if report.verdict != Verdict::Different {
        finish_target(ends, &plan, job, history).await?;
    }
    let (mut journal, _) = state.reopen(job, key).await?;
    journal.begin_generation().await.doing("ending the journal")?;
    let finish =
        journal::Finish { verdict: report.verdict, certificate_sha256: certificate_sha256.clone(), at: now_text() };
    journal.append(vec![Event::Finished(finish)]).await.doing("ending the journal")?;
    state.audit(key, job, Operation::Certified).await
}

async fn finish_target(ends: &Ends, plan: &Plan, job: &str, history: &History) -> Result<()> {
    let mut tables: Vec<_> = plan.tables.iter().map(|table| (table.target.clone(), Vec::new())).collect();
    for (split, checkpoint) in &history.finished {
        let table = history.splits[split.0 as usize].table as usize;
        tables[table].1.push(checkpoint.commit.clone());
    }
    ends.target.finish(&history.opening.name_in_target(job), &tables).await.doing("completing the target")
}

/// Under `on_existing: fail` a table with rows is somebody's data.
async fn refuse_occupied(ends: &Ends, plan: &Plan) -> Result<()> {
    if plan.on_existing != OnExisting::Fail {
        return Ok(());
    }
    let names: Vec<String> = plan.tables.iter().map(|table| table.target.name.clone()).collect();
    let occupied = ends.target.occupied(&names).await.doing("looking at the target's tables")?;
    if occupied.is_empty() {
        return Ok(());
    }
    let what = format!("target table \"{}\"", occupied.join("\", \""));
    Err(Error::Exists { what, why: "it has rows, and the plan says on_existing: fail".to_owned() })
        .doing("preparing the target")
}

pub(crate) async fn open_snapshot(ends: &Ends, plan: &Plan) -> Result<Arc<dyn Snapshot>> {
    let readers = plan.limits.source_connections as usize;
    ends.source.snapshot(readers).await.doing("opening a snapshot of the source")
}

/// Cuts every table into splits, numbered in table order.
async fn cut(ends: &Ends, plan: &Plan, snapshot: &dyn Snapshot) -> Result<Vec<Split>> {
    let sizing = Sizing { split_bytes: plan.limits.split_bytes, splits_max: SPLITS_PER_TABLE_MAX };
    let mut splits = Vec::new();
    for (index, planned) in plan.tables.iter().enumerate() {
        let found = ends.source_catalog.tables.iter().find(|table| table.name == planned.source);
        let table =
            found.ok_or_else(|| Failure::internal("cutting tables", "a planned table is not in the catalog"))?;
        let pieces = snapshot.pieces(table, sizing).await.doing(format!("cutting table \"{}\"", table.name))?;
        for piece in pieces {
            splits.push(Split {
                id: SplitId(splits.len() as u32),
                table: index as u32,
                range: piece.range,
                rows_estimate: piece.rows_estimate,
                bytes_estimate: piece.bytes_estimate,
            });
        }
    }
    Ok(splits)
}

impl Job {
    async fn open_generation(mut self) -> Result<Job> {
        let doing = "opening a generation";
        self.generation = self.journal.begin_generation().await.doing(doing)?;
        let generation = Generation { generation: self.generation, snapshot: self.snapshot.id(), at: now_text() };
        self.history.generations.push(generation.clone());
        self.journal.append(vec![Event::GenerationOpened(generation)]).await.doing(doing)?;
        Ok(self)
    }

    pub(crate) async fn complete(mut self, watch: Stopwatch) -> Result<JobReport> {
        let outcome = walk(&mut self).await;
        if let Err(failure) = &outcome {
            let interruption = Interruption { at: now_text(), why: failure.summary() };
            match self.journal.append(vec![Event::Interrupted(interruption)]).await {
                Ok(_) => {}
                // A newer run ends the sessions of the one it takes over from: what failed here is only a consequence.
                Err(error @ Error::Fenced { .. }) => return Err(error).doing("writing the journal"),
                Err(error) => tracing::warn!("the journal does not say why the job stopped: {error}"),
            }
        }
        self.certify(outcome?, watch).await
    }

    /// What the target calls the job.
    pub(crate) fn name_in_target(&self) -> String {
        self.history.opening.name_in_target(&self.name)
    }

    /// Makes the target's tables ready, and finds out which splits it has lost.
    pub(crate) async fn prepare(&mut self) -> Result<()> {
        let tables: Vec<_> = self.plan.tables.iter().map(|table| table.target.clone()).collect();
        let target = &self.ends.target;
        target.prepare(&self.name_in_target(), &tables, self.plan.on_existing).await.doing("preparing the target")?;
        target.fence(&self.name_in_target(), self.generation).await.doing("fencing earlier runs off the target")?;
        self.reopen_lost().await
    }

    /// Opens splits again that the journal has and the target does not: it was restored, failed over, or lost its last
    /// transactions in a crash.
    async fn reopen_lost(&mut self) -> Result<()> {
        let finished = &self.history.finished;
        let known: Vec<_> = finished.iter().map(|(split, checkpoint)| (*split, checkpoint.commit.clone())).collect();
        if known.is_empty() {
            return Ok(());
        }
        let still =
            self.ends.target.committed(&self.name_in_target(), &known).await.doing("comparing target and journal")?;
        let why = "the target no longer has its commit";
        let lost: Vec<SplitId> =
            known.into_iter().map(|(split, _)| split).filter(|split| !still.contains(split)).collect();
        for some in lost.chunks(CHECKPOINTS_PER_EPOCH_MAX) {
            let events = some.iter().map(|split| Event::SplitReopened { split: *split, why: why.to_owned() }).collect();
            self.journal.append(events).await.doing("writing the journal")?;
        }
        if !lost.is_empty() {
            tracing::warn!("{} of {} finished splits are copied again: {why}", lost.len(), self.history.finished.len());
        }
        for split in lost {
            self.history.finished.remove(&split);
            self.history.rejects.remove(&split);
            self.history.reopened += 1;
        }
        Ok(())
    }

    async fn certify(mut self, walked: Walked, watch: Stopwatch) -> Result<JobReport> {
        let copied = &walked.copied;
        let differences = if copied.differing.is_empty() || self.plan.verify != VerifyMode::Full {
            Vec::new()
        } else {
            compare::within_splits(&self, copied).await?
        };
        let predicate = certify::predicate(&self, &walked);
        let bytes = sensei_storage::evidence::issue(predicate, &self.key).doing("signing the certificate")?;
        let stored = self.journal.store_certificate(bytes.clone().into()).await.doing("storing the certificate")?;
        let mut report = JobReport::from_certificate(&bytes, self.state.certificate_name(&self.name), &self.name)?;
        if report.verdict != Verdict::Different {
            self.history.finished = copied.finished.clone();
            finish_target(&self.ends, &self.plan, &self.name, &self.history).await?;
        }
        let finish = journal::Finish { verdict: report.verdict, certificate_sha256: stored, at: now_text() };
        self.journal.append(vec![Event::Finished(finish)]).await.doing("ending the journal")?;
        self.state.audit(&self.key, &self.name, Operation::Certified).await?;
        report.differences = differences;
        report.name_orphans(&walked.references);
        report.notes.extend(
            walked
                .disturbed
                .iter()
                .map(|(table, disturbance)| disturbance.explain(&self.plan.tables[*table as usize].target.name)),
        );
        let rejected = !copied.rejects.is_empty();
        report.rejects = rejected.then(|| Rejects::new(&self.plan.rejects, &self.name).folder().display().to_string());
        report.spent = Spent::of(&self.times);
        report.elapsed_seconds = watch.elapsed().as_secs_f64();
        report.certified_earlier = false;
        Ok(report)
    }
}
