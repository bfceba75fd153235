//! Cutting stragglers: a job's last splits may keep one worker busy while all others have nothing to do.

use std::collections::BTreeMap;

use super::tasks::TaskName;
use super::{Core, Job, LEASE_MS};
use crate::head::record::{Change, Half, Millis, Wish};
use crate::head::refusal::Refusal;
use crate::head::splits::{CutAnswer, Renewal, Renewed};

/// For how long a worker that asked for a split in vain counts as one that has nothing to do: it asks again after a second.
const IDLE_MS: Millis = 2_500;
/// Of these so many are named.
const IDLE_NAMED_MAX: usize = 3;

/// Workers that asked for splits to copy in vain, and when they did last.
#[derive(Debug, Default)]
pub(super) struct Idle(BTreeMap<String, Millis>);

impl Idle {
    /// Takes note of whether a worker that asked was given something.
    pub(super) fn note(&mut self, worker: &str, was_given: bool, now: Millis) {
        self.0.retain(|_, at| now - *at <= IDLE_MS);
        match was_given {
            true => drop(self.0.remove(worker)),
            false => drop(self.0.insert(worker.to_owned(), now)),
        }
    }

    fn workers(&self, now: Millis) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, at)| now - **at <= IDLE_MS).map(|(worker, _)| worker.as_str())
    }
}

impl Job {
    /// Whether others could only help by what is cut off for them: the job goes on, and nothing waits to be copied.
    fn is_cut_for_others(&self) -> bool {
        let record = &self.record;
        record.wish == Wish::Run && record.is_shared() && self.splits.waits(Half::Copy) == 0
    }

    /// Splits of which a part could be given to others.
    pub(super) fn divisible(&self) -> usize {
        if self.is_cut_for_others() { self.splits.rests().len() } else { 0 }
    }
}

impl Core {
    /// Holds on to leases; says which are lost, which splits are to be cut, and what became of cuts that were proposed.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the process.
    pub fn renew(&mut self, task: &TaskName, renewals: &[Renewal], rows: u64, bytes: u64) -> Result<Renewed, Refusal> {
        let (now, deadline) = (self.now, self.now + LEASE_MS);
        let job = self.own_job(task)?;
        let idle = if job.is_cut_for_others() { job.idle.workers(now).count() } else { 0 };
        let renewed = job.splits.renew(&task.worker, renewals, idle, deadline);
        self.counters.rows += rows;
        self.counters.bytes += bytes;
        Ok(renewed)
    }

    /// What the conductor says to cuts that were proposed.
    ///
    /// # Errors
    /// `Lost` where the job has gone on without the conductor.
    pub fn cut(&mut self, task: &TaskName, answers: Vec<CutAnswer>) -> Result<(), Refusal> {
        for answer in answers {
            let now = self.now;
            let job = self.conducted_job(task)?;
            let why = answer.parts.as_ref().map(|parts| {
                let [kept, rest] = parts.as_ref();
                let holder = job.splits.holder(answer.proposed.lease).unwrap_or("nobody");
                let idle: Vec<&str> = job.idle.workers(now).take(IDLE_NAMED_MAX).collect();
                let idle = if idle.is_empty() { "nobody".to_owned() } else { idle.join(", ") };
                format!(
                    "split {} is halved: worker {holder} still had much of it to read while {idle} waited for work; \
                     about {} MiB of it are split {}",
                    kept.split,
                    rest.bytes >> 20,
                    rest.split
                )
            });
            let splits = job.splits.cut(answer);
            if let Some(why) = why.filter(|_| !splits.is_empty()) {
                self.changes.push(Change::Splits { job: task.job.clone(), splits });
                self.event(Some(&task.job), "halved", why);
                self.schedule();
            }
        }
        Ok(())
    }
}
