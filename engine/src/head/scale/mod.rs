//! How large a pool of workers should be, and how it gets there.
//!
//! In reading order: [`divide()`] says which pool does what, [`Snapshot`] is what is known of one pool, `want` turns demand
//! into a number of workers, [`decide()`] turns that number into launches and retirements, `why` says it in words, [`Rate`]
//! measures what a worker moves, and a [`Provider`] starts and stops real workers.
//!
//! **Invariant:** [`decide()`] has no clock, no input or output, no randomness and no memory: what it must remember
//! travels from [`Decision::carried`] to the next [`Snapshot::carried`].

mod decide;
mod divide;
mod kubernetes;
mod local;
mod provider;
mod rate;
mod want;
mod why;

use super::record::Millis;

pub use decide::decide;
pub use divide::{JobLoad, Load, divide};
pub use kubernetes::{Kubernetes, KubernetesSettings};
pub use local::{CHILDREN_MAX, Local, LocalSettings};
pub use provider::{Instance, InstanceState, Provider, ProviderError, ProviderKind};
pub use rate::Rate;

/// How often the head decides anew. A guess, the same as Ray's: short beside the start of a worker.
pub const DECIDE_EVERY_MS: Millis = 5_000;

/// What people set for one pool of workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Workers that stay even if there is nothing to do.
    pub workers_min: u32,
    /// Workers that there are at most, those that are starting or leaving included. Wins over `workers_min`.
    pub workers_max: u32,
    /// Splits that one worker works on at a time.
    pub slots_per_worker: u32,
    /// The work that is known should be done within this time.
    pub drain_target_ms: Millis,
    /// How fast the pool grows: workers to launch per worker there is, at least one.
    pub upscaling_speed: f64,
    /// Workers that are starting at the same time, at most.
    pub launches_max: u32,
    /// A worker is idle for this long before it is retired.
    pub idle_timeout_ms: Millis,
    /// Time between a launch and a retirement, and between a retirement and a launch that is not pressing.
    pub cooldown_ms: Millis,
    /// A worker that did not register within this time will never do so.
    pub launch_timeout_ms: Millis,
}

impl Default for Settings {
    /// Guesses that suit one database server and workers that start within seconds; see the plots of the simulation.
    fn default() -> Settings {
        Settings {
            workers_min: 1,
            workers_max: 8,
            slots_per_worker: 4,
            drain_target_ms: 60_000,
            upscaling_speed: 1.0,
            launches_max: 16,
            idle_timeout_ms: 60_000,
            cooldown_ms: 30_000,
            launch_timeout_ms: 180_000,
        }
    }
}

/// All that a decision is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Now.
    pub now: Millis,
    /// What there is to do.
    pub demand: Demand,
    /// Who is there to do it.
    pub workers: Vec<Worker>,
    /// What the last decision said to remember.
    pub carried: Carried,
}

/// What there is to do for one pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Jobs that need a worker to conduct them.
    pub jobs_queued: u32,
    /// Jobs that are conducted.
    pub jobs: Vec<JobDemand>,
}

/// What is left of one conducted job for the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDemand {
    /// What clients call it.
    pub id: String,
    /// Estimated bytes of splits that are not settled.
    pub bytes_left: u64,
    /// Splits that are not settled.
    pub splits_left: u64,
    /// Whether workers other than its conductor can help.
    pub shared: bool,
    /// Connections to the source for all of the job's processes.
    pub source_connections: u32,
    /// Connections to the target for all of the job's processes.
    pub target_connections: u32,
    /// Connections to either end that one worker uses for it.
    pub connections_per_worker: u32,
    /// Bytes per second that one worker moves of it; `None` until that was measured.
    pub bytes_per_s_per_worker: Option<f64>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// What the provider calls it.
    pub id: String,
    /// When it was launched.
    pub launched_at: Millis,
    /// Where it stands.
    pub state: WorkerState,
    /// Slots in use.
    pub slots_busy: u32,
    /// Since when it has had nothing to do; `None` if it has.
    pub idle_since: Option<Millis>,
    /// Jobs it has processes of.
    pub jobs: Vec<String>,
}

/// Where a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// Asked for; has not registered yet.
    Launching,
    /// Takes work.
    Ready,
    /// Takes no more work, and is still there.
    Draining,
    /// Is no more.
    Gone,
}

/// What one decision remembers for the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// When workers were last launched.
    pub launched_at: Option<Millis>,
    /// When workers were last retired.
    pub retired_at: Option<Millis>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Workers to launch.
    pub launch: u32,
    /// Idle workers to retire.
    pub retire: Vec<String>,
    /// Workers that did not register in time: to be retired as well, and not to be counted on.
    pub abandon: Vec<String>,
    /// Workers that the demand alone asks for.
    pub wanted: u32,
    /// Workers that there should be, within all bounds.
    pub target: u32,
    /// One sentence for people.
    pub why: String,
    /// What the next snapshot must carry.
    pub carried: Carried,
}
