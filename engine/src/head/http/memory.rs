//! A head in memory, for tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::testing::token;
use crate::cluster::caller::{Access, Caller, Role};
use crate::head::api::Api;
use crate::head::refusal::Refusal;
use crate::head::view::{
    AuditView, Counters, EventView, JobStateView, JobView, PoolView, Progress, Standing, TokenView, Verb, WorkerView,
};

/// A head that keeps everything in memory and has no workers of its own.
pub(super) struct Memory {
    state: Mutex<State>,
    standing: Mutex<Standing>,
    stuck: AtomicBool,
    stored: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, JobView>,
    events: Vec<EventView>,
    tokens: BTreeMap<String, TokenView>,
    audit: Vec<AuditView>,
}

impl Memory {
    /// One that leads, with the tokens `view`, `operate` and `admin`.
    pub(super) fn new() -> Arc<Memory> {
        let mut state = State::default();
        for (name, role) in [("view", Role::Viewer), ("operate", Role::Operator), ("admin", Role::Admin)] {
            state.tokens.insert(token(name), token_view(name, role));
        }
        let standing = Mutex::new(Standing::Leading { term: 3 });
        Arc::new(Memory {
            state: Mutex::new(state),
            standing,
            stuck: AtomicBool::new(false),
            stored: watch::channel(0).0,
        })
    }

    /// From now on another head leads.
    pub(super) fn stand_by(&self, leader: &str) {
        *self.standing.lock().unwrap() = Standing::Standby { leader: leader.into() };
        self.stored.send_modify(|stored| *stored += 1);
    }

    /// From now on nothing is answered.
    pub(super) fn stick(&self) {
        self.stuck.store(true, Ordering::SeqCst);
    }

    /// Something happens to a job.
    pub(super) fn happen(&self, job: &str, text: &str) {
        let events = &mut self.state.lock().unwrap().events;
        let number = events.len() as u64 + 1;
        let (job, kind, text) = (Some(job.into()), "told".into(), text.into());
        events.push(EventView { number, at_ms: 0, job, kind, text });
        self.stored.send_modify(|stored| *stored += 1);
    }

    /// A job ends with a report.
    pub(super) fn end(&self, job: &str) {
        let mut state = self.state.lock().unwrap();
        let job = state.jobs.get_mut(job).unwrap();
        job.state = JobStateView::Done;
        job.report = Some(serde_json::json!({ "verdict": "equivalent" }));
        self.stored.send_modify(|stored| *stored += 1);
    }

    async fn core(&self) -> Result<(), Refusal> {
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        match self.standing() {
            Standing::Leading { .. } => Ok(()),
            Standing::Standby { leader } => Err(Refusal::NotLeading { leader }),
        }
    }

    fn log(&self, caller: &Caller, operation: &str, object: &str) {
        let audit = &mut self.state.lock().unwrap().audit;
        let number = audit.len() as u64 + 1;
        let (who, role) = (caller.name.clone(), format!("{:?}", caller.access));
        let (operation, object, outcome) = (operation.into(), object.into(), "done".into());
        audit.push(AuditView { number, at_ms: 0, who, role, operation, object, outcome, sha256: String::new() });
    }
}

#[async_trait]
impl Api for Memory {
    fn standing(&self) -> Standing {
        self.standing.lock().unwrap().clone()
    }

    fn stored(&self) -> Result<watch::Receiver<u64>, Refusal> {
        Ok(self.stored.subscribe())
    }

    async fn submit(&self, caller: &Caller, plan: String, id: Option<String>) -> Result<(JobView, bool), Refusal> {
        self.core().await?;
        let id = id.unwrap_or_else(|| format!("job-{}", self.state.lock().unwrap().jobs.len()));
        let plan_sha256 = hex::encode(Sha256::digest(&plan));
        self.log(caller, "submit", &id);
        let mut state = self.state.lock().unwrap();
        let is_new = !state.jobs.contains_key(&id);
        let job = state.jobs.entry(id.clone()).or_insert_with(|| job_view(&id, &plan_sha256, &caller.name));
        if job.plan_sha256 == plan_sha256 {
            return Ok((job.clone(), is_new));
        }
        Err(Refusal::Conflict { what: format!("job \"{id}\""), why: "it was submitted with another plan".into() })
    }

    async fn jobs(&self) -> Result<Vec<JobView>, Refusal> {
        self.core().await?;
        Ok(self.state.lock().unwrap().jobs.values().cloned().collect())
    }

    async fn job(&self, id: &str) -> Result<JobView, Refusal> {
        self.core().await?;
        let job = self.state.lock().unwrap().jobs.get(id).cloned();
        job.ok_or_else(|| Refusal::NotFound { what: format!("job \"{id}\"") })
    }

    async fn order(&self, caller: &Caller, id: &str, verb: Verb) -> Result<JobView, Refusal> {
        self.job(id).await?;
        self.log(caller, "order", id);
        let mut state = self.state.lock().unwrap();
        let job = state.jobs.get_mut(id).unwrap();
        let why = |why: &str| Refusal::Conflict { what: format!("job \"{id}\""), why: why.into() };
        job.state = match (verb, job.state) {
            (Verb::Pause, JobStateView::Queued) => JobStateView::Paused,
            (Verb::Resume, JobStateView::Paused) => JobStateView::Queued,
            (Verb::Stop, JobStateView::Queued | JobStateView::Paused) => JobStateView::Stopped,
            (Verb::Retry, JobStateView::Stopped) => JobStateView::Queued,
            _ => return Err(why("it does not stand so")),
        };
        Ok(job.clone())
    }

    async fn events(&self, job: Option<&str>, after: u64, limit: usize) -> Result<Vec<EventView>, Refusal> {
        self.core().await?;
        let state = self.state.lock().unwrap();
        let wanted = |event: &&EventView| event.number > after && (job.is_none() || event.job.as_deref() == job);
        Ok(state.events.iter().filter(wanted).take(limit).cloned().collect())
    }

    async fn pool(&self) -> Result<PoolView, Refusal> {
        self.core().await?;
        Ok(PoolView { workers: vec![worker_view()], slots: 4, slots_busy: 3, slots_wanted: 2, ..PoolView::default() })
    }

    async fn counters(&self) -> Result<Counters, Refusal> {
        self.core().await?;
        let jobs = [(JobStateView::Running, 2)].into();
        Ok(Counters { jobs, grants: 17, store_commit_seconds: 0.25, workers_wanted: Some(5), ..Counters::default() })
    }

    async fn caller_of(&self, token: &str) -> Result<Caller, Refusal> {
        let token = self.state.lock().unwrap().tokens.get(token).cloned();
        let token = token.ok_or_else(|| Refusal::Unauthenticated { why: "the token is not known".into() })?;
        Ok(Caller { name: token.name, access: Access::Client(token.role) })
    }

    async fn add_token(&self, caller: &Caller, name: &str, role: Role) -> Result<String, Refusal> {
        self.core().await?;
        self.log(caller, "add_token", name);
        let token = token(name);
        let known = self.state.lock().unwrap().tokens.insert(token.clone(), token_view(name, role));
        let conflict = Refusal::Conflict { what: format!("token \"{name}\""), why: "there is one".into() };
        known.map_or(Ok(token), |_| Err(conflict))
    }

    async fn tokens(&self, _: &Caller) -> Result<Vec<TokenView>, Refusal> {
        self.core().await?;
        Ok(self.state.lock().unwrap().tokens.values().cloned().collect())
    }

    async fn revoke_token(&self, caller: &Caller, name: &str) -> Result<(), Refusal> {
        self.core().await?;
        self.log(caller, "revoke_token", name);
        let gone = self.state.lock().unwrap().tokens.remove(&token(name));
        gone.map(|_| ()).ok_or_else(|| Refusal::NotFound { what: format!("token \"{name}\"") })
    }

    async fn note_refused(&self, caller: &Caller, operation: &'static str, object: &str, _: &Refusal) {
        self.log(caller, operation, object);
    }

    async fn audit(&self, _: &Caller, after: u64, limit: usize) -> Result<Vec<AuditView>, Refusal> {
        self.core().await?;
        let state = self.state.lock().unwrap();
        Ok(state.audit.iter().filter(|entry| entry.number > after).take(limit).cloned().collect())
    }
}

fn token_view(name: &str, role: Role) -> TokenView {
    TokenView { name: name.into(), role, created_at_ms: 0 }
}

fn job_view(id: &str, plan_sha256: &str, submitted_by: &str) -> JobView {
    JobView {
        id: id.into(),
        name: "shop".into(),
        state: JobStateView::Queued,
        why: String::new(),
        plan_sha256: plan_sha256.into(),
        attempt: 0,
        worker: None,
        submitted_by: submitted_by.into(),
        submitted_at_ms: 1,
        started_at_ms: None,
        ended_at_ms: None,
        progress: Progress::default(),
        exit_code: None,
        report: None,
    }
}

fn worker_view() -> WorkerView {
    WorkerView {
        id: "w-1".into(),
        state: "ready".into(),
        classes: vec!["mover".into()],
        zone: String::new(),
        version: "0.1.0".into(),
        slots: 4,
        slots_busy: 3,
        registered_at_ms: 1,
        last_beat_at_ms: 42,
        jobs: Vec::new(),
    }
}
