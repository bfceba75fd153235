//! Which splits their holders are asked to cut, and what becomes of that. The head asks, the holder proposes where, the job's
//! conductor makes the cut or refuses it, and the holder hears so with the renewal of its lease.
//!
//! **Invariant:** a split of which a cut is proposed is nobody else's before that is answered. What the conductor last said it is
//! it is: should somebody have it as it was before all the same, since another head forgot the proposal, he loses it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Held, Splits, State};
use crate::head::record::{Half, LeaseId, Millis, SplitRecord, Standing};
use crate::limits::{CUT_AFTER_MS, CUT_BYTES_MIN};

/// What the holder of a split says of what lies ahead of it, and was told.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The deadline when it was granted, or cut: the newest one is later by as long as it has been held.
    since: Millis,
    /// Bytes that it has not begun and could give up.
    bytes: u64,
    /// Whether it was asked to propose a cut, and none was answered since.
    was_asked: bool,
    /// A cut that it proposed and that is not answered.
    proposal_json: Option<Vec<u8>>,
    /// What became of one that it proposed.
    answer: Option<(Vec<u8>, bool)>,
}

/// What a holder says of one lease.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    /// The lease.
    pub lease: LeaseId,
    /// Bytes of the split that it has not begun and could give up.
    pub bytes_ahead: u64,
    /// A cut that it proposes, as the engine's own record; empty for none.
    pub proposal_json: Vec<u8>,
}

/// What a holder is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewed {
    /// Leases that are not its own any more.
    pub lost: Vec<LeaseId>,
    /// Leases of splits of which it is to give up half of what it has not begun.
    pub asked: Vec<LeaseId>,
    /// What became of what it proposes.
    pub answered: Vec<Answered>,
}

/// What became of a proposed cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The lease of the split.
    pub lease: LeaseId,
    /// Whether it was cut.
    pub is_made: bool,
}

/// A proposed cut, for the conductor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The lease under which it was proposed.
    pub lease: LeaseId,
    /// The split.
    pub split: u32,
    /// The proposal.
    pub proposal_json: Vec<u8>,
}

/// What the conductor says to a proposal.
#[derive(Clone, Debug)]
pub struct CutAnswer {
    /// The proposal.
    pub proposed: Proposed,
    /// Whether the split is cut as proposed.
    pub is_made: bool,
    /// What it keeps and the split that the rest became; `None` where that was said before.
    pub parts: Option<Box<[SplitRecord; 2]>>,
}

impl Ahead {
    pub(super) fn since(deadline: Millis) -> Ahead {
        Ahead { since: deadline, bytes: 0, was_asked: false, proposal_json: None, answer: None }
    }

    /// Takes what the holder says; what became of its proposal, if that is known.
    fn hear(&mut self, renewal: &Renewal) -> Option<bool> {
        self.bytes = renewal.bytes_ahead;
        self.answer.take_if(|(proposal, _)| *proposal != renewal.proposal_json);
        let is_open = !renewal.proposal_json.is_empty() && self.answer.is_none();
        self.proposal_json = is_open.then(|| renewal.proposal_json.clone());
        self.answer.as_ref().map(|(_, is_made)| *is_made)
    }

    /// Takes what became of a proposal; nothing, if another one was made since.
    fn answer(&mut self, proposal_json: Vec<u8>, is_made: bool) {
        if self.proposal_json.as_ref().is_none_or(|open| *open == proposal_json) {
            self.proposal_json = None;
            self.answer = Some((proposal_json, is_made));
            self.was_asked = false;
        }
    }

    fn is_asked(&self) -> bool {
        self.was_asked || self.proposal_json.is_some()
    }
}

impl Held {
    /// The cut that the holder proposed, if it is not answered.
    pub(super) fn proposed(&self, lease: LeaseId) -> Option<Proposed> {
        let proposal_json = self.ahead.proposal_json.clone()?;
        Some(Proposed { lease, split: self.split, proposal_json })
    }
}

impl Splits {
    /// Holds on to a worker's leases until `deadline`, and asks it to give up half of those splits of its own that are among
    /// the `idle` largest of stragglers: one for each worker that has nothing to do.
    pub fn renew(&mut self, worker: &str, renewals: &[Renewal], idle: usize, deadline: Millis) -> Renewed {
        let mut renewed = Renewed::default();
        // What it said before: its rests as they are now would always be smaller than others', of which older news is known, and
        // of equals nobody would ever be asked.
        let said: BTreeMap<LeaseId, u64> = renewals
            .iter()
            .filter_map(|renewal| Some((renewal.lease, self.leases.get(&renewal.lease)?.ahead.bytes)))
            .collect();
        for renewal in renewals {
            let lease = renewal.lease;
            match self.leases.get_mut(&lease) {
                Some(held) if *held.worker == *worker => {
                    held.deadline = deadline;
                    let answered = held.ahead.hear(renewal).map(|is_made| Answered { lease, is_made });
                    renewed.answered.extend(answered);
                }
                _ => renewed.lost.push(lease),
            }
        }
        if idle == 0 {
            return renewed;
        }
        let (asked, mut stragglers): (Vec<_>, Vec<_>) =
            self.rests().into_iter().partition(|(_, lease)| self.leases[lease].ahead.is_asked());
        stragglers.sort_unstable_by_key(|(bytes, lease)| {
            (Reverse(said.get(lease).map_or(*bytes, |said| *said.max(bytes))), *lease)
        });
        // Who was asked before is asked again, since the answer may have been lost, and counts for one that is idle.
        stragglers.truncate(idle.saturating_sub(asked.len()));
        let stragglers = asked.into_iter().take(idle).chain(stragglers).map(|(_, lease)| lease);
        let is_own =
            |lease: &LeaseId| renewals.iter().any(|renewal| renewal.lease == *lease) && !renewed.lost.contains(lease);
        let asked: Vec<_> = stragglers.filter(is_own).collect();
        for lease in &asked {
            if let Some(held) = self.leases.get_mut(lease) {
                held.ahead.was_asked = true;
            }
        }
        Renewed { asked, ..renewed }
    }

    /// Splits that have been held for long and of which much is left: how much, and their leases.
    pub fn rests(&self) -> Vec<(u64, LeaseId)> {
        let held = self.leases.iter().filter(|(_, held)| {
            let is_long = held.deadline - held.ahead.since >= CUT_AFTER_MS;
            held.half == Half::Copy && is_long && held.ahead.bytes >= CUT_BYTES_MIN
        });
        held.map(|(lease, held)| (held.ahead.bytes, *lease)).collect()
    }

    /// Cuts that were proposed and not answered, also by holders who lost their leases since.
    pub fn proposals(&self) -> Vec<Proposed> {
        let held = self.leases.iter().filter_map(|(lease, held)| held.proposed(*lease));
        held.chain(self.undecided.values().cloned()).collect()
    }

    /// Keeps a split from being given to anybody until its conductor has answered what its holder proposed before he lost it:
    /// who had all of it would copy what may be another split's.
    pub(super) fn withhold(&mut self, proposed: Proposed) {
        self.undecided.insert(proposed.split, proposed);
    }

    fn decided(&mut self, split: u32, proposal_json: &[u8]) {
        if self.undecided.get(&split).is_none_or(|open| open.proposal_json != proposal_json) {
            return;
        }
        self.undecided.remove(&split);
        if let Some(entry) = self.splits.get(split).filter(|entry| matches!(entry.state, State::Pending { .. })) {
            let (half, turn) = (entry.half, entry.turn(split));
            self.waiting(half).insert(turn);
        }
    }

    /// Who has a lease.
    pub fn holder(&self, lease: LeaseId) -> Option<&str> {
        self.leases.get(&lease).map(|held| &*held.worker)
    }

    /// Takes what the conductor says to a proposal; the splits that it changed, for the store. The same again, because the
    /// answer was lost, changes nothing.
    pub fn cut(&mut self, answer: CutAnswer) -> Vec<SplitRecord> {
        let CutAnswer { proposed: Proposed { lease, split, proposal_json }, is_made, parts } = answer;
        let mut changed = Vec::new();
        if let Some([kept, rest]) = parts.map(|parts| *parts) {
            changed.extend(self.keep(lease, kept));
            if !self.knows(rest.split) {
                self.put(vec![rest.clone()], 0);
                changed.push(rest);
            }
        }
        if let Some(held) = self.leases.get_mut(&lease).filter(|held| held.split == split) {
            held.ahead.answer(proposal_json.clone(), is_made);
        }
        self.decided(split, &proposal_json);
        changed
    }

    /// Has a split be what was kept of it. One that was done meanwhile, by somebody who had all of it, is left: its conductor
    /// knows what it was, and has it done again. Whoever had or has all of it may have committed it; it counts as rechecked
    /// then, so that nobody copies the rest before those rows are gone.
    fn keep(&mut self, lease: LeaseId, kept: SplitRecord) -> Option<SplitRecord> {
        let entry = self.splits.get_mut(kept.split)?;
        if entry.half != Half::Copy || *entry.grant_json == *kept.grant_json {
            return None;
        }
        // A split that was lost twice was somebody's in between, who may have had all of it.
        let recheck = kept.recheck || entry.recheck;
        let (standing, is_elsewhere) = match entry.state {
            State::Reported { .. } => {
                self.rechecks += usize::from(!std::mem::replace(&mut entry.recheck, true));
                return None;
            }
            State::Pending { lost } => (Standing::Pending { lost }, lost > 1),
            State::Leased { lease: held, lost } if held == lease => {
                (Standing::Leased { lease, worker: self.holder(lease)?.to_owned(), lost }, false)
            }
            State::Leased { lost, .. } => (Standing::Pending { lost: lost + 1 }, true),
        };
        let deadline = self.leases.get(&lease).map_or(0, |held| held.deadline);
        let kept = SplitRecord { standing, recheck: recheck || is_elsewhere, ..kept };
        self.put(vec![kept.clone()], deadline);
        Some(kept)
    }
}

#[cfg(test)]
#[path = "cuts_tests.rs"]
mod tests;
