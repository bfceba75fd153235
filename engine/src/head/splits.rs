//! The splits of one job as the head hands them out: what waits, who has what until when, what is done and not settled.
//! Knows no clock and no store: times come in as arguments, and what changed goes out.
//!
//! **Invariant:** at any time at most one holder has a split, and only under its newest lease can it be reported.

mod cuts;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dense::Dense;
use super::record::{Half, LeaseId, Millis, SplitRecord, Standing, Tally};
use super::refusal::Refusal;
use super::view::Progress;
use cuts::Ahead;
pub use cuts::{Answered, CutAnswer, Proposed, Renewal, Renewed};

/// The splits of one job.
#[derive(Debug, Default)]
pub struct Splits {
    splits: Dense<Entry>,
    /// What waits to be copied, in the order it is granted in.
    pending: BTreeSet<Turn>,
    /// What waits to be read back, likewise.
    unread: BTreeSet<Turn>,
    leases: BTreeMap<LeaseId, Held>,
    /// Names of those who hold leases, or did.
    workers: BTreeSet<Arc<str>>,
    /// Cuts that were proposed by holders who lost their leases, by split.
    undecided: BTreeMap<u32, Proposed>,
    /// How many of the leases are for each [`Half`].
    leased: [usize; 2],
    reported: BTreeSet<u32>,
    /// Splits to be rechecked that are not settled.
    rechecks: usize,
    done: u64,
    bytes: u64,
    bytes_done: u64,
    offered: u64,
}

/// Rechecks first, then the largest; of equals the one offered first.
type Turn = (bool, Reverse<u64>, u32);

#[derive(Debug)]
struct Entry {
    bytes: u64,
    recheck: bool,
    half: Half,
    grant_json: Box<[u8]>,
    state: State,
    /// The lease under which it was last reported, also before this was to be done with it.
    heard: Option<LeaseId>,
}

#[derive(Debug)]
enum State {
    Pending { lost: u32 },
    Leased { lease: LeaseId, lost: u32 },
    Reported { outcome_json: Box<[u8]> },
}

#[derive(Debug)]
struct Held {
    split: u32,
    half: Half,
    worker: Arc<str>,
    deadline: Millis,
    ahead: Ahead,
}

/// One split for somebody to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Its lease.
    pub lease: LeaseId,
    /// The split.
    pub split: u32,
    /// What is to be done.
    pub grant_json: Vec<u8>,
    /// Whether somebody had it before and lost it.
    pub taken_over: bool,
}

/// A split and how it stands from now on.
pub type Moved = (u32, Standing);

impl Entry {
    fn turn(&self, split: u32) -> Turn {
        (!self.recheck, Reverse(self.bytes), split)
    }
}

impl Splits {
    /// No splits, after those that are forgotten.
    pub fn after(past: Tally) -> Splits {
        let Tally { splits: offered, splits_done: done, bytes, bytes_done } = past;
        Splits { done, bytes, bytes_done, offered, ..Splits::default() }
    }

    /// All splits, also those that are forgotten, in numbers.
    pub fn tally(&self) -> Tally {
        let Splits { done: splits_done, bytes, bytes_done, offered: splits, .. } = *self;
        Tally { splits, splits_done, bytes, bytes_done }
    }

    /// Adds splits, or what is to be done again with some, as their records say. Leases among them hold until `deadline`.
    pub fn put(&mut self, records: Vec<SplitRecord>, deadline: Millis) {
        for record in records {
            let heard = self.forget(record.split).and_then(|entry| entry.heard);
            self.offered += 1;
            self.bytes += record.bytes;
            self.rechecks += usize::from(record.recheck);
            let state = match record.standing {
                Standing::Pending { lost } => State::Pending { lost },
                Standing::Leased { lease, worker, lost } => {
                    self.hold(&worker, lease, record.split, record.half, deadline);
                    State::Leased { lease, lost }
                }
                Standing::Reported { outcome_json, .. } => {
                    self.reported.insert(record.split);
                    State::Reported { outcome_json: outcome_json.into() }
                }
            };
            let SplitRecord { split, bytes, recheck, half, grant_json, .. } = record;
            let entry = Entry { bytes, recheck, half, grant_json: grant_json.into(), state, heard };
            if matches!(entry.state, State::Pending { .. }) {
                self.waiting(half).insert(entry.turn(split));
            }
            self.splits.insert(split, entry);
        }
    }

    fn waiting(&mut self, half: Half) -> &mut BTreeSet<Turn> {
        match half {
            Half::Copy => &mut self.pending,
            Half::Validate => &mut self.unread,
        }
    }

    fn hold(&mut self, worker: &str, lease: LeaseId, split: u32, half: Half, deadline: Millis) {
        let worker = self.name(worker);
        self.leased[half as usize] += 1;
        let ahead = Ahead::since(deadline);
        self.leases.insert(lease, Held { split, half, worker, deadline, ahead });
    }

    /// A worker's name, once for all of its leases.
    fn name(&mut self, worker: &str) -> Arc<str> {
        if let Some(known) = self.workers.get(worker) {
            return known.clone();
        }
        let name: Arc<str> = worker.into();
        self.workers.insert(name.clone());
        name
    }

    fn let_go(&mut self, lease: LeaseId) -> Option<Held> {
        let held = self.leases.remove(&lease)?;
        self.leased[held.half as usize] -= 1;
        Some(held)
    }

    /// Takes a split out, and whatever is known of it.
    fn forget(&mut self, split: u32) -> Option<Entry> {
        let entry = self.splits.remove(split)?;
        self.undecided.remove(&split);
        self.waiting(entry.half).remove(&entry.turn(split));
        self.reported.remove(&split);
        if let State::Leased { lease, .. } = entry.state {
            self.let_go(lease);
        }
        self.offered -= 1;
        self.bytes -= entry.bytes;
        self.rechecks -= usize::from(entry.recheck);
        Some(entry)
    }

    /// The next split of which `worker` is to do a half, under `lease` until `deadline`; `None` if there is none for now.
    /// Nothing is copied while a recheck is not settled, so that what changed is gone before anything new is written.
    pub fn grant(&mut self, half: Half, worker: &str, lease: LeaseId, deadline: Millis) -> Option<Granted> {
        let &turn = self.waiting(half).first()?;
        let (is_copy, _, split) = turn;
        if half == Half::Copy && is_copy && self.rechecks > 0 {
            return None;
        }
        self.waiting(half).remove(&turn);
        let entry = self.splits.get_mut(split)?;
        let State::Pending { lost } = entry.state else { return None };
        entry.state = State::Leased { lease, lost };
        let granted = Granted { lease, split, grant_json: entry.grant_json.to_vec(), taken_over: lost > 0 };
        self.hold(worker, lease, split, half, deadline);
        Some(granted)
    }

    /// How a split that was granted stands, for the store.
    pub fn leased(&self, granted: &Granted, worker: &str) -> Moved {
        let lost = match self.splits.get(granted.split).map(|entry| &entry.state) {
            Some(State::Leased { lost, .. }) => *lost,
            _ => 0,
        };
        (granted.split, Standing::Leased { lease: granted.lease, worker: worker.to_owned(), lost })
    }

    /// Whether nothing will be granted any more, as far as those splits go that were offered.
    pub fn is_exhausted(&self) -> bool {
        self.splits.is_empty()
    }

    /// Whether nobody works on any, and all that was reported is settled.
    pub fn is_quiet(&self) -> bool {
        self.leases.is_empty() && self.reported.is_empty()
    }

    /// Splits of which this half waits to be granted.
    pub fn waits(&self, half: Half) -> usize {
        match half {
            Half::Copy => self.pending.len(),
            Half::Validate => self.unread.len(),
        }
    }

    /// Splits of which this half waits or is worked on.
    pub fn open(&self, half: Half) -> usize {
        self.waits(half) + self.leased[half as usize]
    }

    /// Takes what came of a split. The same again, because the answer was lost, is nothing new, nor is anything about a split
    /// that is settled.
    ///
    /// # Errors
    /// `Lost` unless it is reported under its newest lease by who holds it.
    pub fn report(
        &mut self,
        worker: &str,
        lease: LeaseId,
        split: u32,
        outcome_json: Vec<u8>,
    ) -> Result<Option<Moved>, Refusal> {
        match self.splits.get(split) {
            None => return Ok(None),
            Some(Entry { state: State::Reported { outcome_json: known }, .. }) if **known == *outcome_json => {
                return Ok(None);
            }
            Some(Entry { state: State::Reported { .. }, .. }) => {}
            // It was heard, and there is more to be done with the split since.
            Some(entry) if entry.heard == Some(lease) => return Ok(None),
            Some(_) => {}
        }
        let is_theirs = |held: &Held| held.split == split && *held.worker == *worker;
        if !self.leases.get(&lease).is_some_and(is_theirs) {
            return Err(Refusal::Lost { what: format!("lease {lease} of split {split}") });
        }
        self.let_go(lease);
        let entry = self.splits.get_mut(split).ok_or_else(|| Refusal::Lost { what: format!("split {split}") })?;
        entry.state = State::Reported { outcome_json: outcome_json.as_slice().into() };
        entry.heard = Some(lease);
        self.reported.insert(split);
        Ok(Some((split, Standing::Reported { outcome_json, worker: worker.to_owned() })))
    }

    /// What was reported and is not settled: at most `count` splits, and whatever number of them has `bytes`.
    pub fn outcomes(&self, count: usize, bytes: usize) -> Vec<(u32, Vec<u8>)> {
        let mut room = bytes;
        let outcome = |split: &u32| match self.splits.get(*split).map(|entry| &entry.state) {
            Some(State::Reported { outcome_json }) => Some((*split, outcome_json.to_vec())),
            _ => None,
        };
        let mut outcomes: Vec<(u32, Vec<u8>)> = Vec::new();
        for (split, outcome) in self.reported.iter().filter_map(outcome).take(count) {
            if !outcomes.is_empty() && outcome.len() > room {
                break;
            }
            room = room.saturating_sub(outcome.len());
            outcomes.push((split, outcome));
        }
        outcomes
    }

    /// Forgets a split that its conductor has in the journal; nothing, if it is forgotten.
    pub fn settle(&mut self, split: u32) {
        if let Some(entry) = self.forget(split) {
            self.done += 1;
            self.offered += 1;
            self.bytes += entry.bytes;
            self.bytes_done += entry.bytes;
        }
    }

    /// Whether a split can be settled or done again: it was reported, or is forgotten because that was settled before and the
    /// answer was lost.
    ///
    /// # Errors
    /// `Conflict` if somebody works on it, or will.
    pub fn must_be_reported(&self, split: u32) -> Result<(), Refusal> {
        match self.splits.get(split).map(|entry| &entry.state) {
            Some(State::Pending { .. } | State::Leased { .. }) => {
                Err(Refusal::Conflict { what: format!("split {split}"), why: "it was not reported".to_owned() })
            }
            Some(State::Reported { .. }) | None => Ok(()),
        }
    }

    /// Whether a split is to be done just as `record` says already: the answer to who asked for that was lost. The same commit is
    /// read back once only, so that one which was read back meanwhile is not to be done again either.
    pub fn is_again(&self, record: &SplitRecord) -> bool {
        let entry = self.splits.get(record.split);
        entry.is_some_and(|entry| {
            let is_open = !matches!(entry.state, State::Reported { .. }) || record.half == Half::Validate;
            is_open && entry.half == record.half && *entry.grant_json == *record.grant_json
        })
    }

    /// Whether it is there.
    pub fn knows(&self, split: u32) -> bool {
        self.splits.get(split).is_some()
    }

    /// Forgets all splits; how far they were stays.
    pub fn clear(&mut self) {
        *self = Splits::after(self.tally());
    }

    /// Has every lease hold for longer.
    pub fn postpone(&mut self, by: Millis) {
        self.leases.values_mut().for_each(|held| held.deadline += by);
    }

    /// Takes back what was not renewed by `now`.
    pub fn expire(&mut self, now: Millis) -> Vec<Moved> {
        self.take_back(|held| held.deadline < now)
    }

    /// Takes back what `worker` holds: it is gone, or said that it will not finish it.
    pub fn release(&mut self, worker: &str) -> Vec<Moved> {
        self.take_back(|held| *held.worker == *worker)
    }

    fn take_back(&mut self, is_lost: impl Fn(&Held) -> bool) -> Vec<Moved> {
        let lost: Vec<(LeaseId, u32)> =
            self.leases.iter().filter(|(_, held)| is_lost(held)).map(|(lease, held)| (*lease, held.split)).collect();
        lost.into_iter().filter_map(|(lease, split)| self.give_up(lease, split)).collect()
    }

    fn give_up(&mut self, lease: LeaseId, split: u32) -> Option<Moved> {
        let held = self.let_go(lease)?;
        let entry = self.splits.get_mut(split)?;
        let State::Leased { lost, .. } = entry.state else { return None };
        let lost = lost + 1;
        entry.state = State::Pending { lost };
        let (half, turn) = (entry.half, entry.turn(split));
        match held.proposed(lease) {
            Some(proposed) => self.withhold(proposed),
            None => drop(self.waiting(half).insert(turn)),
        }
        Some((split, Standing::Pending { lost }))
    }

    /// How far they are.
    pub fn progress(&self) -> Progress {
        Progress {
            splits: self.offered,
            splits_leased: self.leases.len() as u64,
            splits_done: self.done,
            bytes: self.bytes,
            bytes_done: self.bytes_done,
        }
    }
}

#[cfg(test)]
#[path = "splits_tests.rs"]
mod tests;
