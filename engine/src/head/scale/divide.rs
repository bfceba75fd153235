//! Which pool does which work, by the classes of its workers. It knows nothing of the workers there are.

use super::{Demand, JobDemand};
use crate::cluster::caller::Class;
use crate::head::classes::{conducts, may_do};
use crate::head::record::Half;

/// What there is to do, whoever does it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// Jobs that need a worker to conduct them.
    pub jobs_queued: u32,
    /// Jobs that are conducted.
    pub jobs: Vec<JobLoad>,
}

/// What is left of one conducted job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobLoad {
    /// What clients call it.
    pub id: String,
    /// Estimated bytes of splits that are not settled.
    pub bytes_left: u64,
    /// Splits that are not settled.
    pub splits_left: u64,
    /// Of these, splits that are written and wait to be read back by others, or just are.
    pub splits_unread: u64,
    /// Whether workers other than its conductor can help.
    pub shared: bool,
    /// Whether splits are read back by others than those who write them.
    pub separate: bool,
    /// Connections to the source for all of the job's processes.
    pub source_connections: u32,
    /// Connections to the target for all of the job's processes.
    pub target_connections: u32,
}

/// What there is to do for each of the pools, which are given by their classes. Each kind of work goes to one of them: of those
/// that may do it to that of the fewest classes, of equals to the first. How fast it is done, and with how many connections,
/// is for others to add.
pub fn divide(pools: &[&[Class]], load: &Load) -> Vec<Demand> {
    let conducting = specialist(pools, conducts);
    let of_pool = |pool: usize| {
        let conducts = conducting == Some(pool);
        let jobs = load.jobs.iter().filter_map(|job| part(pools, pool, conducts, job)).collect();
        Demand { jobs_queued: if conducts { load.jobs_queued } else { 0 }, jobs }
    };
    (0..pools.len()).map(of_pool).collect()
}

fn specialist(pools: &[&[Class]], may: impl Fn(&[Class]) -> bool) -> Option<usize> {
    let able = pools.iter().enumerate().filter(|(_, classes)| may(classes));
    able.min_by_key(|(_, classes)| classes.len()).map(|(pool, _)| pool)
}

/// What a pool has to do for a job, if anything.
fn part(pools: &[&[Class]], pool: usize, conducts: bool, job: &JobLoad) -> Option<JobDemand> {
    let does = |half| specialist(pools, |classes| may_do(half, job.separate, classes)) == Some(pool);
    let unwritten = job.splits_left - job.splits_unread;
    if does(Half::Copy) && (conducts || unwritten > 0) {
        return Some(copying(job, unwritten));
    }
    if conducts {
        return Some(conducted(job));
    }
    (job.separate && does(Half::Validate) && job.splits_unread > 0).then(|| reading_back(job))
}

/// Where the halves are apart, each has half of the connections to the target.
fn copying(job: &JobLoad, unwritten: u64) -> JobDemand {
    let reading = if job.separate { job.target_connections / 2 } else { 0 };
    JobDemand { splits_left: unwritten, target_connections: job.target_connections - reading, ..whole(job) }
}

/// Its one conductor: others copy.
fn conducted(job: &JobLoad) -> JobDemand {
    JobDemand { bytes_left: 0, splits_left: 0, shared: false, ..whole(job) }
}

/// All that is left must be read back; no more workers have a use than what is written by now gives work to.
fn reading_back(job: &JobLoad) -> JobDemand {
    JobDemand {
        splits_left: job.splits_unread,
        source_connections: u32::MAX,
        target_connections: job.target_connections / 2,
        ..whole(job)
    }
}

fn whole(job: &JobLoad) -> JobDemand {
    JobDemand {
        id: job.id.clone(),
        bytes_left: job.bytes_left,
        splits_left: job.splits_left,
        shared: job.shared,
        source_connections: job.source_connections,
        target_connections: job.target_connections,
        connections_per_worker: 0,
        bytes_per_s_per_worker: None,
    }
}

#[cfg(test)]
#[path = "divide_tests.rs"]
mod tests;
