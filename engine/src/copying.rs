//! Copies and verifies every split of a job: what is granted, what is reported, checkpoints.

pub(crate) mod cuts;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use sensei_storage::journal::{Checkpoint, Event as JournalEvent, History, Reject};
use sensei_storage::{Begin, Split, SplitId, VerifyMode, Write};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;

use crate::cell::{Ended, Finished, Report};
use crate::crew::{Begun, Share};
use crate::enumerator::{Allocation, Grant, Recheck, Validation, Work};
use crate::failure::{Doing, Failure, Result};
use crate::interrupt;
use crate::job::Job;
use crate::large::for_large_rows;
use crate::limits::{CHECKPOINTS_PER_EPOCH_MAX, EPOCH_INTERVAL_MS};
use crate::progress::Progress;
use crate::rejects::Rejects;
use crate::runtime::{LaneContext, LargeBudget, ReadBack};
use crate::worker::Brief;

/// Why a split is done again that was copied as it was before it was cut: what was written beyond the cut is another one's.
const CUT_SINCE: &str = "it was cut while somebody who had lost it copied all of it";

/// What copying left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copied {
    /// Every split's last checkpoint.
    pub finished: BTreeMap<SplitId, Checkpoint>,
    /// Splits whose two sides differ.
    pub differing: Vec<SplitId>,
    /// Rejected rows by split.
    pub rejects: BTreeMap<SplitId, Reject>,
    /// Splits copied again because their source had changed.
    pub recopied: u64,
}

pub(crate) struct Copying<'a> {
    job: &'a mut Job,
    copied: Copied,
    rejects: Arc<Mutex<Rejects>>,
    rejected_under_way: BTreeMap<SplitId, u64>,
    pending: Vec<JournalEvent>,
    reopened: HashSet<SplitId>,
    /// Splits that were written, by those who do not read back what they wrote.
    written: HashSet<SplitId>,
    /// Splits whose rows are being taken out of the target. Beside everything else: a holder may keep what that waits for,
    /// a place among the writers, until the cut it proposes is answered.
    retracting: JoinSet<Result<SplitId>>,
    progress: Progress,
    splits_of: Vec<u64>,
    splits_done: Vec<u64>,
    begun: Begun,
    /// Takes the index of each table that is complete, while no row is known to differ.
    loaded: mpsc::UnboundedSender<usize>,
}

impl<'a> Copying<'a> {
    /// `loaded` learns of every table that is complete, as soon as it is.
    pub fn new(job: &'a mut Job, loaded: mpsc::UnboundedSender<usize>) -> Copying<'a> {
        let copied = Copied {
            finished: job.history.finished.clone(),
            rejects: job.history.rejects.clone(),
            recopied: job.history.reopened,
            differing: known_to_differ(&job.history),
        };
        let tables = job.plan.tables.len();
        let mut splits_of = vec![0; tables];
        let mut rows_of = vec![0; tables];
        for split in &job.history.splits {
            splits_of[split.table as usize] += 1;
            rows_of[split.table as usize] += split.rows_estimate;
        }
        let names: Vec<String> = job.plan.tables.iter().map(|table| table.source.clone()).collect();
        let progress = Progress::new("copying", &names.iter().cloned().zip(rows_of).collect::<Vec<_>>(), job.quiet);
        let rejects = Rejects::new(&job.plan.rejects, &job.name);
        let (grants, context) = (grants(job, &rejects), lane_context(job, &rejects));
        let rejects = Arc::new(Mutex::new(rejects));
        let (brief, shared) = (brief(job), is_shared(job));
        let share = Share { grants, context, rejects: rejects.clone(), tables: names, brief, shared };
        let begun = job.crew.begin(share);
        Copying {
            copied,
            rejects,
            rejected_under_way: BTreeMap::new(),
            pending: Vec::new(),
            reopened: HashSet::new(),
            written: HashSet::new(),
            retracting: JoinSet::new(),
            progress,
            splits_done: vec![0; tables],
            splits_of,
            begun,
            loaded,
            job,
        }
    }

    /// What grants the splits. Once it is closed nothing more is begun, and [`Copying::run`] fails when what is open is
    /// finished.
    pub fn splits(&self) -> Arc<dyn Allocation> {
        self.begun.allocation.clone()
    }

    /// Runs until every split is finished.
    ///
    /// # Errors
    /// The first failure; `Interrupted` if a person asked to stop. What was finished is in the journal either way.
    pub async fn run(mut self) -> Result<Copied> {
        self.count_inherited();
        let mut ending = std::mem::replace(&mut self.begun.ended, Box::pin(async { Ok(()) }));
        let mut interrupted = false;
        let mut tick = tokio::time::interval(Duration::from_millis(EPOCH_INTERVAL_MS));
        let outcome = loop {
            tokio::select! {
                biased;
                report = self.begun.reports.recv() => match report {
                    Some(report) => self.take(report).await?,
                    None => break ending.await,
                },
                Some(joined) = self.retracting.join_next(), if !self.retracting.is_empty() => self.retracted(joined)?,
                ended = &mut ending => break ended,
                _ = tick.tick() => self.flush().await?,
                () = interrupt::requested(), if !interrupted => {
                    interrupted = true;
                    self.begun.allocation.close();
                }
            }
        };
        while let Ok(report) = self.begun.reports.try_recv() {
            self.take(report).await?;
        }
        self.flush().await?;
        outcome?;
        while let Some(joined) = self.retracting.join_next().await {
            self.retracted(joined)?;
        }
        if self.copied.finished.len() == self.job.history.splits.len() {
            return Ok(self.copied);
        }
        if interrupted {
            return Err(Failure::Interrupted);
        }
        Err(Failure::internal("copying", "the workers ended before every split was finished"))
    }

    /// Under a quiesced source, splits finished earlier are not looked at again.
    fn count_inherited(&mut self) {
        if !trusts_checkpoints(self.job) {
            return;
        }
        for split in self.copied.finished.keys() {
            self.splits_done[self.job.history.splits[split.0 as usize].table as usize] += 1;
        }
        (0..self.splits_of.len()).for_each(|table| self.tell_loaded(table));
    }

    fn tell_loaded(&self, table: usize) {
        if self.splits_done[table] == self.splits_of[table] && self.copied.differing.is_empty() {
            // Nobody listens any more only when the job has failed already.
            let _ = self.loaded.send(table);
        }
    }

    async fn take(&mut self, report: Report) -> Result<()> {
        match report {
            Report::Moved { table, rows, bytes } => {
                self.progress.moved(table, rows, bytes);
                Ok(())
            }
            Report::Rejecting { split, rows } => {
                self.rejected_under_way.insert(split, rows);
                self.check_rejects().await
            }
            Report::Proposed(proposed) => self.cut(proposed).await,
            Report::Ended(ended) => self.ended(ended).await,
        }
    }

    async fn ended(&mut self, ended: Ended) -> Result<()> {
        let split = ended.split();
        self.rejected_under_way.remove(&split);
        match ended {
            Ended::Refused { split, again } => {
                self.begun.allocation.complete(split, Some(again));
                Ok(())
            }
            Ended::Written(validation) if !self.is_as_cut(split, &validation.finished.range) => {
                self.reopen(split, CUT_SINCE).await
            }
            Ended::Written(validation) => self.written(validation).await,
            Ended::Finished(finished) if !self.is_as_cut(split, &finished.range) => self.reopen(split, CUT_SINCE).await,
            // Committed by an earlier run under another snapshot: the source has changed since.
            Ended::Finished(finished) if !finished.sound && finished.inherited => {
                self.reopen(split, "the source changed since it was committed").await
            }
            Ended::Finished(finished) => self.finished(*finished).await,
        }
    }

    /// Has a split read back that was only written.
    async fn written(&mut self, validation: Box<Validation>) -> Result<()> {
        let (split, reject) = (validation.finished.checkpoint.split, &validation.finished.reject);
        if let Some(reject) = reject {
            self.rejected_under_way.insert(split, reject.rows);
        }
        self.written.insert(split);
        self.begun.allocation.complete(split, Some(Work::Validate(validation)));
        self.check_rejects().await
    }

    /// Stops as soon as more rows are rejected than the plan allows.
    async fn check_rejects(&mut self) -> Result<()> {
        let max = self.job.plan.rejects.max;
        let rejected = self.rejected();
        if rejected <= max {
            return Ok(());
        }
        self.rejects().finish_all()?;
        self.flush().await?;
        let folder = self.rejects().folder().display().to_string();
        Err(Failure::TooManyRejects { rejected, max, folder })
    }

    /// Rows rejected so far; a split under way counts as it is now, not as it was under an earlier run.
    fn rejected(&self) -> u64 {
        let settled = self.copied.rejects.iter().filter(|(split, _)| !self.rejected_under_way.contains_key(split));
        settled.map(|(_, reject)| reject.rows).chain(self.rejected_under_way.values().copied()).sum()
    }

    fn rejects(&self) -> MutexGuard<'_, Rejects> {
        self.rejects.lock().expect("a panic elsewhere ends the process")
    }

    async fn finished(&mut self, finished: Finished) -> Result<()> {
        let Finished { mut checkpoint, reject, sound, .. } = finished;
        let split = checkpoint.split;
        checkpoint.attempt += u32::from(self.reopened.contains(&split));
        self.begun.allocation.complete(split, None);
        self.copied.rejects.remove(&split);
        if let Some(reject) = reject {
            self.pending.push(JournalEvent::Rejected(reject.clone()));
            self.copied.rejects.insert(split, reject);
        }
        self.pending.push(JournalEvent::SplitDone(checkpoint.clone()));
        self.copied.finished.insert(split, checkpoint);
        self.copied.differing.retain(|differing| *differing != split);
        if !sound {
            self.copied.differing.push(split);
        }
        let of = self.job.history.splits[split.0 as usize].table;
        let table = of as usize;
        self.splits_done[table] += 1;
        self.progress.verified(of, self.splits_done[table], self.splits_of[table], sound);
        self.tell_loaded(table);
        if self.pending.len() >= CHECKPOINTS_PER_EPOCH_MAX {
            self.flush().await?;
        }
        self.check_rejects().await
    }

    /// Takes a split's rows out of the target and has it copied anew, once everything to be rechecked was: a key that
    /// moved from one split to another must be gone from the first before it arrives in the second.
    async fn reopen(&mut self, split: SplitId, why: &str) -> Result<()> {
        self.copied.finished.remove(&split);
        self.copied.rejects.remove(&split);
        self.copied.differing.retain(|differing| *differing != split);
        self.copied.recopied += 1;
        self.reopened.insert(split);
        self.pending.push(JournalEvent::SplitReopened { split, why: why.to_owned() });
        self.flush().await?;
        let retracting = self.retract(split);
        self.retracting.spawn(retracting.in_current_span());
        Ok(())
    }

    /// Replaces what a split committed by nothing.
    fn retract(&self, split: SplitId) -> impl Future<Output = Result<SplitId>> + Send + 'static {
        let table = self.job.tables[self.job.history.splits[split.0 as usize].table as usize].target.clone();
        let target = self.job.ends.target.clone();
        let doing = format!("taking rows back from table \"{}\"", table.name);
        let write = Write {
            job: self.job.name_in_target(),
            generation: self.job.generation,
            split,
            table,
            replace: true,
            evict: false,
        };
        async move {
            match target.begin(write).await.doing(doing.clone())? {
                Begin::Writer(writer) => writer.commit(0).await.doing(doing).map(|_| split),
                Begin::Committed(_) => Err(Failure::internal(doing, "the target kept what it should replace")),
            }
        }
    }

    /// Has a split copied anew whose rows are out of the target.
    fn retracted(&self, joined: std::result::Result<Result<SplitId>, JoinError>) -> Result<()> {
        let split = joined.map_err(|error| Failure::internal("taking rows back", error))??;
        self.begun.allocation.complete(split, Some(Work::Recopy));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.pending);
        self.job.journal.append(events).await.doing("writing the journal")
    }
}

fn brief(job: &Job) -> Brief {
    Brief {
        name_in_target: job.name_in_target(),
        job: job.name.clone(),
        generation: job.generation,
        plan: job.plan.clone(),
        digest_key: job.history.opening.digest_key.clone(),
        snapshot: job.snapshot.id(),
        separate: false,
        large_bytes: job.large_bytes.to_vec(),
    }
}

fn is_shared(job: &Job) -> bool {
    job.ends.source.shares_snapshots() && job.ends.target.shares_writing()
}

fn lane_context(job: &Job, rejects: &Rejects) -> LaneContext {
    LaneContext {
        job: job.name_in_target(),
        generation: job.generation,
        snapshot: Some(job.snapshot.clone()),
        target: job.ends.target.clone(),
        tables: job.tables.clone(),
        times: job.times.clone(),
        read_back: if job.plan.verify == VerifyMode::Off { ReadBack::Never } else { ReadBack::Here },
        memory_bytes: job.plan.limits.memory_bytes,
        large: LargeBudget::new(for_large_rows(job.plan.limits.memory_bytes), job.large_bytes.clone()),
        workers: job.plan.limits.workers as usize,
        rejects_max: job.plan.rejects.max,
        rejects_folder: rejects.folder().display().to_string(),
    }
}

/// Whether splits finished earlier need no second look: the plan says that nobody writes to the source. Under masks they
/// do, since nothing in the journal tells whether the key is still the same.
pub(crate) fn trusts_checkpoints(job: &Job) -> bool {
    let masked = job.plan.tables.iter().flat_map(|table| &table.columns).any(|column| column.mask.is_some());
    job.plan.quiesced && !masked
}

/// Splits an earlier run finished and found different.
fn known_to_differ(history: &History) -> Vec<SplitId> {
    let differs = |checkpoint: &&Checkpoint| checkpoint.actual.is_some_and(|actual| actual != checkpoint.expected);
    history.finished.values().filter(differs).map(|checkpoint| checkpoint.split).collect()
}

/// What is left to do: splits never finished, and, unless the source is quiesced, those finished under a snapshot that
/// is gone.
fn grants(job: &Job, rejects: &Rejects) -> Vec<Grant> {
    let recheck = |checkpoint: &Checkpoint| {
        let refused = job.history.rejects.get(&checkpoint.split).map(|reject| rejects.refused(reject));
        Work::Recheck(Box::new(Recheck { checkpoint: checkpoint.clone(), refused: refused.unwrap_or_default() }))
    };
    let grant = |split: &Split| {
        let work = match job.history.finished.get(&split.id) {
            None => Work::Copy(rejects.refused_then(split.id)),
            Some(_) if trusts_checkpoints(job) => return None,
            Some(checkpoint) => recheck(checkpoint),
        };
        Some(Grant::new(split.clone(), work))
    };
    job.history.splits.iter().filter_map(grant).collect()
}
