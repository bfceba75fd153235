//! Whether the head is well: for whoever restarts it, for whoever sends it requests, for people.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::auth::Observer;
use super::fault::Fault;
use super::limits::PROBE_WAIT_MAX;
use crate::head::record::Millis;
use crate::head::refusal::Refusal;
use crate::head::view::{PoolView, Standing};

/// That the process answers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Alive {
    /// `ok`.
    pub(super) status: String,
}

/// That requests may be sent here.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Ready {
    /// `leader`, or `standby`, which sends clients to the leader.
    pub(super) role: String,
}

/// How the head is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Detailed {
    /// Its version.
    pub(super) version: String,
    /// `leader` or `standby`.
    pub(super) role: String,
    /// The number it leads under.
    pub(super) term: Option<u64>,
    /// Address of the head that leads, where it is another.
    pub(super) leader: Option<String>,
    /// Seconds since it began to answer.
    pub(super) uptime_seconds: u64,
    /// Whether its core answered within a second; what follows is empty if not.
    pub(super) core_answers: bool,
    /// Workers by state.
    pub(super) workers: BTreeMap<String, u64>,
    /// Seconds the store's last commit took.
    pub(super) store_commit_seconds: Option<f64>,
    /// When the worker was last heard that was heard longest ago, in milliseconds since 1970.
    pub(super) oldest_beat_at_ms: Option<Millis>,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does.", body = Alive)))]
pub(super) async fn healthz() -> Json<Alive> {
    Json(Alive { status: "ok".into() })
}

/// Whether requests may be sent here: the head leads or stands by, and its core answers within a second.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "They may.", body = Ready),
        (status = 503, description = "The core does not answer.", body = super::fault::ErrorBody)))]
pub(super) async fn readyz(State(site): State<Arc<Site>>) -> Result<Json<Ready>, Fault> {
    match probe(site.api.counters()).await {
        Ok(_) | Err(Refusal::NotLeading { .. }) => Ok(Json(Ready { role: role(&site.api.standing()).into() })),
        Err(refusal) => Err(Fault::from(refusal)),
    }
}

/// How the head is. On this machine anybody may ask, from elsewhere a viewer.
#[utoipa::path(get, path = "/health/detailed", tag = "health", security((), ("token" = []), ("certificate" = [])),
    responses((status = 200, description = "How it is.", body = Detailed)))]
pub(super) async fn detailed(State(site): State<Arc<Site>>, _: Observer) -> Json<Detailed> {
    let standing = site.api.standing();
    let (counters, pool) = futures::join!(probe(site.api.counters()), probe(site.api.pool()));
    let pool = pool.unwrap_or_default();
    let role = role(&standing).into();
    let (term, leader) = match standing {
        Standing::Leading { term } => (Some(term), None),
        Standing::Standby { leader } => (None, Some(leader).filter(|leader| !leader.is_empty())),
    };
    Json(Detailed {
        version: env!("CARGO_PKG_VERSION").into(),
        role,
        term,
        leader,
        uptime_seconds: site.started.elapsed().as_secs(),
        core_answers: matches!(counters, Ok(_) | Err(Refusal::NotLeading { .. })),
        workers: workers_by_state(&pool),
        store_commit_seconds: counters.ok().map(|counters| counters.store_commit_seconds),
        oldest_beat_at_ms: pool.workers.iter().map(|worker| worker.last_beat_at_ms).min(),
    })
}

/// What the core says, if it does within a second.
pub(super) async fn probe<T>(answer: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let silent = |_| Refusal::Unavailable { why: "its core does not answer".into() };
    tokio::time::timeout(PROBE_WAIT_MAX, answer).await.map_err(silent)?
}

/// How many workers are in each state, those without any included.
pub(super) fn workers_by_state(pool: &PoolView) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = ["draining", "ready", "silent"].map(|state| (state.into(), 0)).into();
    for worker in &pool.workers {
        *counts.entry(worker.state.clone()).or_default() += 1;
    }
    counts
}

fn role(standing: &Standing) -> &'static str {
    match standing {
        Standing::Leading { .. } => "leader",
        Standing::Standby { .. } => "standby",
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
