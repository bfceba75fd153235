//! What stands before every handler: who leads, how much at once, how long, and what is counted.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::fault::{Elsewhere, Fault};
use crate::clock::Stopwatch;
use crate::head::refusal::Refusal;
use crate::head::view::Standing;

/// Sends clients of a standby to the head that leads. The method and the body stay as they are, hence 307.
pub(super) async fn lead(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let response = match site.api.standing() {
        Standing::Leading { .. } => next.run(request).await,
        Standing::Standby { leader } => Fault::from(Refusal::NotLeading { leader }).into_response(),
    };
    redirect(response, &uri)
}

fn redirect(mut response: Response, uri: &Uri) -> Response {
    let Some(Elsewhere(leader)) = response.extensions_mut().remove() else { return response };
    let Ok(location) = HeaderValue::try_from(location(&leader, uri)) else { return response };
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().remove(header::RETRY_AFTER);
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// Where `uri` is at `leader`. An address without a scheme is reached by the scheme the client came with.
fn location(leader: &str, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let origin = leader.trim_end_matches('/');
    if origin.contains("://") { format!("{origin}{path}") } else { format!("//{origin}{path}") }
}

/// Turns requests away that are too many.
pub(super) async fn bound(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let Ok(_turn) = site.turns.try_acquire() else {
        return Fault::unavailable("too many requests are under way").into_response();
    };
    next.run(request).await
}

/// Gives up on requests whose answer does not begin in time.
pub(super) async fn limit_time(State(wait_max): State<Duration>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(wait_max, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        Fault::unavailable("it took too long, and what was asked may have been done").into_response()
    })
}

/// Counts requests under their route's template, so that no client can make up new labels.
pub(super) async fn measure(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = path.as_ref().map_or("none", MatchedPath::as_str);
    site.requests.count(&method, route, response.status(), watch.elapsed());
    response
}

/// Keeps answers out of caches, and browsers from reading them as anything else than they are.
pub(super) async fn seal(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
