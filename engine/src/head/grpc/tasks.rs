//! What the processes that carry jobs out say.

use std::time::Duration;

use tonic::{Request, Response, Status};

use super::{invalid, must_be_own, status, worker};
use crate::cluster::caller::{Caller, Class};
use crate::head::Head;
use crate::head::core::{Core, Outcomes, Settled, TaskName, offered};
use crate::head::record::{Half, Opened, SplitRecord};
use crate::head::refusal::Refusal;
use crate::head::splits::{Answered, CutAnswer, Proposed, Renewal, Renewed};
use crate::proto;

/// How long a call that finds nothing waits for something before it says so.
const WAIT: Duration = Duration::from_secs(1);

pub(super) struct Service(pub Head);

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    /// Calls `f`, as a worker's process.
    async fn call<R, T: Send + 'static>(
        &self,
        request: Request<R>,
        task: impl FnOnce(&mut R) -> Option<proto::TaskId>,
        f: impl FnOnce(&mut Core, TaskName, R) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Status>
    where
        R: Send + 'static,
    {
        let caller = hand(&request)?;
        let mut request = request.into_inner();
        let name = name(&caller, task(&mut request))?;
        self.0.call(move |core| f(core, name, request)).await.map_err(status)
    }

    /// Calls `f` until it gives something, or a moment has passed.
    pub(super) async fn wait<T: Send + 'static>(
        &self,
        f: impl Fn(&mut Core) -> Result<T, Refusal> + Clone + Send + 'static,
        is_something: impl Fn(&T) -> bool,
    ) -> Result<T, Status> {
        let deadline = tokio::time::sleep(WAIT);
        tokio::pin!(deadline);
        let mut stored = self.0.stored().map_err(status)?;
        loop {
            stored.mark_unchanged();
            let found = self.0.call(f.clone()).await.map_err(status)?;
            if is_something(&found) {
                return Ok(found);
            }
            tokio::select! {
                () = &mut deadline => return Ok(found),
                changed = stored.changed() => if changed.is_err() { return Ok(found) },
            }
        }
    }
}

#[tonic::async_trait]
impl proto::tasks_server::Tasks for Service {
    async fn open(&self, request: Request<proto::OpenRequest>) -> Answer<proto::Empty> {
        let open = |core: &mut Core, task, request: proto::OpenRequest| {
            let opened = Opened {
                brief_json: request.brief_json,
                shared: request.shared,
                separate: request.separate,
                source_connections: request.source_connections,
                target_connections: request.target_connections,
                complete: false,
                closed: false,
            };
            core.open(&task, opened)
        };
        self.call(request, |request| request.task.take(), open).await.map(done)
    }

    async fn offer(&self, request: Request<proto::OfferRequest>) -> Answer<proto::Empty> {
        let offer = |core: &mut Core, task, request: proto::OfferRequest| {
            let splits = request.splits.into_iter().map(split).collect();
            core.offer(&task, splits, request.last)
        };
        self.call(request, |request| request.task.take(), offer).await.map(done)
    }

    async fn outcomes(&self, request: Request<proto::TaskId>) -> Answer<proto::OutcomeList> {
        let caller = hand(&request)?;
        let task = name(&caller, Some(request.into_inner()))?;
        let is_something = |found: &Outcomes| !found.reported.is_empty() || !found.proposed.is_empty();
        let Outcomes { reported, proposed } = self.wait(move |core| core.outcomes(&task), is_something).await?;
        let outcomes = reported.into_iter().map(|(split, outcome_json)| proto::Outcome { split, outcome_json });
        let proposed = proposed.into_iter().map(|Proposed { lease, split, proposal_json }| proto::Proposed {
            lease,
            split,
            proposal_json,
        });
        Ok(Response::new(proto::OutcomeList { outcomes: outcomes.collect(), proposed: proposed.collect() }))
    }

    async fn settle(&self, request: Request<proto::SettleRequest>) -> Answer<proto::Empty> {
        let settle = |core: &mut Core, task, request: proto::SettleRequest| {
            let settled = |settled: proto::Settled| match settled.again {
                None => Settled::Done(settled.split),
                Some(again) => Settled::Again(SplitRecord { split: settled.split, ..split(again) }),
            };
            core.cut(&task, request.cuts.into_iter().filter_map(cut_answer).collect())?;
            core.settle(&task, request.settled.into_iter().map(settled).collect())
        };
        self.call(request, |request| request.task.take(), settle).await.map(done)
    }

    async fn close(&self, request: Request<proto::TaskId>) -> Answer<proto::Empty> {
        self.call(request, |request| Some(request.clone()), |core, task, _| core.close(&task)).await.map(done)
    }

    async fn conclude(&self, request: Request<proto::ConcludeRequest>) -> Answer<proto::Empty> {
        let conclude = |core: &mut Core, task, request: proto::ConcludeRequest| {
            core.conclude(&task, request.exit_code, request.report_json, request.message)
        };
        self.call(request, |request| request.task.take(), conclude).await.map(done)
    }

    async fn brief(&self, request: Request<proto::TaskId>) -> Answer<proto::BriefReply> {
        let brief_json = self.call(request, |request| Some(request.clone()), |core, task, _| core.brief(&task)).await?;
        Ok(Response::new(proto::BriefReply { brief_json }))
    }

    async fn next(&self, request: Request<proto::NextRequest>) -> Answer<proto::NextReply> {
        let caller = hand(&request)?;
        let proto::NextRequest { task, count } = request.into_inner();
        let task = name(&caller, task)?;
        let next = move |core: &mut Core| core.next(&task, count);
        let granting = self.wait(next, |found| found.exhausted || !found.granted.is_empty()).await?;
        let leases = granting.granted.into_iter().map(|granted| proto::Lease {
            lease: granted.lease,
            split: granted.split,
            grant_json: granted.grant_json,
            taken_over: granted.taken_over,
        });
        Ok(Response::new(proto::NextReply { leases: leases.collect(), exhausted: granting.exhausted }))
    }

    async fn renew(&self, request: Request<proto::RenewRequest>) -> Answer<proto::RenewReply> {
        let renew = |core: &mut Core, task, request: proto::RenewRequest| {
            let renewals: Vec<Renewal> = request.renewals.into_iter().map(renewal).collect();
            core.renew(&task, &renewals, request.rows, request.bytes)
        };
        let Renewed { lost, asked, answered } = self.call(request, |request| request.task.take(), renew).await?;
        let answered = answered.into_iter().map(|Answered { lease, is_made }| proto::CutAnswered { lease, is_made });
        Ok(Response::new(proto::RenewReply { lost, asked, answered: answered.collect() }))
    }

    async fn report(&self, request: Request<proto::ReportRequest>) -> Answer<proto::Empty> {
        let report = |core: &mut Core, task, request: proto::ReportRequest| {
            core.report(&task, request.lease, request.split, request.outcome_json)
        };
        self.call(request, |request| request.task.take(), report).await.map(done)
    }

    async fn meet(&self, request: Request<proto::MeetRequest>) -> Answer<proto::MeetReply> {
        self.ask_meet(request).await
    }

    async fn met(&self, request: Request<proto::MeshId>) -> Answer<proto::MetReply> {
        self.ask_met(request).await
    }

    async fn mesh_brief(&self, request: Request<proto::MeshId>) -> Answer<proto::BriefReply> {
        self.ask_mesh_brief(request).await
    }

    async fn mesh_join(&self, request: Request<proto::MeshJoinRequest>) -> Answer<proto::MeshJoinReply> {
        self.ask_mesh_join(request).await
    }

    async fn mesh_report(&self, request: Request<proto::MeshReportRequest>) -> Answer<proto::Empty> {
        self.ask_mesh_report(request).await
    }
}

/// A worker that may have splits: one that moves rows, or reads them back. The core knows which tasks it was given, and each
/// can only speak for those.
fn hand<T>(request: &Request<T>) -> Result<Caller, Status> {
    let (caller, classes) = worker(request)?;
    match classes.contains(&Class::Mover) || classes.contains(&Class::Validator) {
        true => Ok(caller),
        false => Err(Status::permission_denied("its certificate makes it neither a mover nor a validator")),
    }
}

fn name(caller: &Caller, task: Option<proto::TaskId>) -> Result<TaskName, Status> {
    let task = task.ok_or_else(|| invalid("the call", "it does not say for which task"))?;
    must_be_own(caller, &task.worker)?;
    Ok(TaskName { worker: task.worker, job: task.job, attempt: task.attempt })
}

fn split(split: proto::Offered) -> SplitRecord {
    let half = if split.validation { Half::Validate } else { Half::Copy };
    offered(split.split, split.bytes, split.recheck, half, split.grant_json)
}

fn renewal(renewal: proto::Renewal) -> Renewal {
    let proto::Renewal { lease, bytes_ahead, proposal_json } = renewal;
    Renewal { lease, bytes_ahead, proposal_json }
}

/// `None` if it does not say what was proposed.
fn cut_answer(answer: proto::CutAnswer) -> Option<CutAnswer> {
    let proto::CutAnswer { proposed, is_made, kept, rest } = answer;
    let proto::Proposed { lease, split: of, proposal_json } = proposed?;
    let parts = kept.zip(rest).map(|(kept, rest)| Box::new([split(kept), split(rest)]));
    Some(CutAnswer { proposed: Proposed { lease, split: of, proposal_json }, is_made, parts })
}

fn done((): ()) -> Response<proto::Empty> {
    Response::new(proto::Empty {})
}
