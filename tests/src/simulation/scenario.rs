//! What happens to a simulated pool from outside.

use sensei_engine::head::scale::Settings;

/// What comes, and how the world is.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name, which also names its plot.
    pub name: String,
    /// What people set.
    pub settings: Settings,
    /// The jobs, in any order.
    pub jobs: Vec<JobPlan>,
    /// The shortest and the longest time from a launch to its registration, in milliseconds.
    pub start_ms: (i64, i64),
    /// One launch in so many never registers; 0 for none.
    pub lost_launch_in: usize,
    /// How long workers live on average, in milliseconds; 0 for ever.
    pub life_ms: i64,
    /// Bytes per second that one slot moves.
    pub bytes_per_s_per_slot: f64,
    /// Bytes per second that the database gives to all slots together. A split keeps the share that it began with.
    pub database_bytes_per_s: f64,
    /// How much longer than that a split may take, as a part of it.
    pub jitter: f64,
    /// The pool is watched for this long after the last job.
    pub tail_ms: i64,
    /// The run is given up after this time.
    pub horizon_ms: i64,
}

/// One job to come.
#[derive(Clone, Debug)]
pub struct JobPlan {
    /// When it is submitted.
    pub at_ms: i64,
    /// Bytes of each split.
    pub splits: Vec<u64>,
    /// Whether workers other than its conductor may help.
    pub shared: bool,
    /// Connections to the source for the whole job.
    pub source_connections: u32,
    /// Connections to the target for the whole job.
    pub target_connections: u32,
    /// Connections to either end that one worker uses.
    pub connections_per_worker: u32,
}

impl JobPlan {
    /// A shared job without a budget that binds.
    pub fn plain(at_ms: i64, splits: Vec<u64>) -> JobPlan {
        JobPlan {
            at_ms,
            splits,
            shared: true,
            source_connections: 10_000,
            target_connections: 10_000,
            connections_per_worker: 4,
        }
    }

    /// Bytes of all splits.
    pub fn bytes(&self) -> u64 {
        self.splits.iter().sum()
    }

    /// Workers that may work on it at the same time.
    pub fn workers_max(&self) -> u32 {
        let budget = self.source_connections.min(self.target_connections) / self.connections_per_worker.max(1);
        if self.shared { budget.max(1) } else { 1 }
    }
}

impl Scenario {
    /// Nothing to do, workers that start within five seconds, live for ever and move 10 MB/s per slot, nearly.
    pub fn quiet(name: &str, settings: Settings) -> Scenario {
        let tail_ms = settings.idle_timeout_ms + settings.cooldown_ms + 60_000;
        Scenario {
            name: name.to_owned(),
            settings,
            jobs: Vec::new(),
            start_ms: (500, 5_000),
            lost_launch_in: 0,
            life_ms: 0,
            bytes_per_s_per_slot: 10e6,
            database_bytes_per_s: f64::INFINITY,
            jitter: 0.2,
            tail_ms,
            horizon_ms: 48 * 3_600_000,
        }
    }

    /// When it would be done at best: workers start as slowly as they may, as many at a time as they may, and share the
    /// work evenly within the drain target. Neither deaths nor lost launches are in it.
    pub fn ideal_ms(&self) -> i64 {
        let Settings { slots_per_worker, drain_target_ms, workers_max, .. } = self.settings;
        let per_worker_ms = self.bytes_per_s_per_slot / 1_000.0 * f64::from(slots_per_worker);
        let bytes: u64 = self.jobs.iter().map(JobPlan::bytes).sum();
        let worker_ms = bytes as f64 / per_worker_ms;
        let pool = (worker_ms / drain_target_ms as f64).ceil().max(self.jobs.len() as f64).min(f64::from(workers_max));
        let bound = |job: &JobPlan| job.bytes() as f64 / per_worker_ms / f64::from(job.workers_max().min(workers_max));
        let longest_bound = self.jobs.iter().map(bound).fold(0.0, f64::max);
        let longest_split = self.jobs.iter().flat_map(|job| &job.splits).max().copied().unwrap_or(0);
        let last = self.jobs.iter().map(|job| job.at_ms).max().unwrap_or(0);
        // What takes longest may begin last, whence the sum.
        let database_ms = bytes as f64 / (self.database_bytes_per_s / 1_000.0);
        let shared_ms = (drain_target_ms as f64).max(worker_ms / pool.max(1.0));
        let work_ms = shared_ms.max(longest_bound).max(database_ms) + self.split_ms(longest_split);
        last + self.ramp_ms(pool as u32) + work_ms as i64
    }

    /// The time of one split, however many share the database.
    fn split_ms(&self, bytes: u64) -> f64 {
        let slots = f64::from(self.settings.workers_max) * f64::from(self.settings.slots_per_worker);
        bytes as f64 * 1_000.0 / self.bytes_per_s_per_slot.min(self.database_bytes_per_s / slots)
    }

    /// Until `pool` workers are ready.
    fn ramp_ms(&self, pool: u32) -> i64 {
        let round_ms = self.start_ms.1 + 5_000;
        let (mut workers, mut rounds) = (0_u32, 1);
        while workers < pool {
            let step = (self.settings.upscaling_speed * f64::from(workers)).ceil() as u32;
            workers += step.clamp(1, self.settings.launches_max.max(1));
            rounds += 1;
        }
        round_ms * rounds
    }
}
