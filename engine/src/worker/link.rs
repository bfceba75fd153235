//! A process's way to the head, in the name of its task. What cannot be said now is said again, for as long as leases hold.

use std::time::Duration;

use tonic::{Code, Request, Response, Status};

use crate::clock::Stopwatch;
use crate::cluster::channel::HeadChannel;
use crate::cluster::heads::Heads;
use crate::failure::{Failure, Result};
use crate::head::MESSAGE_BYTES_MAX;
use crate::proto::tasks_client::TasksClient;
use crate::proto::{
    BriefReply, ConcludeRequest, CutAnswer, Lease, MeetReply, MeetRequest, MeshId, MeshJoinReply, MeshJoinRequest,
    MeshReportRequest, MetReply, NextRequest, OfferRequest, Offered, OpenRequest, OutcomeList, RenewReply,
    RenewRequest, Renewal, ReportRequest, SettleRequest, Settled, TaskId,
};

/// How long a call is repeated while the head cannot be reached: with the pause between two renewals, less than leases hold.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long one call may take; those that wait for something take a second.
const CALL_MAX: Duration = Duration::from_secs(10);
/// The pause before a call is repeated, at first and at the most.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Bytes of splits offered in one call at the most, about; and splits.
const OFFER_BYTES_MAX: usize = 4 << 20;
const OFFER_SPLITS_MAX: usize = 10_000;

/// The way to the head.
#[derive(Clone)]
pub(super) struct Link {
    heads: std::sync::Arc<Heads>,
    task: TaskId,
}

/// What processes other than the conductor can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharing {
    /// They see the same source, and the target takes several writers.
    pub shared: bool,
    /// What is written is read back by others than those who write it.
    pub separate: bool,
}

type Client = TasksClient<HeadChannel>;

impl Link {
    pub(super) fn new(heads: Heads, task: TaskId) -> Link {
        Link { heads: std::sync::Arc::new(heads), task }
    }

    /// Calls the head until it answers, or [`PATIENCE`] is over.
    ///
    /// # Errors
    /// What the head says; `Interrupted` where the job has gone on without this process.
    async fn call<R, T, F>(&self, doing: &str, request: R, ask: impl Fn(Client, Request<R>) -> F) -> Result<T>
    where
        R: Clone,
        F: Future<Output = std::result::Result<Response<T>, Status>>,
    {
        let (watch, mut pause) = (Stopwatch::start(), PAUSE_MIN);
        loop {
            let asked = self.heads.call(|channel| {
                let client = TasksClient::new(channel)
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .max_encoding_message_size(MESSAGE_BYTES_MAX);
                ask(client, Request::new(request.clone()))
            });
            let left = PATIENCE.saturating_sub(watch.elapsed());
            let answer = tokio::time::timeout(CALL_MAX.min(left), asked).await;
            let status = match answer {
                Ok(Ok(reply)) => return Ok(reply.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::unavailable("it does not answer"),
            };
            if !is_transient(status.code()) || watch.elapsed() + pause > PATIENCE {
                return Err(said(doing, &status));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn task(&self) -> Option<TaskId> {
        Some(self.task.clone())
    }

    pub(super) async fn open(&self, brief_json: Vec<u8>, sharing: Sharing, connections: (u32, u32)) -> Result<()> {
        let (source_connections, target_connections) = connections;
        let (task, Sharing { shared, separate }) = (self.task(), sharing);
        let request = OpenRequest { task, brief_json, shared, source_connections, target_connections, separate };
        self.call("opening the job", request, async |mut client, request| client.open(request).await).await.map(drop)
    }

    /// Offers all splits, in messages of bounded size.
    pub(super) async fn offer(&self, splits: Vec<Offered>) -> Result<()> {
        let mut left = splits.into_iter().peekable();
        loop {
            let (mut some, mut bytes) = (Vec::new(), 0);
            while let Some(next) = left.peek()
                && some.len() < OFFER_SPLITS_MAX
                && (some.is_empty() || bytes + next.grant_json.len() <= OFFER_BYTES_MAX)
            {
                bytes += next.grant_json.len();
                some.extend(left.next());
            }
            let last = left.peek().is_none();
            let request = OfferRequest { task: self.task(), splits: some, last };
            self.call("offering splits", request, async |mut client, request| client.offer(request).await).await?;
            if last {
                return Ok(());
            }
        }
    }

    /// What was reported and not settled, and what was proposed and not answered; waits a moment if there is nothing.
    pub(super) async fn outcomes(&self) -> Result<OutcomeList> {
        let request = self.task.clone();
        let list =
            self.call("asking for outcomes", request, async |mut client, request| client.outcomes(request).await);
        list.await
    }

    pub(super) async fn settle(&self, settled: Vec<Settled>, cuts: Vec<CutAnswer>) -> Result<()> {
        let request = SettleRequest { task: self.task(), settled, cuts };
        self.call("settling splits", request, async |mut client, request| client.settle(request).await).await.map(drop)
    }

    pub(super) async fn close(&self) -> Result<()> {
        let request = self.task.clone();
        self.call("closing the job", request, async |mut client, request| client.close(request).await).await.map(drop)
    }

    pub(super) async fn conclude(&self, exit_code: u32, report_json: String, message: String) -> Result<()> {
        let request = ConcludeRequest { task: self.task(), exit_code, report_json, message };
        let concluded =
            self.call("concluding the job", request, async |mut client, request| client.conclude(request).await);
        concluded.await.map(drop)
    }

    pub(super) async fn brief(&self) -> Result<Vec<u8>> {
        let request = self.task.clone();
        let reply: BriefReply =
            self.call("asking what to do", request, async |mut client, request| client.brief(request).await).await?;
        Ok(reply.brief_json)
    }

    /// A split, if there is one within a moment; the flag says that there will be none any more.
    pub(super) async fn next(&self) -> Result<(Option<Lease>, bool)> {
        let request = NextRequest { task: self.task(), count: 1 };
        let reply = self.call("asking for a split", request, async |mut client, request| client.next(request).await);
        let reply = reply.await?;
        Ok((reply.leases.into_iter().next(), reply.exhausted))
    }

    /// Holds on to leases.
    pub(super) async fn renew(&self, renewals: Vec<Renewal>, rows: u64, bytes: u64) -> Result<RenewReply> {
        let request = RenewRequest { task: self.task(), renewals, rows, bytes };
        let reply = self.call("renewing leases", request, async |mut client, request| client.renew(request).await);
        reply.await
    }

    pub(super) async fn report(&self, lease: u64, split: u32, outcome_json: Vec<u8>) -> Result<()> {
        let request = ReportRequest { task: self.task(), lease, split, outcome_json };
        self.call("reporting a split", request, async |mut client, request| client.report(request).await)
            .await
            .map(drop)
    }

    /// A mesh of a generation after `after`; one without members if there are too few workers.
    pub(super) async fn meet(&self, after: u64, brief_json: Vec<u8>) -> Result<MeetReply> {
        let request = MeetRequest { task: self.task(), after, brief_json };
        self.call("asking others to meet", request, async |mut client, request| client.meet(request).await).await
    }

    /// What became of a mesh; waits a moment while it is under way.
    pub(super) async fn met(&self, generation: u64) -> Result<MetReply> {
        let request = self.mesh(generation);
        self.call("asking those who meet", request, async |mut client, request| client.met(request).await).await
    }

    pub(super) async fn mesh_brief(&self, generation: u64) -> Result<Vec<u8>> {
        let request = self.mesh(generation);
        let reply =
            self.call("asking what to do", request, async |mut client, request| client.mesh_brief(request).await);
        Ok(reply.await?.brief_json)
    }

    /// Says that this member is there, and where; gives all members once all are.
    pub(super) async fn mesh_join(&self, generation: u64, address: String) -> Result<MeshJoinReply> {
        let request = MeshJoinRequest { mesh: Some(self.mesh(generation)), address };
        self.call("meeting others", request, async |mut client, request| client.mesh_join(request).await).await
    }

    pub(super) async fn mesh_report(&self, generation: u64, outcome_json: Vec<u8>) -> Result<()> {
        let request = MeshReportRequest { mesh: Some(self.mesh(generation)), outcome_json };
        let reported = self.call("reporting", request, async |mut client, request| client.mesh_report(request).await);
        reported.await.map(drop)
    }

    fn mesh(&self, generation: u64) -> MeshId {
        MeshId { task: self.task(), generation }
    }

    /// Which process speaks.
    pub(super) fn speaker(&self) -> &TaskId {
        &self.task
    }
}

fn is_transient(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::FailedPrecondition | Code::DeadlineExceeded | Code::Cancelled)
}

fn said(doing: &str, status: &Status) -> Failure {
    match status.code() {
        Code::Aborted => Failure::Superseded { what: status.message().to_owned() },
        _ => Failure::unreachable(
            format!("{doing}: the head says: {}", status.message()),
            "See the head's log; the job goes on when the head is there again.",
        ),
    }
}
