//! One process's share in copying a job: its workers pull splits, what they reject goes to disk, what they finish is
//! reported. Knows nothing of journals, and nothing of other cells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use sensei_operators::Outcome;
use sensei_storage::journal::{Checkpoint, Reject};
use sensei_storage::{Range, SplitId};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::enumerator::{Enumerator, Proposed, Validation, Work};
use crate::failure::{Failure, Result};
use crate::rejects::Rejects;
use crate::runtime::{Event, LaneContext, ReadBack, SplitWork, Workers};

/// What a cell reports of its splits.
#[derive(Debug)]
pub(crate) enum Report {
    /// Rows of a table were handed to its writer; for progress only.
    Moved {
        /// Index of the table.
        table: u32,
        /// Rows.
        rows: u64,
        /// Arrow bytes.
        bytes: u64,
    },
    /// So many rows of a split under way were rejected so far.
    Rejecting {
        /// The split.
        split: SplitId,
        /// Rows.
        rows: u64,
    },
    /// The holder of a split could give up a part of it.
    Proposed(Proposed),
    /// A split has passed through.
    Ended(Ended),
}

/// How a split passed through.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ended {
    /// The target refused a row of it, so that nothing was written.
    Refused {
        /// The split.
        split: SplitId,
        /// What is to be done with it next.
        again: Work,
    },
    /// It was written, or had been, and others must read it back.
    Written(Box<Validation>),
    /// It was written, or had been, and read back.
    Finished(Box<Finished>),
}

impl Ended {
    /// The split.
    pub fn split(&self) -> SplitId {
        match self {
            Ended::Refused { split, .. } => *split,
            Ended::Written(validation) => validation.finished.checkpoint.split,
            Ended::Finished(finished) => finished.checkpoint.split,
        }
    }
}

/// A split that was written and compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// Its counts, digests and commit.
    pub checkpoint: Checkpoint,
    /// What was read of the source for that.
    pub range: Range,
    /// What it rejected.
    pub reject: Option<Reject>,
    /// Whether the target had it before this cell came to it.
    pub inherited: bool,
    /// Whether both sides are equal, as far as they were compared.
    pub sound: bool,
}

/// One process's share in copying a job.
pub(crate) struct Cell {
    /// What its lanes share.
    pub context: Arc<LaneContext>,
    /// Where its splits come from.
    pub enumerator: Arc<dyn Enumerator>,
    /// What it rejects.
    pub rejects: Arc<Mutex<Rejects>>,
    /// Names of the plan's tables in the source, by index.
    pub tables: Vec<String>,
}

impl Cell {
    /// Runs until there are no more splits, or a worker fails.
    ///
    /// # Errors
    /// The first failure. Whatever was open then is rolled back; what was rejected until then is on disk.
    pub async fn run(self, reports: mpsc::UnboundedSender<Report>) -> Result<()> {
        let (events, mut received) = mpsc::unbounded_channel();
        let workers = Workers::start(self.context.clone(), self.enumerator.clone(), events)?;
        let mut ending = Box::pin(workers.finish());
        let mut sorting = Sorting { cell: &self, rejecting: BTreeMap::new(), reports };
        let outcome = loop {
            tokio::select! {
                biased;
                event = received.recv() => match event {
                    Some(event) => sorting.take(event)?,
                    None => break ending.await,
                },
                ended = &mut ending => break ended,
            }
        };
        while let Ok(event) = received.try_recv() {
            sorting.take(event)?;
        }
        if let Err(Failure::TooManyRejects { .. }) = &outcome {
            self.rejects().finish_all()?;
        }
        outcome
    }

    fn rejects(&self) -> MutexGuard<'_, Rejects> {
        self.rejects.lock().expect("a panic elsewhere ends the process")
    }
}

/// Turns what workers say into reports.
struct Sorting<'a> {
    cell: &'a Cell,
    rejecting: BTreeMap<SplitId, u64>,
    reports: mpsc::UnboundedSender<Report>,
}

impl Sorting<'_> {
    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Moved { table, rows, bytes } => self.report(Report::Moved { table, rows, bytes }),
            Event::Rejected { work, rejected, permit } => {
                let split = &work.grant.split;
                self.cell.rejects().add(split.id, &self.cell.tables[split.table as usize], &rejected)?;
                drop(permit);
                let rows = self.rejecting.entry(split.id).or_default();
                *rows += rejected.len() as u64;
                let rows = *rows;
                self.report(Report::Rejecting { split: split.id, rows });
            }
            Event::Committing { split, settled } => {
                self.cell.rejects().settle(split)?;
                // The lane is gone only after a failure.
                let _ = settled.send(());
            }
            Event::Refused { work } => {
                let split = work.grant.split.id;
                self.cell.rejects().discard(split)?;
                self.rejecting.remove(&split);
                self.report(Report::Ended(Ended::Refused { split, again: work.grant.work.refused() }));
            }
            Event::Done { work, outcome } => self.done(&work, *outcome)?,
        }
        Ok(())
    }

    fn done(&mut self, work: &SplitWork, outcome: Outcome) -> Result<()> {
        let ended = match &work.grant.work {
            // What was rejected is on disk, where whoever copied it put it.
            Work::Validate(validation) => Ended::Finished(Box::new(validated(validation, &outcome))),
            Work::Copy(_) | Work::Recheck(_) | Work::Recopy | Work::Isolate(_) => self.copied(work, outcome)?,
        };
        self.report(Report::Ended(ended));
        Ok(())
    }

    fn copied(&mut self, work: &SplitWork, outcome: Outcome) -> Result<Ended> {
        let split = work.grant.split.id;
        let reject = self.cell.rejects().finish(split)?;
        self.rejecting.remove(&split);
        let is_over = self.cell.context.read_back != ReadBack::Elsewhere;
        // Nothing is known to be equal before it is read back.
        let sound = is_over && outcome.difference.is_zero();
        let checkpoint = self.checkpoint(work, outcome)?;
        let grant = &work.grant;
        let range = grant.course.read().unwrap_or_else(|| grant.split.range.clone());
        let finished = Finished { checkpoint, range, reject, inherited: work.inherited, sound };
        Ok(match is_over {
            true => Ended::Finished(Box::new(finished)),
            false => Ended::Written(Box::new(Validation { finished, recheck: work.grant.is_recheck() })),
        })
    }

    fn checkpoint(&self, work: &SplitWork, outcome: Outcome) -> Result<Checkpoint> {
        let context = &self.cell.context;
        let attempt = match &work.grant.work {
            Work::Recheck(recheck) => recheck.checkpoint.attempt,
            other => 1 + other.round(),
        };
        Ok(Checkpoint {
            split: work.grant.split.id,
            generation: context.generation,
            attempt,
            snapshot: context.source()?.id(),
            rows_filtered: outcome.counts.filtered,
            rows_read: outcome.counts.read,
            rows_written: outcome.commit.rows,
            rows_rejected: outcome.counts.rejected,
            lossy: outcome.counts.lossy.into_iter().collect(),
            expected: outcome.expected,
            actual: (context.read_back == ReadBack::Here).then_some(outcome.actual),
            commit: outcome.commit,
        })
    }

    fn report(&self, report: Report) {
        // Nobody listens any more only when the job has failed already.
        let _ = self.reports.send(report);
    }
}

/// A split that somebody else wrote, now that what arrived is known.
fn validated(validation: &Validation, outcome: &Outcome) -> Finished {
    let mut finished = validation.finished.clone();
    finished.checkpoint.actual = Some(outcome.actual);
    finished.sound = outcome.difference.is_zero();
    finished
}
