//! The databases that jobs read and write, as far as their plans tell: how many connections all jobs of one may have
//! together, and whether so many tries with it failed lately that further ones would only hammer it.
//!
//! A database is known by its URL as the plan has it, variables in it: two spellings of one are two.

use std::collections::{BTreeMap, VecDeque};

use sensei_planner::EndOutline;

use super::schedule::{CONNECTIONS_PER_SLOT, Task};
use super::{Core, Job};
use crate::head::record::{Half, JobState, Millis};

/// How far back tries are counted.
const WINDOW_MS: Millis = 60_000;
/// Failed tries within the window after which a database may be held to be away.
const FAILURES_MIN: usize = 6;
/// Failed tries that are remembered at the most, of each database.
const FAILURES_MAX: usize = 64;
/// Databases whose tries are remembered at the most.
const DATABASES_MAX: usize = 1_024;

/// What became of tries lately, by database.
#[derive(Debug, Default)]
pub(super) struct Tries(BTreeMap<String, Lately>);

#[derive(Debug, Default)]
struct Lately {
    failed: VecDeque<Millis>,
    /// Splits that were done, by the second they were done in.
    done: VecDeque<(Millis, u64)>,
}

/// How tries with a database went lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub failed: u64,
    pub done: u64,
}

impl Tries {
    fn failed(&mut self, label: &str, now: Millis) {
        if let Some(Lately { failed, .. }) = self.of(label, now) {
            failed.push_back(now);
            failed.drain(..failed.len().saturating_sub(FAILURES_MAX));
        }
    }

    fn done(&mut self, label: &str, splits: u64, now: Millis) {
        let Some(lately) = self.of(label, now) else { return };
        let second = now / 1_000;
        match lately.done.back_mut().filter(|(at, _)| *at == second) {
            Some((_, done)) => *done += splits,
            None => lately.done.push_back((second, splits)),
        }
        lately.forget(now);
    }

    /// `None` where too many are remembered: jobs of that one have only their own breakers.
    fn of(&mut self, label: &str, now: Millis) -> Option<&mut Lately> {
        if !self.0.contains_key(label) && self.0.len() == DATABASES_MAX {
            self.0.retain(|_, lately| !lately.is_over(now));
        }
        if !self.0.contains_key(label) && self.0.len() == DATABASES_MAX {
            return None;
        }
        Some(self.0.entry(label.to_owned()).or_default())
    }

    /// How tries went in the last minute, where more of them failed than came to something.
    fn away(&mut self, label: &str, now: Millis) -> Option<Rate> {
        let lately = self.0.get_mut(label)?;
        lately.forget(now);
        let rate = Rate { failed: lately.failed.len() as u64, done: lately.done.iter().map(|(_, done)| done).sum() };
        (lately.failed.len() >= FAILURES_MIN && rate.failed > rate.done).then_some(rate)
    }
}

impl Lately {
    fn forget(&mut self, now: Millis) {
        while self.failed.pop_front_if(|at| now - *at > WINDOW_MS).is_some() {}
        while self.done.pop_front_if(|(second, _)| now - *second * 1_000 > WINDOW_MS).is_some() {}
    }

    fn is_over(&mut self, now: Millis) -> bool {
        self.forget(now);
        self.failed.is_empty() && self.done.is_empty()
    }
}

impl Core {
    /// A process of the job could not do its work at one of its ends; which, nobody can tell.
    pub(super) fn note_failed(&mut self, id: &str) {
        for place in self.places(id) {
            self.tries.failed(&place.label, self.now);
        }
    }

    /// Splits of the job are done.
    pub(super) fn note_done(&mut self, id: &str, splits: u64) {
        for place in self.places(id) {
            self.tries.done(&place.label, splits, self.now);
        }
    }

    /// Why a job that just failed is not to be tried again, if so many jobs failed with one of its databases.
    pub(super) fn is_away(&mut self, id: &str) -> Option<String> {
        let (places, now) = (self.places(id), self.now);
        places.iter().find_map(|place| {
            let Rate { failed, done } = self.tries.away(&place.label, now)?;
            let label = &place.label;
            Some(format!("{failed} tries with {label} failed in the last minute, and {done} splits were done"))
        })
    }

    fn places(&self, id: &str) -> Vec<EndOutline> {
        self.jobs.get(id).map(|job| job.ends.to_vec()).unwrap_or_default()
    }

    /// Slots that the databases of a job leave it for this half of its splits, beside those of all jobs that run; and the
    /// database that leaves the fewest.
    pub(super) fn left_by_databases(&self, id: &str, half: Half) -> Option<(u32, &EndOutline)> {
        let [source, target] = &self.jobs.get(id)?.ends;
        let at = match half {
            Half::Copy => [source, target].to_vec(),
            Half::Validate => vec![target],
        };
        let ends_there = |place: &EndOutline| at.iter().filter(|end| end.label == place.label).count() as u32;
        let left =
            at.iter().map(|place| (self.left_at(id, place) / (CONNECTIONS_PER_SLOT * ends_there(place)), *place));
        left.min_by_key(|(slots, _)| *slots)
    }

    /// Connections that are left at a database. All jobs that use it share what the most generous of their plans allows.
    fn left_at(&self, id: &str, place: &EndOutline) -> u32 {
        let uses = |job: &&Job| job.record.id == id || job.record.state == JobState::Running;
        let ends = self.jobs.values().filter(uses).flat_map(|job| &job.ends);
        let allowed = ends.filter(|end| end.label == place.label).map(|end| end.connections).max();
        let used: u32 = self.tasks.iter().map(|task| self.uses(task, place)).sum();
        allowed.unwrap_or(place.connections).saturating_sub(used)
    }

    /// Connections that a task has at a database.
    fn uses(&self, task: &Task, place: &EndOutline) -> u32 {
        let Some(Job { ends: [source, target], .. }) = self.jobs.get(&task.job) else { return 0 };
        let reads = task.role.half() == Some(Half::Copy) && source.label == place.label;
        let writes = target.label == place.label;
        (u32::from(reads) + u32::from(writes)) * task.slots * CONNECTIONS_PER_SLOT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_away_when_more_tries_fail_than_come_to_something() {
        let mut tries = Tries::default();
        (0..5).for_each(|at| tries.failed("a", at));
        assert_eq!(tries.away("a", 10), None, "too few to tell");
        tries.failed("a", 10);
        assert_eq!(tries.away("a", 10), Some(Rate { failed: 6, done: 0 }));
        tries.done("a", 6, 2_000);
        assert_eq!(tries.away("a", 2_000), None, "work goes on beside the failures");
        tries.failed("a", 3_000);
        assert_eq!(tries.away("a", 3_000), Some(Rate { failed: 7, done: 6 }));
        assert_eq!(tries.away("a", 61_000), None, "long ago");
        assert_eq!(tries.away("b", 3_000), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tries = Tries::default();
        for at in (0..100_000).step_by(10) {
            tries.failed(&format!("{at}"), at);
            tries.failed("0", at);
            tries.done("0", 1, at);
        }
        assert!(tries.0.len() <= DATABASES_MAX && tries.0["0"].failed.len() <= FAILURES_MAX);
        assert!(tries.0["0"].done.len() as i64 <= WINDOW_MS / 1_000 + 1);
    }
}
