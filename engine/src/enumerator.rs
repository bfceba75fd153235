//! Hands out splits. Workers pull; what they do not finish stays with the journal. A cluster's head serves the same
//! traits over the network.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sensei_operators::Refusals;
use sensei_storage::journal::Checkpoint;
use sensei_storage::{Split, SplitId};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::cell::Finished;
use crate::course::{Course, Proposal};
use crate::failure::Result;

/// One split to work on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// The split.
    pub split: Split,
    /// What to do with it.
    pub work: Work,
    /// Whether somebody had it before and is not heard of any more, so that his session may still hold it.
    #[serde(default)]
    pub taken_over: bool,
    /// How it is read where it was granted to.
    #[serde(skip)]
    pub course: Arc<Course>,
}

/// What a grant asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Copy it, unless the target says it is committed; verify it either way. Should it be committed, these are rows that
    /// the target may have refused then.
    Copy(Refusals),
    /// It was verified under an earlier snapshot: read both sides again.
    Recheck(Box<Recheck>),
    /// Its source changed since: delete what was committed, copy anew.
    Recopy,
    /// The target refused a row of it: find out which rows it refuses, then copy the others.
    Isolate(Isolation),
    /// Somebody else wrote it and did not look at what arrived: read that back.
    Validate(Box<Validation>),
}

/// What is known of a split that was written and not read back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Validation {
    /// How it passed through, as far as that.
    pub finished: Finished,
    /// Whether it was looked at again, and not copied.
    pub recheck: bool,
}

/// What is known of a split that was verified under an earlier snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recheck {
    /// Its checkpoint.
    pub checkpoint: Checkpoint,
    /// Rows that the target refused then.
    pub refused: Refusals,
}

/// A split that was refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Isolation {
    /// How often it was refused.
    pub round: u32,
    /// Whether an earlier commit must be deleted.
    pub replace: bool,
}

impl Grant {
    /// A split that nobody had before.
    pub fn new(split: Split, work: Work) -> Grant {
        Grant { split, work, taken_over: false, course: Arc::default() }
    }

    /// Whether it was finished before and is only looked at again.
    pub fn is_recheck(&self) -> bool {
        match &self.work {
            Work::Recheck(_) => true,
            Work::Validate(validation) => validation.recheck,
            Work::Copy(_) | Work::Recopy | Work::Isolate(_) => false,
        }
    }

    /// Whether it is written already and only read back.
    pub fn is_validation(&self) -> bool {
        matches!(self.work, Work::Validate(_))
    }
}

impl Work {
    /// Whether what was committed before must be deleted.
    pub fn replaces(&self) -> bool {
        match self {
            Work::Copy(_) | Work::Recheck(_) | Work::Validate(_) => false,
            Work::Recopy => true,
            Work::Isolate(isolation) => isolation.replace,
        }
    }

    /// How often the target refused the split so far.
    pub fn round(&self) -> u32 {
        match self {
            Work::Isolate(isolation) => isolation.round,
            Work::Copy(_) | Work::Recheck(_) | Work::Recopy | Work::Validate(_) => 0,
        }
    }

    /// What to do with the split after the target refused it.
    pub fn refused(&self) -> Work {
        Work::Isolate(Isolation { round: self.round() + 1, replace: self.replaces() })
    }
}

/// Where workers get their splits.
#[async_trait]
pub trait Enumerator: Send + Sync {
    /// The next split: what must be rechecked first, so that what changed is gone before anything new is written; then
    /// the largest. `None` when there is nothing left for this worker to wait for.
    ///
    /// # Errors
    /// If whoever grants cannot be reached any more.
    async fn next(&self) -> Result<Option<Grant>>;
}

/// A cut that the holder of a split could make.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// The lease under which it has the split.
    pub lease: u64,
    /// Where.
    pub proposal: Proposal,
}

/// What is said to a proposed cut.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The split is the first of these from now on, and the second is a new one.
    Make(Box<[Split; 2]>),
    /// The cut was made before.
    Made,
    /// The split stays what it is.
    Refused,
}

/// What a job says of the splits it has handed out.
pub trait Allocation: Send + Sync {
    /// Takes a split as complete, or has it done `again` in this way.
    fn complete(&self, split: SplitId, again: Option<Work>);

    /// Answers a proposed cut, which is in the journal by now if it is made. Nothing is proposed to one process alone.
    fn answer(&self, _proposed: Proposed, _answer: Answer) {}

    /// Grants nothing more.
    fn close(&self);
}

/// The enumerator of a single process.
#[derive(Debug)]
pub struct LocalEnumerator {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    pending: VecDeque<Grant>,
    /// Splits under way, and whether each is being rechecked.
    outstanding: BTreeMap<SplitId, (Split, bool)>,
    closed: bool,
}

impl LocalEnumerator {
    /// Grants `grants`, largest estimate first.
    pub fn new(mut grants: Vec<Grant>) -> LocalEnumerator {
        grants
            .sort_by_key(|grant| (!grant.is_recheck(), std::cmp::Reverse(grant.split.bytes_estimate), grant.split.id));
        let state = State { pending: grants.into(), outstanding: BTreeMap::new(), closed: false };
        LocalEnumerator { state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("a panic elsewhere ends the process")
    }

    /// `Ok` decides; `Err` means wait: a split under way may come back.
    fn try_next(&self) -> std::result::Result<Option<Grant>, ()> {
        let mut state = self.state();
        if state.closed {
            return Ok(None);
        }
        let rechecking = state.outstanding.values().any(|(_, recheck)| *recheck);
        match state.pending.pop_front_if(|next| next.is_recheck() || !rechecking) {
            Some(grant) => {
                state.outstanding.insert(grant.split.id, (grant.split.clone(), grant.is_recheck()));
                Ok(Some(grant))
            }
            None if state.outstanding.is_empty() => Ok(None),
            None => Err(()),
        }
    }
}

#[async_trait]
impl Enumerator for LocalEnumerator {
    async fn next(&self) -> Result<Option<Grant>> {
        loop {
            let notified = self.changed.notified();
            match self.try_next() {
                Ok(decided) => return Ok(decided),
                Err(()) => notified.await,
            }
        }
    }
}

impl Allocation for LocalEnumerator {
    fn complete(&self, split: SplitId, again: Option<Work>) {
        let mut state = self.state();
        let returned = state.outstanding.remove(&split).zip(again);
        state.pending.extend(returned.map(|((split, _), work)| Grant::new(split, work)));
        drop(state);
        self.changed.notify_waiters();
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_waiters();
    }
}

#[cfg(test)]
#[path = "enumerator_tests.rs"]
mod tests;
