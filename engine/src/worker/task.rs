//! What a worker's process does from its first breath to its last.

use std::process;

use sensei_storage::evidence::SigningKey;
use tokio::io::AsyncReadExt;
use tracing::Instrument;

use super::link::Link;
use super::mesh::{self, MeetOptions};
use super::{child, conduct, copy};
use crate::cluster::heads::Heads;
use crate::failure::{Exit, Failure, Result};
use crate::head::{PLAN_BYTES_MAX, TaskRole};
use crate::plan_text::{Commands, read_plan};
use crate::proto::TaskId;
use crate::trace;

/// What a process is told when it is started.
#[derive(Clone, Debug)]
pub struct TaskOptions {
    /// The job.
    pub job: String,
    /// Which of its attempts.
    pub attempt: u32,
    /// What it is to the job.
    pub role: TaskRole,
    /// Whether it reads back what it writes.
    pub reads_back: bool,
    /// What a member of a mesh must know.
    pub meets: MeetOptions,
    /// Threads for splits.
    pub slots: u32,
    /// The worker it belongs to.
    pub worker: String,
    /// Whether plans may have commands run here.
    pub commands: Commands,
}

/// Carries a task out. The plan comes on standard input, and when that closes the worker is gone, and this process with it.
///
/// # Errors
/// Whatever keeps it from its end.
pub async fn carry_out(options: TaskOptions, heads: Heads, key: impl FnOnce() -> Result<SigningKey>) -> Result<Exit> {
    let plan = receive_plan().await?;
    tokio::spawn(async {
        child::parent_gone(true).await;
        process::exit(Exit::Interrupted as i32);
    });
    let role = options.role.word();
    // Of the highest level, so that every line says where it belongs.
    let span =
        tracing::error_span!("task", job = options.job, attempt = options.attempt, worker = options.worker, role);
    trace::join(&span, &options.job, options.attempt);
    let (worker, job) = (options.worker.clone(), options.job.clone());
    let link = Link::new(heads, TaskId { worker, job, attempt: options.attempt });
    carry(link, plan, options, key).instrument(span).await
}

async fn carry(
    link: Link,
    plan: String,
    options: TaskOptions,
    key: impl FnOnce() -> Result<SigningKey>,
) -> Result<Exit> {
    let TaskOptions { role, reads_back, meets, slots, commands, .. } = options;
    let parsed = read_plan(&plan, commands).await;
    match role {
        TaskRole::Copy => return copy::copy(link, parsed?, slots).await.map(|()| Exit::Done),
        TaskRole::Validate => return copy::validate(link, parsed?, slots).await.map(|()| Exit::Done),
        TaskRole::Meet { .. } => return mesh::meet(link, parsed?, meets).await.map(|()| Exit::Done),
        TaskRole::Conduct => {}
    }
    let outcome = match parsed {
        Ok(file) => conduct::conduct(link.clone(), file, slots, reads_back, key()?).await,
        Err(failure) => Err(failure),
    };
    let (exit, report_json, message) = match &outcome {
        Ok(report) => (report.exit(), serde_json::to_string(report).unwrap_or_default(), String::new()),
        Err(failure @ Failure::Superseded { .. }) => return Err(Failure::Superseded { what: failure.to_string() }),
        Err(failure) => (failure.exit(), failure.to_json(), failure.in_full()),
    };
    link.conclude(exit as u32, report_json, message).await?;
    Ok(exit)
}

async fn receive_plan() -> Result<String> {
    let fail = |error: std::io::Error| Failure::internal("reading the plan from the worker", error);
    let mut stdin = tokio::io::stdin();
    let length = stdin.read_u64().await.map_err(fail)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= PLAN_BYTES_MAX);
    let length = length.ok_or_else(|| Failure::internal("reading the plan from the worker", "it is too large"))?;
    let mut plan = vec![0; length];
    stdin.read_exact(&mut plan).await.map_err(fail)?;
    String::from_utf8(plan).map_err(|error| Failure::internal("reading the plan from the worker", error))
}
