//! What is said about meshes: by the conductor that wants one, and by its members, which need only read.

use std::net::SocketAddr;

use tonic::{Request, Response, Status};

use super::tasks::Service;
use super::{invalid, must_be_own, status, worker};
use crate::cluster::caller::Class;
use crate::head::core::{Core, Met, TaskName};
use crate::head::refusal::Refusal;
use crate::proto;

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    pub(super) async fn ask_meet(&self, request: Request<proto::MeetRequest>) -> Answer<proto::MeetReply> {
        let task = member(&request, request.get_ref().task.as_ref())?;
        let proto::MeetRequest { after, brief_json, .. } = request.into_inner();
        let meet = move |core: &mut Core| core.meet(&task, after, brief_json);
        let (generation, members) = self.0.call(meet).await.map_err(status)?;
        Ok(Response::new(proto::MeetReply { generation, members }))
    }

    pub(super) async fn ask_met(&self, request: Request<proto::MeshId>) -> Answer<proto::MetReply> {
        let (task, generation) = mesh(&request, Some(request.get_ref()))?;
        let met = self.wait(move |core| core.met(&task, generation), |met| *met != Met::Running).await?;
        let (state, why, outcomes_json) = match met {
            Met::Running => ("running", String::new(), Vec::new()),
            Met::Lost(why) => ("lost", why, Vec::new()),
            Met::Done(outcomes) => ("done", String::new(), outcomes),
        };
        Ok(Response::new(proto::MetReply { state: state.to_owned(), why, outcomes_json }))
    }

    pub(super) async fn ask_mesh_brief(&self, request: Request<proto::MeshId>) -> Answer<proto::BriefReply> {
        let (task, generation) = mesh(&request, Some(request.get_ref()))?;
        let brief_json = self.tell(move |core| core.mesh_brief(&task, generation)).await?;
        Ok(Response::new(proto::BriefReply { brief_json }))
    }

    pub(super) async fn ask_mesh_join(&self, request: Request<proto::MeshJoinRequest>) -> Answer<proto::MeshJoinReply> {
        let (task, generation) = mesh(&request, request.get_ref().mesh.as_ref())?;
        let address = request.into_inner().address;
        if address.parse::<SocketAddr>().is_err() {
            return Err(invalid("the member of a mesh", "it does not say at which address it is reached"));
        }
        let gathered = self.tell(move |core| core.mesh_join(&task, generation, &address)).await?;
        let members = gathered.members.into_iter().map(|(worker, address)| proto::MeshMember { worker, address });
        let (index, threads) = (gathered.index, gathered.threads);
        Ok(Response::new(proto::MeshJoinReply { index, threads, members: members.collect() }))
    }

    pub(super) async fn ask_mesh_report(&self, request: Request<proto::MeshReportRequest>) -> Answer<proto::Empty> {
        let (task, generation) = mesh(&request, request.get_ref().mesh.as_ref())?;
        let outcome_json = request.into_inner().outcome_json;
        self.tell(move |core| core.mesh_report(&task, generation, outcome_json)).await?;
        Ok(Response::new(proto::Empty {}))
    }

    async fn tell<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Core) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Status> {
        self.0.call(f).await.map_err(status)
    }
}

/// The process that speaks and the mesh it speaks of.
fn mesh<T>(request: &Request<T>, mesh: Option<&proto::MeshId>) -> Result<(TaskName, u64), Status> {
    let mesh = mesh.ok_or_else(|| invalid("the call", "it does not say of which mesh"))?;
    Ok((member(request, mesh.task.as_ref())?, mesh.generation))
}

/// A worker that may read the target. Whether it conducts the job, or is a member, is for the core to know.
fn member<T>(request: &Request<T>, task: Option<&proto::TaskId>) -> Result<TaskName, Status> {
    let (caller, classes) = worker(request)?;
    if !classes.contains(&Class::Mover) && !classes.contains(&Class::Validator) {
        return Err(Status::permission_denied("its certificate makes it neither a mover nor a validator"));
    }
    let task = task.cloned().ok_or_else(|| invalid("the call", "it does not say for which task"))?;
    must_be_own(&caller, &task.worker)?;
    Ok(TaskName { worker: task.worker, job: task.job, attempt: task.attempt })
}
