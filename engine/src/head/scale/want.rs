//! From demand to a number of workers. It knows nothing of the workers there are.

use super::{Demand, JobDemand, Settings};

/// How many workers there should be, and which bound decided it.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// What the demand asks for, no bound observed.
    pub wanted: u32,
    /// What no launch may exceed: the maximum, and what the databases' connections and the splits left have use for.
    pub ceiling: u32,
    /// How many there should be.
    pub target: u32,
    /// The bound that made `target` differ from `wanted`.
    pub bound: Option<Bound>,
}

/// A bound that changed what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// As few as are allowed.
    Min(u32),
    /// As many as are allowed.
    Max(u32),
    /// Connections to a source, of the job that is bound the most.
    Source(u32),
    /// Connections to a target, likewise.
    Target(u32),
    /// A job's conductor cannot be helped.
    Alone,
    /// Too few splits are left to share.
    Splits(u64),
}

/// How many workers `demand` is worth.
pub fn want(settings: &Settings, demand: &Demand) -> Want {
    let usual = rate(demand);
    let shares: Vec<Share> = demand.jobs.iter().map(|job| Share::of(settings, job, usual)).collect();
    let jobs = demand.jobs.len().try_into().unwrap_or(u32::MAX);
    // One worker may serve several jobs, so that parts of workers add up before they are rounded; but no job waits for
    // another's worker to have room.
    let at_least_each = |sum: f64| whole(sum).max(jobs).saturating_add(demand.jobs_queued);
    let wanted = at_least_each(shares.iter().map(|share| share.wanted).sum());
    let useful = at_least_each(shares.iter().map(|share| share.wanted.min(f64::from(share.cap))).sum());
    let room = shares.iter().fold(demand.jobs_queued, |room, share| room.saturating_add(share.cap));
    let target = useful.min(room).max(settings.workers_min).min(settings.workers_max);
    let ceiling = room.max(settings.workers_min).min(settings.workers_max);
    Want { wanted, ceiling, target, bound: bound(settings, wanted, target, &shares) }
}

fn bound(settings: &Settings, wanted: u32, target: u32, shares: &[Share]) -> Option<Bound> {
    if wanted == target {
        return None;
    }
    if wanted < target {
        return Some(Bound::Min(settings.workers_min));
    }
    if target == settings.workers_max {
        return Some(Bound::Max(settings.workers_max));
    }
    let excess = |share: &&Share| share.wanted - f64::from(share.cap);
    shares.iter().max_by(|one, other| excess(one).total_cmp(&excess(other))).map(|share| share.bound)
}

/// One job's part.
struct Share {
    /// Workers that would do it in time, in parts.
    wanted: f64,
    /// Workers that it has use for, at least its conductor.
    cap: u32,
    /// What `cap` comes from.
    bound: Bound,
}

impl Share {
    fn of(settings: &Settings, job: &JobDemand, usual: Option<f64>) -> Share {
        let per_worker = job.connections_per_worker.max(1);
        let splits = job.splits_left.div_ceil(u64::from(settings.slots_per_worker.max(1)));
        let caps = [
            (job.source_connections / per_worker, Bound::Source(job.source_connections)),
            (job.target_connections / per_worker, Bound::Target(job.target_connections)),
            (if job.shared { u32::MAX } else { 1 }, Bound::Alone),
            (splits.try_into().unwrap_or(u32::MAX), Bound::Splits(job.splits_left)),
        ];
        let (cap, bound) = caps.into_iter().min_by_key(|(cap, _)| *cap).expect("there are four");
        Share { wanted: workers(settings, job, usual), cap: cap.max(1), bound }
    }
}

/// Workers that move what is left of `job` within the drain target; its conductor alone until any rate is known.
fn workers(settings: &Settings, job: &JobDemand, usual: Option<f64>) -> f64 {
    let target_s = settings.drain_target_ms.max(1) as f64 / 1_000.0;
    match measured(job).or(usual) {
        Some(rate) => job.bytes_left as f64 / (rate * target_s),
        None => 1.0,
    }
}

/// Bytes per second that one worker would move if it did all jobs with a measured rate one after the other. Taken for the
/// others too: jobs may queue behind one another for a long time before anybody measures the last of them.
pub fn rate(demand: &Demand) -> Option<f64> {
    let measured = demand.jobs.iter().filter_map(|job| Some((job.bytes_left.max(1) as f64, measured(job)?)));
    let (bytes, seconds) = measured.fold((0.0, 0.0), |(sum, time), (left, rate)| (sum + left, time + left / rate));
    (seconds > 0.0).then(|| bytes / seconds)
}

fn measured(job: &JobDemand) -> Option<f64> {
    job.bytes_per_s_per_worker.filter(|rate| rate.is_finite() && *rate > 0.0)
}

/// Rounds up, but not for what rounding errors leave.
fn whole(workers: f64) -> u32 {
    const ERROR: f64 = 1e-9;
    (workers - ERROR).ceil() as u32
}
