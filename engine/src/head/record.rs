//! What the head remembers: jobs, splits, events, audit. Plain data, changed only by [`Change`]s, each of which is stored
//! before anybody is told of it.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, as the head's clock gives them.
pub type Millis = i64;

/// A number that one job's leases never share.
pub type LeaseId = u64;

/// A job as it was submitted, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// What clients call it.
    pub id: String,
    /// The plan's name.
    pub name: String,
    /// The plan file's text, its variables not filled in.
    pub plan: String,
    /// SHA-256 of that text, hex.
    pub plan_sha256: String,
    /// Who submitted it.
    pub submitted_by: String,
    /// When.
    pub submitted_at: Millis,
    /// Where it stands.
    pub state: JobState,
    /// What people want of it.
    pub wish: Wish,
    /// How often it was given to a worker. Whatever is said under an older number is refused.
    pub attempt: u32,
    /// How often in a row it failed for a reason that may pass.
    pub failures: u32,
    /// It is not begun again before this.
    pub not_before: Millis,
    /// The worker that conducts it.
    pub conductor: Option<String>,
    /// When it was first begun.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// What `sensei run` would have exited with.
    pub exit_code: Option<u8>,
    /// What `sensei run --output json` would have printed.
    pub report_json: Option<String>,
    /// Why it stands where it stands.
    pub why: String,
    /// What its conductor told of it; `None` before that, and between attempts.
    pub opened: Option<Opened>,
}

impl JobRecord {
    /// Whether its splits are read back by others than those who write them.
    pub fn is_separate(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.separate)
    }

    /// Whether processes other than its conductor can help now.
    pub fn is_shared(&self) -> bool {
        self.opened.as_ref().is_some_and(|opened| opened.shared && !opened.closed)
    }
}

/// What a conductor told of its job, once per attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What copiers must know, as the engine's own record; the head does not read it.
    pub brief_json: Vec<u8>,
    /// Whether other processes can share the conductor's view of the source.
    pub shared: bool,
    /// Whether splits are read back by others than those who write them.
    pub separate: bool,
    /// Connections to the source for all of the job's processes.
    pub source_connections: u32,
    /// Connections to the target for all of the job's processes.
    pub target_connections: u32,
    /// Whether all of its splits are offered.
    pub complete: bool,
    /// Whether nothing more is granted.
    pub closed: bool,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a worker, or for its time.
    Queued,
    /// A worker conducts it.
    Running,
    /// Stopped by a person or by its circuit breaker; can go on.
    Paused,
    /// Stopped for good; can be retried.
    Stopped,
    /// Ended `equivalent`.
    Done,
    /// Ended otherwise; can be retried.
    Failed,
}

impl JobState {
    /// Whether nothing happens any more unless a person asks.
    pub fn has_ended(self) -> bool {
        matches!(self, JobState::Stopped | JobState::Done | JobState::Failed)
    }
}

/// What people want of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// To its end.
    Run,
    /// To hold.
    Pause,
    /// To give up.
    Stop,
}

/// One split as its job's conductor offered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitRecord {
    /// Number within the job.
    pub split: u32,
    /// Bytes, estimated.
    pub bytes: u64,
    /// Whether it must be rechecked before anything else is granted.
    pub recheck: bool,
    /// Which half of it is to be done.
    pub half: Half,
    /// What is to be done, as the engine's own record; the head does not read it.
    pub grant_json: Vec<u8>,
    /// Where it stands.
    pub standing: Standing,
}

/// The halves of a split, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// Reading the source and writing the target; and reading that back, where nobody else does.
    Copy,
    /// Reading back what was written, by a worker that could not have written it.
    Validate,
}

/// Where a split stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has it. `lost` counts the holders who lost it.
    Pending {
        /// Holders who lost it.
        lost: u32,
    },
    /// Somebody has it.
    Leased {
        /// Under this number.
        lease: LeaseId,
        /// The worker.
        worker: String,
        /// Holders who lost it before.
        lost: u32,
    },
    /// It was done, and the conductor has not settled it yet.
    Reported {
        /// What came of it, as the engine's own record.
        outcome_json: Vec<u8>,
        /// Who did it, for people.
        worker: String,
    },
}

/// Splits in numbers: what is known of those that are forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub splits: u64,
    /// Of these, splits that are done.
    pub splits_done: u64,
    /// Bytes of all, estimated.
    pub bytes: u64,
    /// Bytes of those that are done, estimated.
    pub bytes_done: u64,
}

/// One thing that becomes true. A list of them is stored whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A job is as this record says; its splits are not touched.
    Job(Box<JobRecord>),
    /// Splits of a job are as these records say, whether they were there or not.
    Splits {
        /// The job.
        job: String,
        /// Its splits.
        splits: Vec<SplitRecord>,
    },
    /// A split's standing changed.
    Standing {
        /// The job.
        job: String,
        /// The split.
        split: u32,
        /// Its standing.
        standing: Standing,
    },
    /// Splits that the conductor settled are forgotten: the journal has them.
    Settled {
        /// The job.
        job: String,
        /// The splits.
        splits: Vec<u32>,
        /// What they add to what is known of splits that are forgotten.
        tally: Tally,
    },
    /// All splits of a job are forgotten.
    Cleared {
        /// The job.
        job: String,
        /// What stays known of them, and of those before.
        tally: Tally,
    },
    /// A job is forgotten, with its splits and events.
    Forgotten {
        /// The job.
        job: String,
    },
    /// Something happened.
    Event(EventRecord),
    /// Somebody changed something.
    Audit(AuditRecord),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Ascending, without gaps that matter.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// To which job; `None` for the pool.
    pub job: Option<String>,
    /// Which kind of event, a stable word.
    pub kind: String,
    /// For people.
    pub text: String,
}

/// Somebody changed something. The store chains these by SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// When.
    pub at: Millis,
    /// Who.
    pub who: String,
    /// In which role.
    pub role: String,
    /// What, a stable word such as `submit`.
    pub operation: String,
    /// To what.
    pub object: String,
    /// How it ended: `done`, or why it was refused.
    pub outcome: String,
}
