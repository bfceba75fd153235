//! What workers' agents say.

use tonic::{Request, Response, Status};

use super::{invalid, must_be_own, status, worker};
use crate::cluster::subject;
use crate::head::Head;
use crate::head::core::{Beat, ChildState, Ending, LEASE_MS, Order, Role, Task, WishForTask};
use crate::proto;

/// What head and workers say to each other. Raised whenever one would misunderstand the other.
pub const PROTOCOL: u32 = 4;
/// Processes of one worker at the most.
const CHILDREN_MAX: usize = 256;
/// Characters kept of what tells a worker's process from earlier ones.
const INSTANCE_CHARS_MAX: usize = 128;
/// Characters kept of what tells whom a worker's processes can connect to.
const NETWORK_CHARS_MAX: usize = 256;
/// Bytes kept of what a process said in the end.
const SAID_BYTES_MAX: usize = 2_000;

pub(super) struct Service(pub Head);

#[tonic::async_trait]
impl proto::workers_server::Workers for Service {
    async fn beat(&self, request: Request<proto::BeatRequest>) -> Result<Response<proto::BeatReply>, Status> {
        let (caller, allowed) = worker(&request)?;
        let beat = request.into_inner();
        refuse_mismatch(&beat)?;
        must_be_own(&caller, &beat.worker)?;
        let classes = subject::classes(&beat.classes.join(",")).map_err(|why| invalid("the worker", why))?;
        if let Some(class) = classes.iter().find(|class| !allowed.contains(class)) {
            let why = format!("its certificate does not make it a {}", class.word());
            return Err(Status::permission_denied(why));
        }
        subject::check_name(&beat.worker).map_err(|why| invalid("the worker", why))?;
        if beat.children.len() > CHILDREN_MAX {
            return Err(invalid("the worker", format!("it has more than {CHILDREN_MAX} processes")));
        }
        let id = beat.worker.clone();
        let beat = Beat {
            children: beat.children.into_iter().map(child).collect::<Result<_, _>>()?,
            worker: beat.worker,
            classes,
            zone: beat.zone.chars().take(128).collect(),
            version: beat.version,
            slots: beat.slots,
            draining: beat.draining,
            instance: beat.instance.chars().take(INSTANCE_CHARS_MAX).collect(),
            number: beat.number,
            network: beat.network.chars().take(NETWORK_CHARS_MAX).collect(),
        };
        let (orders, leave) = self
            .0
            .call(move |core| {
                let orders = core.beat(beat)?;
                let leave = core.may_leave(&id);
                if leave {
                    core.farewell(&id);
                }
                Ok((orders, leave))
            })
            .await
            .map_err(status)?;
        let orders = orders.into_iter().map(order).collect();
        Ok(Response::new(proto::BeatReply { orders, lease_ms: LEASE_MS.cast_unsigned(), leave }))
    }
}

fn refuse_mismatch(beat: &proto::BeatRequest) -> Result<(), Status> {
    let mine = env!("CARGO_PKG_VERSION");
    if beat.protocol == PROTOCOL && beat.version == mine {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "worker \"{}\" is of version {} and speaks protocol {}; this head is of version {mine} and speaks {PROTOCOL}: install \
         the same version on both",
        beat.worker.escape_default(),
        beat.version.escape_default(),
        beat.protocol,
    )))
}

fn child(child: proto::Child) -> Result<ChildState, Status> {
    let reported = child.task.ok_or_else(|| invalid("a process", "it has no task"))?;
    let said = |text: String| text.chars().take(SAID_BYTES_MAX).collect();
    let ending = child.ending.map(|ending| Ending { exit_code: ending.exit_code, said: said(ending.said) });
    Ok(ChildState { task: task(reported)?, ending })
}

fn task(task: proto::Task) -> Result<Task, Status> {
    let role = match task.role.as_str() {
        "conduct" => Role::Conduct,
        "copy" => Role::Copy,
        "validate" => Role::Validate,
        "meet" => Role::Meet { generation: task.generation },
        other => return Err(invalid("a process", format!("\"{}\" is no role", other.escape_default()))),
    };
    Ok(Task { job: task.job, attempt: task.attempt, role, slots: task.slots, worker: String::new(), since: 0 })
}

fn order(order: Order) -> proto::Order {
    let role = order.task.role.word();
    let generation = match order.task.role {
        Role::Meet { generation } => generation,
        Role::Conduct | Role::Copy | Role::Validate => 0,
    };
    let wish = match order.wish {
        WishForTask::Run => "run",
        WishForTask::Finish => "finish",
        WishForTask::Kill => "kill",
    };
    let Task { job, attempt, slots, .. } = order.task;
    let task = Some(proto::Task { job, attempt, role: role.to_owned(), slots, generation });
    proto::Order { task, wish: wish.to_owned(), plan: order.plan }
}
