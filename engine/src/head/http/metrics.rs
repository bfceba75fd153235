//! `/metrics`: what the core counts, read anew for each scrape, and what this side counts of requests.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::Site;
use super::auth::Observer;
use super::health::{probe, workers_by_state};
use crate::head::view::{Counters, JobStateView, PoolView, Standing};

type Labels<const N: usize> = [(&'static str, String); N];
type Labelled = Family<Labels<1>, Gauge<u64, AtomicU64>>;

/// Upper bounds of the latency histogram, in seconds: the API promises 85 ms for 99 of 100 requests.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.085, 0.2, 0.5, 1.0, 5.0, 30.0];
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const STATES: [(JobStateView, &str); 8] = [
    (JobStateView::Queued, "queued"),
    (JobStateView::Running, "running"),
    (JobStateView::Pausing, "pausing"),
    (JobStateView::Paused, "paused"),
    (JobStateView::Stopping, "stopping"),
    (JobStateView::Stopped, "stopped"),
    (JobStateView::Done, "done"),
    (JobStateView::Failed, "failed"),
];

/// Requests that were answered, by route template.
pub(super) struct Requests {
    total: Family<Labels<3>, Counter>,
    seconds: Family<Labels<1>, Histogram, fn() -> Histogram>,
}

impl Requests {
    pub(super) fn new() -> Requests {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        Requests { total: Family::default(), seconds: Family::new_with_constructor(histogram) }
    }

    /// Counts a request that was answered, or whose answer began, after `took`.
    pub(super) fn count(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = known(method).to_owned();
        let labels = [("method", method), ("route", route.to_owned()), ("status", status.as_str().to_owned())];
        self.total.get_or_create(&labels).inc();
        self.seconds.get_or_create(&[("route", route.to_owned())]).observe(took.as_secs_f64());
    }

    fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.total.clone());
        registry.register("http_request_seconds", "Time until the answer began", self.seconds.clone());
    }
}

/// What the head counts, as OpenMetrics text. On this machine anybody may ask, from elsewhere a viewer.
#[utoipa::path(get, path = "/metrics", tag = "health", security((), ("token" = []), ("certificate" = [])),
    responses((status = 200, description = "OpenMetrics text.", body = String,
        content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(site): State<Arc<Site>>, _: Observer) -> Response {
    let mut registry = Registry::with_prefix("sensei");
    head(&mut registry, &site.api.standing());
    site.requests.register(&mut registry);
    let (counters, pool) = futures::join!(probe(site.api.counters()), probe(site.api.pool()));
    // What the core does not tell is left out, which is not the same as none.
    if let Ok(counters) = counters {
        work(&mut registry, &counters);
    }
    if let Ok(pool) = pool {
        workers(&mut registry, &pool);
    }
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("writing to a string cannot fail");
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response()
}

fn head(registry: &mut Registry, standing: &Standing) {
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "What was built", version);
    let leading = u64::from(matches!(standing, Standing::Leading { .. }));
    gauge(registry, "leading", "Whether this head leads", leading);
}

fn work(registry: &mut Registry, counters: &Counters) {
    let jobs = STATES.map(|(state, word)| (word, counters.jobs.get(&state).copied().unwrap_or(0)));
    by_state(registry, "jobs", "Jobs by state", jobs);
    counter(registry, "grants", "Splits granted", counters.grants);
    counter(registry, "leases_lost", "Leases lost", counters.leases_lost);
    counter(registry, "splits_done", "Splits finished", counters.splits_done);
    counter(registry, "rows", "Rows moved", counters.rows);
    counter(registry, "bytes", "Bytes moved", counters.bytes);
    counter(registry, "store_commits", "Commits of the store", counters.store_commits);
    gauge(registry, "bytes_left", "Bytes still to be moved, of running jobs, estimated", counters.bytes_left);
    let seconds = Gauge::<f64, AtomicU64>::default();
    seconds.set(counters.store_commit_seconds);
    registry.register("store_commit_seconds", "Time the store's last commit took", seconds);
    if let Some(wanted) = counters.workers_wanted {
        gauge(registry, "workers_wanted", "Workers the autoscaler wants", wanted.into());
    }
}

fn workers(registry: &mut Registry, pool: &PoolView) {
    by_state(registry, "workers", "Workers by state", workers_by_state(pool));
    gauge(registry, "slots", "Slots of workers that take on work", pool.slots.into());
    gauge(registry, "slots_busy", "Slots that are taken", pool.slots_busy.into());
    gauge(registry, "slots_wanted", "Slots that work is waiting for", pool.slots_wanted.into());
}

fn counter(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(value);
    registry.register(name, help, counter);
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<u64, AtomicU64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn by_state(
    registry: &mut Registry,
    name: &str,
    help: &str,
    counts: impl IntoIterator<Item = (impl Into<String>, u64)>,
) {
    let family = Labelled::default();
    for (state, count) in counts {
        family.get_or_create(&[("state", state.into())]).set(count);
    }
    registry.register(name, help, family);
}

/// The method, if it is one of the usual ones: clients may make up others without end.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
