//! Workers of a simulation.

use std::collections::BTreeMap;

use sensei_engine::head::scale::{Worker, WorkerState};

/// A split that a slot works on.
pub struct Task {
    pub job: usize,
    pub bytes: u64,
    pub begun_ms: i64,
    pub ends_ms: i64,
    /// Bytes reported so far.
    pub reported: u64,
}

impl Task {
    /// Bytes moved since the last report, if it is `now_ms`.
    pub fn report(&mut self, now_ms: i64) -> u64 {
        let part = (now_ms - self.begun_ms) as f64 / (self.ends_ms - self.begun_ms).max(1) as f64;
        let moved = (self.bytes as f64 * part.min(1.0)) as u64;
        let news = moved.saturating_sub(self.reported);
        self.reported += news;
        news
    }
}

/// One worker.
pub struct Member {
    pub launched_ms: i64,
    pub state: WorkerState,
    /// Whether it has died, which nobody knows yet.
    pub dead: bool,
    pub idle_since: Option<i64>,
    pub tasks: Vec<Option<Task>>,
    /// Jobs it conducts.
    pub conducts: u32,
}

impl Member {
    pub fn launched(now_ms: i64, slots: u32) -> Member {
        let tasks = (0..slots).map(|_| None).collect();
        Member { launched_ms: now_ms, state: WorkerState::Launching, dead: false, idle_since: None, tasks, conducts: 0 }
    }

    pub fn takes_work(&self) -> bool {
        self.state == WorkerState::Ready && !self.dead
    }

    pub fn slots_busy(&self) -> u32 {
        self.tasks.iter().flatten().count() as u32
    }

    pub fn has_work(&self) -> bool {
        self.conducts > 0 || self.slots_busy() > 0
    }

    /// Notes since when it has had nothing to do.
    pub fn note_idle(&mut self, now_ms: i64) {
        let is_idle = self.state == WorkerState::Ready && !self.has_work();
        self.idle_since = is_idle.then_some(self.idle_since.unwrap_or(now_ms));
    }
}

/// What the head would know of `members`.
pub fn known(members: &BTreeMap<u64, Member>) -> Vec<Worker> {
    members.iter().map(|(id, member)| worker(*id, member)).collect()
}

fn worker(id: u64, member: &Member) -> Worker {
    let jobs = member.tasks.iter().flatten().map(|task| format!("job-{}", task.job));
    let conducts = (0..member.conducts).map(|_| "conducted".to_owned());
    Worker {
        id: id.to_string(),
        launched_at: member.launched_ms,
        state: member.state,
        slots_busy: member.slots_busy(),
        idle_since: member.idle_since,
        jobs: jobs.chain(conducts).collect(),
    }
}
