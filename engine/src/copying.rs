//! Copies and verifies every split of a job: grants, outcomes, rejects, checkpoints.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sensei_operators::Outcome;
use sensei_storage::journal::{Checkpoint, Event as JournalEvent, History, Reject};
use sensei_storage::{Begin, Split, SplitId, VerifyMode, Write};
use tokio::sync::mpsc;

use crate::enumerator::{Enumerator, Grant, LocalEnumerator, Recheck, Work};
use crate::failure::{Doing, Failure, Result};
use crate::interrupt;
use crate::job::Job;
use crate::large::for_large_rows;
use crate::limits::{CHECKPOINTS_PER_EPOCH_MAX, EPOCH_INTERVAL_MS};
use crate::progress::Progress;
use crate::rejects::Rejects;
use crate::runtime::{Event, LaneContext, LargeBudget, SplitWork, Workers};

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
    rejects: Rejects,
    rejected_under_way: BTreeMap<SplitId, u64>,
    pending: Vec<JournalEvent>,
    reopened: HashSet<SplitId>,
    progress: Progress,
    splits_of: Vec<u64>,
    splits_done: Vec<u64>,
    enumerator: Arc<LocalEnumerator>,
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
        for split in &job.history.opening.splits {
            splits_of[split.table as usize] += 1;
            rows_of[split.table as usize] += split.rows_estimate;
        }
        let names = job.plan.tables.iter().map(|table| table.source.clone());
        let progress = Progress::new("copying", &names.zip(rows_of).collect::<Vec<_>>(), job.quiet);
        let rejects = Rejects::new(&job.plan.rejects, &job.name);
        let enumerator = Arc::new(LocalEnumerator::new(grants(job, &rejects)));
        Copying {
            copied,
            rejects,
            rejected_under_way: BTreeMap::new(),
            pending: Vec::new(),
            reopened: HashSet::new(),
            progress,
            splits_done: vec![0; tables],
            splits_of,
            enumerator,
            loaded,
            job,
        }
    }

    /// What grants the splits. Once it is closed nothing more is begun, and [`Copying::run`] fails when what is open is
    /// finished.
    pub fn splits(&self) -> Arc<LocalEnumerator> {
        self.enumerator.clone()
    }

    /// Runs until every split is finished.
    ///
    /// # Errors
    /// The first failure; `Interrupted` if a person asked to stop. What was finished is in the journal either way.
    pub async fn run(mut self) -> Result<Copied> {
        self.count_inherited();
        let (events, mut received) = mpsc::unbounded_channel();
        let workers = Workers::start(Arc::new(self.lane_context()), self.enumerator.clone(), events)?;
        let mut ending = Box::pin(workers.finish());
        let mut interrupted = false;
        let mut tick = tokio::time::interval(Duration::from_millis(EPOCH_INTERVAL_MS));
        let outcome = loop {
            tokio::select! {
                biased;
                event = received.recv() => match event {
                    Some(event) => self.take(event).await?,
                    None => break ending.await,
                },
                ended = &mut ending => break ended,
                _ = tick.tick() => self.flush().await?,
                () = interrupt::requested(), if !interrupted => {
                    interrupted = true;
                    self.enumerator.close();
                }
            }
        };
        while let Ok(event) = received.try_recv() {
            self.take(event).await?;
        }
        self.flush().await?;
        if let Err(Failure::TooManyRejects { .. }) = &outcome {
            self.rejects.finish_all()?;
        }
        outcome?;
        if self.copied.finished.len() == self.job.history.opening.splits.len() {
            return Ok(self.copied);
        }
        if interrupted {
            return Err(Failure::Interrupted);
        }
        Err(Failure::internal("copying", "the workers ended before every split was finished"))
    }

    fn lane_context(&self) -> LaneContext {
        LaneContext {
            job: self.job.name_in_target(),
            generation: self.job.generation,
            snapshot: self.job.snapshot.clone(),
            target: self.job.ends.target.clone(),
            tables: self.job.tables.clone(),
            times: self.job.times.clone(),
            read_back: self.job.plan.verify != VerifyMode::Off,
            memory_bytes: self.job.plan.limits.memory_bytes,
            large: LargeBudget::new(for_large_rows(self.job.plan.limits.memory_bytes), self.job.large_bytes.clone()),
            workers: self.job.plan.limits.workers as usize,
            rejects_max: self.job.plan.rejects.max,
            rejects_folder: self.rejects.folder().display().to_string(),
        }
    }

    /// Under a quiesced source, splits finished earlier are not looked at again.
    fn count_inherited(&mut self) {
        if !trusts_checkpoints(self.job) {
            return;
        }
        for split in self.copied.finished.keys() {
            self.splits_done[self.job.history.opening.splits[split.0 as usize].table as usize] += 1;
        }
        (0..self.splits_of.len()).for_each(|table| self.tell_loaded(table));
    }

    fn tell_loaded(&self, table: usize) {
        if self.splits_done[table] == self.splits_of[table] && self.copied.differing.is_empty() {
            // Nobody listens any more only when the job has failed already.
            let _ = self.loaded.send(table);
        }
    }

    async fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Moved { table, rows, bytes } => self.progress.moved(table, rows, bytes),
            Event::Rejected { work, rejected, permit } => {
                let table = &self.job.plan.tables[work.grant.split.table as usize].source;
                self.rejects.add(work.grant.split.id, table, &rejected)?;
                drop(permit);
                *self.rejected_under_way.entry(work.grant.split.id).or_default() += rejected.len() as u64;
                self.check_rejects().await?;
            }
            Event::Committing { split, settled } => {
                self.rejects.settle(split)?;
                // The lane is gone only after a failure.
                let _ = settled.send(());
            }
            Event::Refused { work } => {
                let split = work.grant.split.id;
                self.rejects.discard(split)?;
                self.rejected_under_way.remove(&split);
                self.enumerator.complete(split, Some(work.grant.work.refused()));
            }
            Event::Done { work, outcome } => self.done(&work, *outcome).await?,
        }
        Ok(())
    }

    /// Stops as soon as more rows are rejected than the plan allows.
    async fn check_rejects(&mut self) -> Result<()> {
        let max = self.job.plan.rejects.max;
        let rejected = self.rejected();
        if rejected <= max {
            return Ok(());
        }
        self.rejects.finish_all()?;
        self.flush().await?;
        let folder = self.rejects.folder().display().to_string();
        Err(Failure::TooManyRejects { rejected, max, folder })
    }

    /// Rows rejected so far; a split under way counts as it is now, not as it was under an earlier run.
    fn rejected(&self) -> u64 {
        let settled = self.copied.rejects.iter().filter(|(split, _)| !self.rejected_under_way.contains_key(split));
        settled.map(|(_, reject)| reject.rows).chain(self.rejected_under_way.values().copied()).sum()
    }

    async fn done(&mut self, work: &SplitWork, outcome: Outcome) -> Result<()> {
        let split = &work.grant.split;
        let reject = self.rejects.finish(split.id)?;
        self.rejected_under_way.remove(&split.id);
        let sound = outcome.difference.is_zero();
        if !sound && work.inherited {
            // Committed by an earlier run under another snapshot: the source has changed since.
            return self.reopen(split).await;
        }
        self.enumerator.complete(split.id, None);
        let checkpoint = self.checkpoint(split, &work.grant.work, outcome);
        self.copied.rejects.remove(&split.id);
        if let Some(reject) = reject {
            self.pending.push(JournalEvent::Rejected(reject.clone()));
            self.copied.rejects.insert(split.id, reject);
        }
        self.pending.push(JournalEvent::SplitDone(checkpoint.clone()));
        self.copied.finished.insert(split.id, checkpoint);
        self.copied.differing.retain(|differing| *differing != split.id);
        if !sound {
            self.copied.differing.push(split.id);
        }
        let table = split.table as usize;
        self.splits_done[table] += 1;
        self.progress.verified(split.table, self.splits_done[table], self.splits_of[table], sound);
        self.tell_loaded(table);
        if self.pending.len() >= CHECKPOINTS_PER_EPOCH_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    /// Takes a split's rows out of the target and has it copied anew, once everything to be rechecked was: a key that
    /// moved from one split to another must be gone from the first before it arrives in the second.
    async fn reopen(&mut self, split: &Split) -> Result<()> {
        self.copied.finished.remove(&split.id);
        self.copied.rejects.remove(&split.id);
        self.copied.differing.retain(|differing| *differing != split.id);
        self.copied.recopied += 1;
        self.reopened.insert(split.id);
        let why = "the source changed since it was committed".to_owned();
        self.pending.push(JournalEvent::SplitReopened { split: split.id, why });
        self.flush().await?;
        self.retract(split).await?;
        self.enumerator.complete(split.id, Some(Work::Recopy));
        Ok(())
    }

    /// Replaces what a split committed by nothing.
    async fn retract(&self, split: &Split) -> Result<()> {
        let table = &self.job.tables[split.table as usize];
        let doing = || format!("taking rows back from table \"{}\"", table.target.name);
        let write = Write {
            job: self.job.name_in_target(),
            generation: self.job.generation,
            split: split.id,
            table: table.target.clone(),
            replace: true,
        };
        match self.job.ends.target.begin(write).await.doing(doing())? {
            Begin::Writer(writer) => writer.commit(0).await.doing(doing()).map(|_| ()),
            Begin::Committed(_) => Err(Failure::internal(doing(), "the target kept what it should replace")),
        }
    }

    fn checkpoint(&self, split: &Split, work: &Work, outcome: Outcome) -> Checkpoint {
        let read_back = self.job.plan.verify != VerifyMode::Off;
        let attempt = match work {
            Work::Recheck(recheck) => recheck.checkpoint.attempt,
            Work::Copy(_) | Work::Recopy | Work::Isolate(_) => {
                1 + u32::from(self.reopened.contains(&split.id)) + work.round()
            }
        };
        Checkpoint {
            split: split.id,
            generation: self.job.generation,
            attempt,
            snapshot: self.job.snapshot.id(),
            rows_filtered: outcome.counts.filtered,
            rows_read: outcome.counts.read,
            rows_written: outcome.commit.rows,
            rows_rejected: outcome.counts.rejected,
            lossy: outcome.counts.lossy.into_iter().collect(),
            expected: outcome.expected,
            actual: read_back.then_some(outcome.actual),
            commit: outcome.commit,
        }
    }

    async fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.pending);
        self.job.journal.append(events).await.doing("writing the journal")
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
        Some(Grant { split: split.clone(), work })
    };
    job.history.opening.splits.iter().filter_map(grant).collect()
}
