//! The agent: twice a second it tells the head what runs here, and brings about what the head says should.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::caller::Class;
use crate::cluster::heads::Heads;
use crate::failure::{Exit, Failure, Result};
use crate::head::{MESSAGE_BYTES_MAX, PROTOCOL};
use crate::proto;
use crate::proto::workers_client::WorkersClient;
use crate::{interrupt, proto::Order};

use super::child::{Child, TaskKey};

/// How often the head hears of the worker.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// How long one beat may take.
const BEAT_MAX: Duration = Duration::from_secs(5);
/// Beats in a row that fail before a person is told.
const MISSED_BEFORE_WARNING: u32 = 6;

/// What a worker is.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Its name; no other worker of the cluster has it.
    pub name: String,
    /// Tells this process from earlier ones of that name.
    pub instance: String,
    /// What it may do with databases.
    pub classes: Vec<Class>,
    /// Where it runs, for people.
    pub zone: String,
    /// Threads for splits.
    pub slots: u32,
    /// Processes of workers that say the same can connect to each other.
    pub network: String,
    /// Variables that tell its processes how to reach the head.
    pub environment: Vec<(String, String)>,
    /// Whether it leaves when its standard input is closed.
    pub parent_pipe: bool,
}

/// Works until asked to leave: by a signal, which lets what is under way end in order, or by the end of whoever started it.
///
/// # Errors
/// If the head refuses the worker.
pub async fn work(options: WorkerOptions, heads: Heads) -> Result<Exit> {
    let parent_pipe = options.parent_pipe;
    let mut agent = Agent { options, heads, children: BTreeMap::new(), draining: false, missed: 0, beats: 0 };
    let mut tick = tokio::time::interval(BEAT_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut orphaned = Box::pin(super::child::parent_gone(parent_pipe));
    loop {
        tokio::select! {
            _ = tick.tick() => if agent.beat().await? { return Ok(Exit::Done) },
            () = interrupt::requested(), if !agent.draining => agent.draining = true,
            () = &mut orphaned => return Ok(Exit::Interrupted),
        }
    }
}

struct Agent {
    options: WorkerOptions,
    heads: Heads,
    children: BTreeMap<TaskKey, Child>,
    draining: bool,
    missed: u32,
    beats: u64,
}

impl Agent {
    /// One beat; whether the worker should leave.
    async fn beat(&mut self) -> Result<bool> {
        let request = self.request();
        let ended: Vec<TaskKey> = request.children.iter().filter_map(ended_task).collect();
        let asked = self.heads.call(|channel| {
            let request = request.clone();
            async move { WorkersClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).beat(request).await }
        });
        let answer = match tokio::time::timeout(BEAT_MAX, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(tonic::Status::unavailable("it does not answer")),
        };
        match answer {
            Ok(reply) => {
                if self.missed >= MISSED_BEFORE_WARNING {
                    tracing::warn!("the head is heard again");
                }
                self.missed = 0;
                // The head has heard how they ended.
                ended.iter().for_each(|key| drop(self.children.remove(key)));
                let reply = reply.into_inner();
                reply.orders.into_iter().for_each(|order| self.follow(order));
                Ok(reply.leave)
            }
            Err(status) if is_final(status.code()) => Err(refused(&status)),
            Err(status) => {
                self.missed += 1;
                if self.missed == MISSED_BEFORE_WARNING {
                    tracing::warn!("the head is not heard: {}", status.message());
                }
                // Nobody gives a worker that drains anything any more.
                Ok(self.draining && self.children.values_mut().all(|child| child.ending().is_some()))
            }
        }
    }

    fn request(&mut self) -> proto::BeatRequest {
        let children = self.children.iter_mut().map(|(key, child)| proto::Child {
            task: Some(child.task.clone()),
            ending: child.ending().inspect(|ending| {
                tracing::info!(job = key.job, attempt = key.attempt, exit_code = ending.exit_code, "a process ended");
            }),
        });
        let children = children.collect();
        self.beats += 1;
        let options = &self.options;
        proto::BeatRequest {
            worker: options.name.clone(),
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            classes: options.classes.iter().map(|class| class.word().to_owned()).collect(),
            zone: options.zone.clone(),
            slots: options.slots,
            draining: self.draining,
            children,
            instance: options.instance.clone(),
            number: self.beats,
            network: options.network.clone(),
        }
    }

    /// Brings about what the head says of one task.
    fn follow(&mut self, order: Order) {
        let Some(task) = order.task else { return };
        let key = TaskKey::of(&task);
        match (order.wish.as_str(), self.children.get_mut(&key)) {
            ("run", None) if !order.plan.is_empty() => {
                let child = Child::start(&self.options, task, order.plan);
                self.children.insert(key, child);
            }
            ("finish", Some(child)) => child.finish(),
            // It was told to end before it was begun: the head waits to hear of its end.
            ("finish", None) => drop(self.children.insert(key, Child::not_begun(task))),
            ("kill", Some(child)) => child.kill(),
            _ => {}
        }
    }
}

fn ended_task(child: &proto::Child) -> Option<TaskKey> {
    child.ending.as_ref()?;
    child.task.as_ref().map(TaskKey::of)
}

/// Whether asking again makes no sense. That a head does not lead, a failed precondition, passes.
fn is_final(code: tonic::Code) -> bool {
    use tonic::Code::{AlreadyExists, InvalidArgument, PermissionDenied, Unauthenticated};
    matches!(code, AlreadyExists | InvalidArgument | PermissionDenied | Unauthenticated)
}

fn refused(status: &tonic::Status) -> Failure {
    Failure::usage(
        format!("the head refuses this worker: {}", status.message()),
        "Mend this and start the worker again.",
    )
}
