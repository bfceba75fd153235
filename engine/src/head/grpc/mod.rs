//! The head over gRPC: who calls, what they may, and the messages of `proto/sensei.proto` as calls of the core.

mod access;
mod body;
mod jobs;
mod mesh;
mod tasks;
mod workers;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tonic::{Code, Request, Status};

pub use workers::PROTOCOL;

use super::api::Api;
use super::http::auth::identify;
use super::refusal::Refusal;
use super::{Head, PLAN_BYTES_MAX};
use crate::cluster::caller::{Access, Caller, Class, Role};
use crate::cluster::heads::LEADER;
use crate::cluster::listen::PeerInfo;
use crate::cluster::subject::goes_by;
use crate::proto::access_server::AccessServer;
use crate::proto::jobs_server::JobsServer;
use crate::proto::tasks_server::TasksServer;
use crate::proto::workers_server::WorkersServer;

/// Bytes of one message at the most: many splits, or one with very many refused rows.
pub(crate) const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// The same of what clients send: a plan, and what is around it.
const CLIENT_MESSAGE_BYTES_MAX: usize = PLAN_BYTES_MAX + (64 << 10);

/// The services, each under the path of its name.
pub(super) fn routes(head: &Head) -> Router {
    let jobs = JobsServer::new(jobs::Service(head.clone())).max_decoding_message_size(CLIENT_MESSAGE_BYTES_MAX);
    let workers = WorkersServer::new(workers::Service(head.clone())).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let tasks = TasksServer::new(tasks::Service(head.clone()))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let access = AccessServer::new(access::Service(head.clone()));
    Router::new()
        .route_service("/sensei.v1.Workers/{*method}", workers)
        .route_service("/sensei.v1.Tasks/{*method}", tasks)
        .layer(from_fn(only_workers))
        .route_service("/sensei.v1.Access/{*method}", access)
        .route_service("/sensei.v1.Jobs/{*method}", jobs)
        .layer(from_fn_with_state(head.clone(), only_known))
}

/// Lets nobody in who is not known: a message is taken into memory before its service sees it.
async fn only_known(State(head): State<Head>, mut request: HttpRequest, next: Next) -> Response {
    match identify(&head, request.extensions().get::<PeerInfo>(), request.headers()).await {
        Ok(caller) => drop(request.extensions_mut().insert(caller)),
        Err(refusal) => return status(refusal).into_http(),
    }
    next.run(request.map(|message| body::timely(message, body::MESSAGE_WAIT_MAX))).await
}

/// Lets only those in who may work, since their messages may be large.
async fn only_workers(request: HttpRequest, next: Next) -> Response {
    match request.extensions().get::<Caller>().map(classes) {
        Some(Ok(_)) => next.run(request).await,
        Some(Err(refused)) => refused.into_http(),
        None => stranger().into_http(),
    }
}

/// Who makes a call.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(stranger)
}

fn stranger() -> Status {
    status(Refusal::Unauthenticated { why: "nobody asked who calls".to_owned() })
}

/// A client that may look at something, which takes `needed`.
fn client<T>(request: &Request<T>, needed: Role, what: &str) -> Result<Caller, Status> {
    let caller = caller(request)?;
    match &caller.access {
        Access::Client(role) if *role >= needed => Ok(caller),
        _ => Err(status(forbidden(&caller, what, needed.word()))),
    }
}

/// What somebody wants to change, in the words of the audit log.
#[derive(Clone, Copy)]
struct Change<'a> {
    operation: &'static str,
    object: &'a str,
    needed: Role,
}

/// A client that may make a change. That one may not is written into the audit log, too.
async fn changer<T>(head: &Head, request: &Request<T>, change: Change<'_>) -> Result<Caller, Status> {
    let caller = caller(request)?;
    let Change { operation, object, needed } = change;
    match &caller.access {
        Access::Client(role) if *role >= needed => Ok(caller),
        _ => {
            let refusal = forbidden(&caller, &operation.replace('_', " "), needed.word());
            head.note_refused(&caller, operation, object, &refusal).await;
            Err(status(refusal))
        }
    }
}

/// A worker, or an administrator, who may be one of any class.
fn worker<T>(request: &Request<T>) -> Result<(Caller, Vec<Class>), Status> {
    let caller = caller(request)?;
    classes(&caller).map(|classes| (caller, classes))
}

/// What a caller may be as a worker.
fn classes(caller: &Caller) -> Result<Vec<Class>, Status> {
    match &caller.access {
        Access::Worker(classes) => Ok(classes.clone()),
        Access::Client(Role::Admin) => Ok(vec![Class::Scout, Class::Mover, Class::Validator]),
        Access::Client(_) => Err(status(forbidden(caller, "work", "worker"))),
    }
}

/// A worker speaks under the name in its certificate, or one that begins with it and `-`: several may share a certificate.
fn must_be_own(caller: &Caller, worker: &str) -> Result<(), Status> {
    let is_own = goes_by(&caller.name, worker);
    match &caller.access {
        Access::Worker(_) if !is_own => Err(Status::permission_denied(format!(
            "its certificate is for \"{}\", and it goes by the name \"{}\": name it \"{0}\" or \"{0}-…\"",
            caller.name,
            worker.escape_default()
        ))),
        _ => Ok(()),
    }
}

fn forbidden(caller: &Caller, what: &str, needed: &str) -> Refusal {
    Refusal::Forbidden { who: caller.name.clone(), what: what.to_owned(), needed: needed.to_owned() }
}

/// A refusal as gRPC says it.
fn status(refusal: Refusal) -> Status {
    let code = match &refusal {
        Refusal::NotFound { .. } => Code::NotFound,
        Refusal::Conflict { .. } => Code::AlreadyExists,
        Refusal::Unauthenticated { .. } => Code::Unauthenticated,
        Refusal::Forbidden { .. } => Code::PermissionDenied,
        Refusal::Invalid { .. } => Code::InvalidArgument,
        Refusal::TooLarge { .. } => Code::ResourceExhausted,
        Refusal::NotLeading { .. } => Code::FailedPrecondition,
        Refusal::Lost { .. } => Code::Aborted,
        Refusal::Unavailable { .. } => Code::Unavailable,
    };
    let mut status = Status::new(code, refusal.to_string());
    if let Refusal::NotLeading { leader } = refusal
        && let Ok(leader) = leader.parse()
    {
        status.metadata_mut().insert(LEADER, leader);
    }
    status
}

fn invalid(what: &str, why: impl Into<String>) -> Status {
    status(Refusal::Invalid { what: what.to_owned(), why: why.into() })
}
