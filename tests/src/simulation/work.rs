//! Jobs of a simulation: who may work on what.

use std::collections::BTreeMap;

use sensei_engine::head::scale::{JobDemand, Rate};

use super::scenario::JobPlan;

/// One job that was submitted.
pub struct Job {
    plan: JobPlan,
    id: String,
    /// Splits that nobody has, smallest first.
    pending: Vec<u64>,
    pub bytes_left: u64,
    splits_left: u64,
    pub conductor: Option<u64>,
    /// Slots that each worker uses for it.
    pub slots: BTreeMap<u64, u32>,
    pub rate: Rate,
}

impl Job {
    pub fn new(index: usize, plan: &JobPlan) -> Job {
        let mut pending = plan.splits.clone();
        pending.sort_unstable();
        Job {
            id: format!("job-{index}"),
            bytes_left: plan.bytes(),
            splits_left: pending.len() as u64,
            plan: JobPlan { splits: Vec::new(), ..*plan },
            pending,
            conductor: None,
            slots: BTreeMap::new(),
            rate: Rate::default(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.splits_left == 0
    }

    pub fn is_queued(&self) -> bool {
        self.conductor.is_none() && !self.is_done()
    }

    pub fn workers_max(&self) -> u32 {
        self.plan.workers_max()
    }

    /// Whether `worker` may take a split of it.
    pub fn offers(&self, worker: u64) -> bool {
        if self.pending.is_empty() || self.conductor.is_none() {
            return false;
        }
        if self.conductor == Some(worker) {
            return true;
        }
        // The conductor's place is kept for it.
        let others = self.slots.keys().filter(|id| Some(**id) != self.conductor).count() as u32;
        self.plan.shared && (self.slots.contains_key(&worker) || others + 1 < self.plan.workers_max())
    }

    /// How much `worker` should prefer it: what it conducts, as others may not be allowed to help; then what it has begun.
    pub fn preference(&self, worker: u64) -> u32 {
        match (self.conductor == Some(worker), self.slots.contains_key(&worker)) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        }
    }

    /// Gives the largest pending split to `worker`.
    pub fn take(&mut self, worker: u64) -> Option<u64> {
        let bytes = self.pending.pop()?;
        *self.slots.entry(worker).or_default() += 1;
        Some(bytes)
    }

    /// `worker` has done a split; true if that was its last one here.
    pub fn done(&mut self, worker: u64, bytes: u64) -> bool {
        self.bytes_left -= bytes;
        self.splits_left -= 1;
        self.release(worker)
    }

    /// `worker` was lost with a split.
    pub fn lost(&mut self, worker: u64, bytes: u64) {
        let place = self.pending.partition_point(|other| *other <= bytes);
        self.pending.insert(place, bytes);
        self.release(worker);
    }

    fn release(&mut self, worker: u64) -> bool {
        let slots = self.slots.get_mut(&worker).expect("it holds a split");
        *slots -= 1;
        let last = *slots == 0;
        if last {
            self.slots.remove(&worker);
        }
        last
    }

    pub fn demand(&self) -> JobDemand {
        JobDemand {
            id: self.id.clone(),
            bytes_left: self.bytes_left,
            splits_left: self.splits_left,
            shared: self.plan.shared,
            source_connections: self.plan.source_connections,
            target_connections: self.plan.target_connections,
            connections_per_worker: self.plan.connections_per_worker,
            bytes_per_s_per_worker: self.rate.bytes_per_s_per_worker(),
        }
    }
}
