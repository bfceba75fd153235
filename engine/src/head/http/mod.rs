//! The head over HTTP: jobs, pool, access, health, metrics. Speaks JSON, knows roles and bounds, and leaves every
//! decision about jobs to [`Api`].
//!
//! **Invariant:** whatever a client sends is answered in JSON with a code, and never ends the process.
//!
//! **Invariant:** a handler that needs a role has it among its arguments, before anything that reads the request.

mod access;
mod ask;
pub mod auth;
pub mod fault;
mod follow;
mod guard;
mod health;
mod jobs;
mod limits;
#[cfg(test)]
mod memory;
mod metrics;
mod openapi;
mod pool;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{self, MethodRouter};
use tokio::sync::Semaphore;

use super::api::Api;
use crate::clock::Stopwatch;
use fault::Fault;
use limits::{BODY_BYTES_MAX, SUBMISSION_BYTES_MAX};
use metrics::Requests;

pub use openapi::document;

/// What all requests share.
pub(super) struct Site {
    api: Arc<dyn Api>,
    requests: Requests,
    turns: Semaphore,
    submissions: Semaphore,
    followers: Arc<Semaphore>,
    started: Stopwatch,
}

impl Site {
    fn new(api: Arc<dyn Api>) -> Site {
        Site {
            api,
            requests: Requests::new(),
            turns: Semaphore::new(limits::REQUESTS_MAX),
            submissions: Semaphore::new(limits::SUBMISSIONS_MAX),
            followers: Arc::new(Semaphore::new(limits::FOLLOWERS_MAX)),
            started: Stopwatch::start(),
        }
    }
}

/// Everything the head answers over HTTP. Expects `PeerInfo` among each request's extensions; a request without it
/// comes from afar and without a certificate.
pub fn router(api: Arc<dyn Api>) -> Router {
    let site = Arc::new(Site::new(api));
    let governed = mount(governed())
        .layer(from_fn_with_state(site.clone(), guard::bound))
        .layer(from_fn_with_state(site.clone(), guard::lead));
    governed
        .merge(mount(local()))
        .fallback(async || Fault::no_route())
        .method_not_allowed_fallback(async || Fault::no_method())
        .layer(from_fn_with_state(limits::REQUEST_WAIT_MAX, guard::limit_time))
        .layer(from_fn_with_state(site.clone(), guard::measure))
        .layer(from_fn(guard::seal))
        .with_state(site)
}

/// One path and method, kept as data so that a test can hold them against the document.
struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "only the test asks"))]
    method: Method,
    path: &'static str,
    service: MethodRouter<Arc<Site>>,
}

fn get<H: Handler<T, Arc<Site>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::GET, path, service: routing::get(handler) }
}

fn post<H: Handler<T, Arc<Site>>, T: 'static>(path: &'static str, handler: H, bytes_max: usize) -> Route {
    let service = routing::post(handler).layer(DefaultBodyLimit::max(bytes_max));
    Route { method: Method::POST, path, service }
}

fn delete<H: Handler<T, Arc<Site>>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::DELETE, path, service: routing::delete(handler) }
}

/// What only the leader answers, within bounds.
fn governed() -> Vec<Route> {
    vec![
        post("/v1/jobs", jobs::submit, SUBMISSION_BYTES_MAX),
        get("/v1/jobs", jobs::list),
        get("/v1/jobs/{id}", jobs::get),
        post("/v1/jobs/{id}/pause", jobs::pause, BODY_BYTES_MAX),
        post("/v1/jobs/{id}/resume", jobs::resume, BODY_BYTES_MAX),
        post("/v1/jobs/{id}/stop", jobs::stop, BODY_BYTES_MAX),
        post("/v1/jobs/{id}/retry", jobs::retry, BODY_BYTES_MAX),
        get("/v1/jobs/{id}/events", follow::events),
        get("/v1/jobs/{id}/report", jobs::report),
        get("/v1/pool", pool::pool),
        get("/v1/tokens", access::tokens),
        post("/v1/tokens", access::add_token, BODY_BYTES_MAX),
        delete("/v1/tokens/{name}", access::revoke_token),
        get("/v1/audit", access::audit),
    ]
}

/// What every head answers by itself, however busy it is.
fn local() -> Vec<Route> {
    vec![
        get("/healthz", health::healthz),
        get("/readyz", health::readyz),
        get("/health/detailed", health::detailed),
        get("/metrics", metrics::metrics),
        get("/v1/openapi.json", openapi::openapi),
    ]
}

fn mount(routes: Vec<Route>) -> Router<Arc<Site>> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.service))
}

#[cfg(test)]
mod fuzz_tests;
