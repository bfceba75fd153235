//! What the head knows, in memory, and what it decides. Every call comes in with the time, changes this state, and leaves
//! [`Change`]s behind; the caller stores them before anybody hears of the outcome. In reading order: [`jobs`] (what people
//! ask), [`pool`] (what workers say), [`schedule`] (who does what), [`databases`] (what they leave), [`tasks`] (what the
//! processes of a job say), [`cuts`] (what becomes of stragglers), [`mesh`] (processes that work on one thing together).

mod cuts;
mod databases;
mod jobs;
mod mesh;
mod pool;
mod schedule;
mod tasks;

use std::collections::BTreeMap;

use sensei_planner::{EndOutline, outline};

pub use jobs::{PLAN_BYTES_MAX, Submission};
pub use mesh::{Gathered, MESH_BRIEF_BYTES_MAX, Met};
pub use pool::{Beat, ChildState, Ending, Order, WishForTask};
pub use schedule::{CONNECTIONS_PER_SLOT, Role, Task};
pub use tasks::{Granting, Outcomes, Settled, TaskName, offered};

use super::record::{AuditRecord, Change, EventRecord, JobRecord, JobState, LeaseId, Millis, Standing};
use super::refusal::Refusal;
use super::splits::Splits;
use super::store::Loaded;
use super::view::{Counters, ScaledPoolView};
use crate::cluster::caller::Caller;
use cuts::Idle;
use databases::Tries;
use mesh::Mesh;
use pool::Worker;

/// How long a worker or a lease may go unheard before what it has is given to others, in milliseconds.
pub const LEASE_MS: Millis = 15_000;
/// Characters kept and said of what a caller made up.
const SAID_CHARS_MAX: usize = 500;

/// Milliseconds between two looks at the time after which the head must have hung.
const HUNG_MS: Millis = 3_000;

/// Bits of a lease's number below those of the head's term, so that no two heads give the same.
const LEASE_BITS: u32 = 40;

/// Everything the head knows.
#[derive(Debug)]
pub struct Core {
    now: Millis,
    /// When it took over.
    since: Millis,
    jobs: BTreeMap<String, Job>,
    workers: BTreeMap<String, Worker>,
    tasks: Vec<Task>,
    /// Until when a worker is not asked to help with a job, since its last try failed.
    rests: BTreeMap<(String, String), Millis>,
    tries: Tries,
    /// The newest mesh of each job.
    meshes: BTreeMap<String, Mesh>,
    changes: Vec<Change>,
    last_event: u64,
    last_lease: LeaseId,
    counters: Counters,
    /// Pools that the autoscaler keeps, as it last said.
    scaled: Vec<ScaledPoolView>,
}

/// A job with its splits.
#[derive(Debug)]
struct Job {
    record: JobRecord,
    splits: Splits,
    idle: Idle,
    /// Source and target, as its plan has them.
    ends: [EndOutline; 2],
}

impl Job {
    fn new(record: JobRecord, splits: Splits) -> Job {
        let mut job = Job { record, splits, idle: Idle::default(), ends: Default::default() };
        if !job.record.state.has_ended() {
            job.find_ends();
        }
        job
    }

    fn find_ends(&mut self) {
        // It was a plan when it was submitted.
        self.ends = outline(&self.record.plan).map(|outline| [outline.source, outline.target]).unwrap_or_default();
    }
}

impl Core {
    /// What was stored, taken up under `term`. Leases hold as if they had been renewed now: their holders may not have heard
    /// that the head was gone.
    pub fn recover(loaded: Loaded, term: u64, now: Millis) -> Core {
        let Loaded { jobs, mut splits, tallies, last_event } = loaded;
        let take_up = |record: JobRecord| {
            let mut taken = Splits::after(tallies.get(&record.id).copied().unwrap_or_default());
            taken.put(splits.remove(&record.id).unwrap_or_default(), now + LEASE_MS);
            (record.id.clone(), Job::new(record, taken))
        };
        let mut core = Core {
            now,
            since: now,
            jobs: jobs.into_iter().map(take_up).collect(),
            workers: BTreeMap::new(),
            tasks: Vec::new(),
            rests: BTreeMap::new(),
            tries: Tries::default(),
            meshes: BTreeMap::new(),
            changes: Vec::new(),
            last_event,
            last_lease: term << LEASE_BITS,
            counters: Counters::default(),
            scaled: Vec::new(),
        };
        core.expect_conductors();
        core.event(None, "head", format!("the head leads under term {term}"));
        core
    }

    /// Sets the time for what follows. It does not go back. Called several times a second; where it was not, the head itself
    /// hung, and nobody could be heard meanwhile: nobody is held to that.
    pub fn set_time(&mut self, now: Millis) {
        let gap = now - self.now;
        self.now = self.now.max(now);
        if gap > HUNG_MS {
            self.workers.values_mut().for_each(|worker| worker.last_beat += gap);
            self.tasks.iter_mut().for_each(|task| task.since += gap);
            self.jobs.values_mut().for_each(|job| job.splits.postpone(gap));
            self.meshes.values_mut().for_each(|mesh| mesh.postpone(gap));
        }
    }

    /// What became true since this was last asked; to be stored before anybody is told.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Whether something became true since [`Core::take_changes`].
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// What time alone brings about: silent workers, lost leases, jobs whose time has come.
    pub fn tick(&mut self) {
        self.give_up_silent_workers();
        self.expire_leases();
        self.expire_meshes();
        self.schedule();
    }

    /// Takes note of how often and how fast changes were stored.
    pub fn note_commit(&mut self, commits: u64, seconds: f64) {
        (self.counters.store_commits, self.counters.store_commit_seconds) = (commits, seconds);
    }

    /// Takes note of a pool as the autoscaler has it now.
    pub fn note_pool(&mut self, pool: ScaledPoolView) {
        match self.scaled.iter_mut().find(|known| known.classes == pool.classes) {
            Some(known) => *known = pool,
            None => self.scaled.push(pool),
        }
    }

    /// Takes note of what the autoscaler does to a pool.
    pub fn note_scaling(&mut self, pool: &str, launch: u32, retire: usize, why: &str) {
        self.event(None, "scaling", format!("pool {pool}: {launch} launched, {retire} retired; {why}"));
    }

    /// Counters for `/metrics`.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        let wanted = self.scaled.iter().map(|pool| pool.workers_wanted);
        counters.workers_wanted = (!self.scaled.is_empty()).then(|| wanted.sum());
        for job in self.jobs.values() {
            *counters.jobs.entry(job.state()).or_default() += 1;
            if job.record.state == JobState::Running {
                let progress = job.splits.progress();
                counters.bytes_left += progress.bytes - progress.bytes_done;
            }
        }
        counters
    }

    /// Writes who changed what, or was refused, into the audit log.
    pub fn audit(&mut self, caller: &Caller, operation: &str, object: &str, refusal: Option<&Refusal>) {
        let outcome = refusal.map_or_else(|| "done".to_owned(), |refusal| shortened(&refusal.to_string()));
        self.changes.push(Change::Audit(AuditRecord {
            at: self.now,
            who: caller.name.clone(),
            role: caller.access.to_string(),
            operation: operation.to_owned(),
            object: shortened(object),
            outcome,
        }));
    }

    fn event(&mut self, job: Option<&str>, kind: &str, text: impl Into<String>) {
        self.last_event += 1;
        let (at, job, kind, text) = (self.now, job.map(str::to_owned), kind.to_owned(), text.into());
        tracing::info!(job = job.as_deref(), kind, "{text}");
        self.changes.push(Change::Event(EventRecord { number: self.last_event, at, job, kind, text }));
    }

    fn job(&self, id: &str) -> Result<&Job, Refusal> {
        self.jobs.get(id).ok_or_else(|| unknown(id))
    }

    fn job_mut(&mut self, id: &str) -> Result<&mut Job, Refusal> {
        self.jobs.get_mut(id).ok_or_else(|| unknown(id))
    }

    /// Has the job stored as it is now.
    fn store(&mut self, id: &str) {
        if let Some(job) = self.jobs.get(id) {
            self.changes.push(Change::Job(Box::new(job.record.clone())));
        }
    }

    fn moved(&mut self, job: &str, moved: impl IntoIterator<Item = (u32, Standing)>) -> u64 {
        let before = self.changes.len();
        let change = |(split, standing)| Change::Standing { job: job.to_owned(), split, standing };
        self.changes.extend(moved.into_iter().map(change));
        (self.changes.len() - before) as u64
    }

    fn expire_leases(&mut self) {
        let now = self.now;
        let lost: Vec<_> = self.jobs.iter_mut().map(|(id, job)| (id.clone(), job.splits.expire(now))).collect();
        for (job, moved) in lost.into_iter().filter(|(_, moved)| !moved.is_empty()) {
            let count = self.moved(&job, moved);
            self.counters.leases_lost += count;
            self.event(Some(&job), "leases_lost", format!("{count} leases were not renewed in time"));
        }
    }
}

fn unknown(id: &str) -> Refusal {
    Refusal::NotFound { what: format!("job \"{}\"", shortened(id)) }
}

/// What callers make up is kept and said only up to a length.
fn shortened(text: &str) -> String {
    text.chars().take(SAID_CHARS_MAX).collect()
}

#[cfg(test)]
#[path = "../core_tests/mod.rs"]
mod tests;
