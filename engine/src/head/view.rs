//! What the head tells clients, the same over REST and gRPC.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::record::Millis;
use crate::cluster::caller::{Class, Role};

/// A job, for clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// What clients call it.
    pub id: String,
    /// The plan's name.
    pub name: String,
    /// Where it stands.
    pub state: JobStateView,
    /// Why it stands there, for people; empty where the state says all.
    pub why: String,
    /// SHA-256 of the plan file's text, hex.
    pub plan_sha256: String,
    /// How often it was given to a worker.
    pub attempt: u32,
    /// The worker that conducts it.
    pub worker: Option<String>,
    /// Who submitted it.
    pub submitted_by: String,
    /// When, in milliseconds since 1970.
    pub submitted_at_ms: Millis,
    /// When it was first begun.
    pub started_at_ms: Option<Millis>,
    /// When it ended.
    pub ended_at_ms: Option<Millis>,
    /// How far its splits are.
    pub progress: Progress,
    /// What `sensei run` would have exited with; only of a job that has ended.
    pub exit_code: Option<u8>,
    /// What `sensei run --output json` prints; only of a job that has ended.
    #[schema(value_type = Option<Object>)]
    pub report: Option<serde_json::Value>,
}

/// Where a job stands, with what is being done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStateView {
    /// Waits for a worker, or for its time.
    Queued,
    /// A worker conducts it.
    Running,
    /// It was told to hold and has not yet.
    Pausing,
    /// Holds; can go on.
    Paused,
    /// It was told to give up and has not yet.
    Stopping,
    /// Given up; can be retried.
    Stopped,
    /// Ended `equivalent`.
    Done,
    /// Ended otherwise; can be retried.
    Failed,
}

/// How far a job's splits are, under its present attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Splits that were offered.
    pub splits: u64,
    /// Of these, splits somebody works on.
    pub splits_leased: u64,
    /// Of these, splits that are finished.
    pub splits_done: u64,
    /// Bytes of all splits, estimated.
    pub bytes: u64,
    /// Bytes of finished splits, estimated.
    pub bytes_done: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Ascending.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: Millis,
    /// To which job; `None` for the pool.
    pub job: Option<String>,
    /// Which kind of event, a stable word.
    pub kind: String,
    /// For people.
    pub text: String,
}

/// The workers and what waits for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// Every worker that is heard of.
    pub workers: Vec<WorkerView>,
    /// Slots of all workers that take on work.
    pub slots: u32,
    /// Of these, slots that are taken.
    pub slots_busy: u32,
    /// Slots that work is waiting for.
    pub slots_wanted: u32,
    /// Jobs that wait for a worker.
    pub jobs_queued: u32,
    /// Jobs that a worker conducts.
    pub jobs_running: u32,
    /// Pools that the autoscaler keeps; none if it is off.
    pub scaled: Vec<ScaledPoolView>,
}

/// A pool of workers that is as large as there is work for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScaledPoolView {
    /// The classes of its workers, by which it is known.
    pub classes: Vec<String>,
    /// Workers that stay even if there is nothing to do.
    pub workers_min: u32,
    /// Workers at the most.
    pub workers_max: u32,
    /// Workers that there should be.
    pub workers_wanted: u32,
    /// Why so many, for people.
    pub why: String,
    /// Names of its workers, also of those that start or leave.
    pub workers: Vec<String>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    /// Its name.
    pub id: String,
    /// `ready`, `draining` or `silent`.
    pub state: String,
    /// `scout`, `mover`, `validator`.
    pub classes: Vec<String>,
    /// Where it runs, as it says.
    pub zone: String,
    /// Its version.
    pub version: String,
    /// Splits' threads it runs at once.
    pub slots: u32,
    /// Of these, taken.
    pub slots_busy: u32,
    /// When it was first heard, in milliseconds since 1970.
    pub registered_at_ms: Millis,
    /// When it was last heard.
    pub last_beat_at_ms: Millis,
    /// Jobs it works for.
    pub jobs: Vec<String>,
}

impl WorkerView {
    /// Whether it is of this class.
    pub fn is(&self, class: Class) -> bool {
        self.classes.iter().any(|word| word == class.word())
    }
}

/// What a client asks of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Hold, finishing what is open.
    Pause,
    /// Go on after a pause.
    Resume,
    /// Give up, finishing what is open.
    Stop,
    /// Once more, after it stopped or failed; goes on where it was.
    Retry,
}

/// Counters and gauges beside [`PoolView`], for `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Jobs by state.
    pub jobs: std::collections::BTreeMap<JobStateView, u64>,
    /// Splits granted since this process began.
    pub grants: u64,
    /// Leases that were lost since this process began.
    pub leases_lost: u64,
    /// Splits finished since this process began.
    pub splits_done: u64,
    /// Rows moved since this process began.
    pub rows: u64,
    /// Bytes moved since this process began.
    pub bytes: u64,
    /// Commits of the store since this process began.
    pub store_commits: u64,
    /// Seconds the last of them took.
    pub store_commit_seconds: f64,
    /// Bytes still to be moved, of all running jobs, estimated.
    pub bytes_left: u64,
    /// Workers the autoscaler wants; `None` if it is off.
    pub workers_wanted: Option<u32>,
}

/// Whether this head answers for the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads.
    Leading {
        /// Under this number.
        term: u64,
    },
    /// Another leads.
    Standby {
        /// Where the other is.
        leader: String,
    },
}

/// A token somebody may come with; never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Its name, which stands for the caller in the audit log.
    pub name: String,
    /// What its bearer may do.
    #[schema(schema_with = role_schema)]
    pub role: Role,
    /// When, in milliseconds since 1970.
    pub created_at_ms: Millis,
}

/// One entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Ascending from 1, without gaps.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: Millis,
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
    /// SHA-256 over the entry and that of the one before, hex.
    pub sha256: String,
}

/// The words of [`Role`], for the OpenAPI document.
pub(crate) fn role_schema() -> Object {
    let words = ["viewer", "operator", "admin"];
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

impl From<super::record::EventRecord> for EventView {
    fn from(event: super::record::EventRecord) -> EventView {
        EventView { number: event.number, at_ms: event.at, job: event.job, kind: event.kind, text: event.text }
    }
}

impl From<super::store::AuditEntry> for AuditView {
    fn from(entry: super::store::AuditEntry) -> AuditView {
        let record = entry.record;
        AuditView {
            number: entry.seq,
            at_ms: record.at,
            who: record.who,
            role: record.role,
            operation: record.operation,
            object: record.object,
            outcome: record.outcome,
            sha256: entry.sha256,
        }
    }
}

impl JobStateView {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            JobStateView::Queued => "queued",
            JobStateView::Running => "running",
            JobStateView::Pausing => "pausing",
            JobStateView::Paused => "paused",
            JobStateView::Stopping => "stopping",
            JobStateView::Stopped => "stopped",
            JobStateView::Done => "done",
            JobStateView::Failed => "failed",
        }
    }
}
