//! What the events of a journal add up to. Pure: no store, no signatures.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{Checkpoint, Event, Generation, Interruption, Opening, Reject, TableVerdict};
use crate::cut::Cut;
use crate::split::{Split, SplitId};
use crate::verdict::Verdict;

/// Where a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What it started from, but for the splits.
    pub opening: Opening,
    /// Every split as it is now, in the order of their numbers: those it started from, and what was cut off them.
    pub splits: Vec<Split>,
    /// How splits were cut, in order.
    pub cuts: Vec<Cut>,
    /// Finished splits.
    pub finished: BTreeMap<SplitId, Checkpoint>,
    /// Times a finished split was opened again, over the whole job.
    pub reopened: u64,
    /// Stages done, by name.
    pub stages: BTreeSet<String>,
    /// Writers in order; one more than the job was resumed, if it ever ran.
    pub generations: Vec<Generation>,
    /// Rows that did not fit, by split.
    pub rejects: BTreeMap<SplitId, Reject>,
    /// Tables concluded, by index in the plan.
    pub verdicts: BTreeMap<u32, TableVerdict>,
    /// Set while the last thing that happened is an orderly stop.
    pub interrupted: Option<Interruption>,
    /// Set once the job ended.
    pub finish: Option<Finish>,
    /// SHA-256 of the stored certificate, hex; also set where the job died between storing it and recording that.
    pub certificate_sha256: Option<String>,
    /// Epochs in the journal.
    pub epochs: u64,
    /// SHA-256 of the last epoch, hex.
    pub head_sha256: String,
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Conclusion.
    pub verdict: Verdict,
    /// SHA-256 of `certificate.json`, hex.
    pub certificate_sha256: String,
    /// When.
    pub at: String,
}

impl History {
    /// The history of a job that has just begun.
    pub(super) fn new(mut opening: Opening) -> History {
        History {
            // Not kept twice: they may be a million.
            splits: std::mem::take(&mut opening.splits),
            opening,
            cuts: Vec::new(),
            finished: BTreeMap::new(),
            reopened: 0,
            stages: BTreeSet::new(),
            generations: Vec::new(),
            rejects: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            interrupted: None,
            finish: None,
            certificate_sha256: None,
            epochs: 1,
            head_sha256: String::new(),
        }
    }

    /// Source snapshots that were read, in order of use, each once.
    pub fn snapshots(&self) -> Vec<String> {
        let mut snapshots = Vec::new();
        for generation in &self.generations {
            if !snapshots.contains(&generation.snapshot) {
                snapshots.push(generation.snapshot.clone());
            }
        }
        snapshots
    }

    /// Times the job was taken up again.
    pub fn resumes(&self) -> u64 {
        self.generations.len().saturating_sub(1) as u64
    }

    /// Adds one event.
    ///
    /// # Errors
    /// Why it cannot have happened after those before it.
    pub(super) fn apply(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Opened(_) => return Err("a journal begins once".to_owned()),
            Event::GenerationOpened(generation) => self.open_generation(generation)?,
            Event::StageDone { stage } => {
                self.stages.insert(stage);
            }
            Event::SplitDone(checkpoint) => {
                self.check_split(checkpoint.split)?;
                self.finished.insert(checkpoint.split, checkpoint);
            }
            Event::SplitReopened { split, .. } => {
                self.check_split(split)?;
                self.rejects.remove(&split);
                self.reopened += u64::from(self.finished.remove(&split).is_some());
            }
            Event::SplitCut(cut) => self.cut(cut)?,
            Event::Rejected(reject) => {
                self.check_split(reject.split)?;
                self.rejects.insert(reject.split, reject);
            }
            Event::TableVerdict(verdict) => {
                self.verdicts.insert(verdict.table, verdict);
            }
            Event::Interrupted(interruption) => self.interrupted = Some(interruption),
            Event::Finished(finish) => {
                self.interrupted = None;
                self.finish = Some(finish);
            }
        }
        Ok(())
    }

    /// Cuts a split in two.
    ///
    /// # Errors
    /// Why it cannot be cut so; nothing changes then.
    pub fn cut(&mut self, cut: Cut) -> Result<(), String> {
        self.check_split(cut.split)?;
        if self.finished.contains_key(&cut.split) {
            return Err(format!("split {} is finished and not to be cut", cut.split.0));
        }
        if cut.rest.0 as usize != self.splits.len() {
            return Err(format!("split {} is not the next", cut.rest.0));
        }
        let whole = &mut self.splits[cut.split.0 as usize];
        let (kept, rest) = cut.of(whole).ok_or_else(|| format!("split {} has no place {}", cut.split.0, cut.at))?;
        *whole = kept;
        self.splits.push(rest);
        self.cuts.push(cut);
        Ok(())
    }

    fn open_generation(&mut self, generation: Generation) -> Result<(), String> {
        if self.generations.last().is_some_and(|last| last.generation >= generation.generation) {
            return Err(format!("generation {} comes too late", generation.generation));
        }
        self.interrupted = None;
        self.generations.push(generation);
        Ok(())
    }

    fn check_split(&self, split: SplitId) -> Result<(), String> {
        match self.splits.get(split.0 as usize) {
            Some(_) => Ok(()),
            None => Err(format!("there is no split {}", split.0)),
        }
    }
}
