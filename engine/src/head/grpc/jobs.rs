//! What clients ask.

use std::pin::Pin;

use futures::Stream;
use tonic::{Request, Response, Status};

use super::{Change, changer, client, status};
use crate::cluster::caller::Role;
use crate::head::Head;
use crate::head::api::Api;
use crate::head::view::{EventView, JobStateView, JobView, PoolView, ScaledPoolView, Verb, WorkerView};
use crate::proto;

/// Events sent at once at the most.
const EVENTS_AT_ONCE_MAX: usize = 500;

pub(super) struct Service(pub Head);

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    async fn order(&self, request: Request<proto::JobId>, verb: Verb) -> Answer<proto::Job> {
        let change = Change { operation: verb.word(), object: &request.get_ref().id, needed: Role::Operator };
        let caller = changer(&self.0, &request, change).await?;
        let job = self.0.order(&caller, &request.into_inner().id, verb).await.map_err(status)?;
        Ok(Response::new(job.into()))
    }
}

#[tonic::async_trait]
impl proto::jobs_server::Jobs for Service {
    async fn submit(&self, request: Request<proto::SubmitRequest>) -> Answer<proto::Job> {
        let change = Change { operation: "submit", object: &request.get_ref().id, needed: Role::Operator };
        let caller = changer(&self.0, &request, change).await?;
        let proto::SubmitRequest { plan, id } = request.into_inner();
        let id = Some(id).filter(|id| !id.is_empty());
        let (job, _) = self.0.submit(&caller, plan, id).await.map_err(status)?;
        Ok(Response::new(job.into()))
    }

    async fn list(&self, request: Request<proto::ListRequest>) -> Answer<proto::JobList> {
        client(&request, Role::Viewer, "list jobs")?;
        let jobs = self.0.jobs().await.map_err(status)?;
        Ok(Response::new(proto::JobList { jobs: jobs.into_iter().map(Into::into).collect() }))
    }

    async fn get(&self, request: Request<proto::JobId>) -> Answer<proto::Job> {
        client(&request, Role::Viewer, "look at a job")?;
        let job = self.0.job(&request.into_inner().id).await.map_err(status)?;
        Ok(Response::new(job.into()))
    }

    async fn pause(&self, request: Request<proto::JobId>) -> Answer<proto::Job> {
        self.order(request, Verb::Pause).await
    }

    async fn resume(&self, request: Request<proto::JobId>) -> Answer<proto::Job> {
        self.order(request, Verb::Resume).await
    }

    async fn stop(&self, request: Request<proto::JobId>) -> Answer<proto::Job> {
        self.order(request, Verb::Stop).await
    }

    async fn retry(&self, request: Request<proto::JobId>) -> Answer<proto::Job> {
        self.order(request, Verb::Retry).await
    }

    type LogsStream = Pin<Box<dyn Stream<Item = Result<proto::JobEvent, Status>> + Send>>;

    async fn logs(&self, request: Request<proto::LogsRequest>) -> Answer<Self::LogsStream> {
        client(&request, Role::Viewer, "read a job's events")?;
        let proto::LogsRequest { id, after, follow } = request.into_inner();
        self.0.job(&id).await.map_err(status)?;
        let following = Following { head: self.0.clone(), id, after, follow, ready: Vec::new(), is_over: false };
        Ok(Response::new(Box::pin(futures::stream::unfold(following, Following::next))))
    }

    async fn pool(&self, request: Request<proto::PoolRequest>) -> Answer<proto::PoolStatus> {
        client(&request, Role::Viewer, "look at the pool")?;
        let pool = self.0.pool().await.map_err(status)?;
        Ok(Response::new(pool.into()))
    }
}

/// A stream of a job's events.
struct Following {
    head: Head,
    id: String,
    after: u64,
    follow: bool,
    /// Events to be sent, the next one last.
    ready: Vec<EventView>,
    is_over: bool,
}

impl Following {
    async fn next(mut self) -> Option<(Result<proto::JobEvent, Status>, Following)> {
        loop {
            if let Some(event) = self.ready.pop() {
                self.after = event.number;
                return Some((Ok(event.into()), self));
            }
            if self.is_over {
                return None;
            }
            if let Err(refusal) = self.look().await {
                self.is_over = true;
                return Some((Err(status(refusal)), self));
            }
        }
    }

    /// Waits for events; it is over when the job has ended, or all that were there are sent.
    async fn look(&mut self) -> Result<(), crate::head::refusal::Refusal> {
        let mut stored = self.head.stored()?;
        stored.mark_unchanged();
        let has_ended = has_ended(self.head.job(&self.id).await?.state);
        self.ready = self.head.events(Some(&self.id), self.after, EVENTS_AT_ONCE_MAX).await?;
        self.ready.reverse();
        if !self.ready.is_empty() {
            return Ok(());
        }
        self.is_over = has_ended || !self.follow;
        if !self.is_over {
            // An error means that the head ceased to lead, which the next look says.
            let _ = stored.changed().await;
        }
        Ok(())
    }
}

fn has_ended(state: JobStateView) -> bool {
    matches!(state, JobStateView::Done | JobStateView::Failed | JobStateView::Stopped)
}

impl From<JobView> for proto::Job {
    fn from(job: JobView) -> proto::Job {
        proto::Job {
            id: job.id,
            name: job.name,
            state: job.state.word().to_owned(),
            why: job.why,
            plan_sha256: job.plan_sha256,
            attempt: job.attempt,
            worker: job.worker.unwrap_or_default(),
            submitted_at_ms: job.submitted_at_ms,
            started_at_ms: job.started_at_ms.unwrap_or_default(),
            ended_at_ms: job.ended_at_ms.unwrap_or_default(),
            submitted_by: job.submitted_by,
            splits: job.progress.splits,
            splits_leased: job.progress.splits_leased,
            splits_done: job.progress.splits_done,
            bytes: job.progress.bytes,
            bytes_done: job.progress.bytes_done,
            exit_code: job.exit_code.map(u32::from),
            report_json: job.report.map(|report| report.to_string()).unwrap_or_default(),
        }
    }
}

impl From<EventView> for proto::JobEvent {
    fn from(event: EventView) -> proto::JobEvent {
        let (job, kind, text) = (event.job.unwrap_or_default(), event.kind, event.text);
        proto::JobEvent { number: event.number, at_ms: event.at_ms, job, kind, text }
    }
}

impl From<PoolView> for proto::PoolStatus {
    fn from(pool: PoolView) -> proto::PoolStatus {
        proto::PoolStatus {
            workers: pool.workers.into_iter().map(Into::into).collect(),
            slots: pool.slots,
            slots_busy: pool.slots_busy,
            jobs_queued: pool.jobs_queued,
            jobs_running: pool.jobs_running,
            slots_wanted: pool.slots_wanted,
            scaled: pool.scaled.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ScaledPoolView> for proto::ScaledPool {
    fn from(pool: ScaledPoolView) -> proto::ScaledPool {
        proto::ScaledPool {
            classes: pool.classes,
            workers_min: pool.workers_min,
            workers_max: pool.workers_max,
            workers_wanted: pool.workers_wanted,
            why: pool.why,
            workers: pool.workers,
        }
    }
}

impl From<WorkerView> for proto::Worker {
    fn from(worker: WorkerView) -> proto::Worker {
        proto::Worker {
            id: worker.id,
            state: worker.state,
            classes: worker.classes,
            zone: worker.zone,
            version: worker.version,
            slots: worker.slots,
            slots_busy: worker.slots_busy,
            registered_at_ms: worker.registered_at_ms,
            last_beat_at_ms: worker.last_beat_at_ms,
            jobs: worker.jobs,
        }
    }
}
