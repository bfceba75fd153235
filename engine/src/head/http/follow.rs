//! What happened to a job: as a list, or as a stream of server-sent events until the job has ended.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::ask::{Asked, Named, page_limit};
use super::auth::Viewer;
use super::fault::Fault;
use super::limits::{FOLLOW_MAX, FOLLOW_PAUSE, KEEP_ALIVE, PAGE_MAX};
use crate::clock::Stopwatch;
use crate::head::api::Api;
use crate::head::refusal::Refusal;
use crate::head::view::{EventView, JobStateView};

/// Which events are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Only what has a higher number.
    #[serde(default)]
    after: u64,
    /// At most this many, up to 1000. Of no account to a stream.
    limit: Option<usize>,
    /// Answer with a stream of server-sent events until the job has ended.
    #[serde(default)]
    follow: bool,
}

/// Events.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct EventList {
    /// Ascending.
    pub(super) events: Vec<EventView>,
}

/// What happened to a job.
///
/// With `follow=true`, a stream of server-sent events: each has the event's number as its id and the event as its data;
/// one named `end` closes the stream when the job has ended, one named `fault` when the head cannot go on. A client that
/// comes again with `Last-Event-ID` misses nothing. Takes the role viewer.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "The job."), EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "The last number a stream's client saw.")),
    responses((status = 200, description = "The events.",
        content((EventList = "application/json"), (String = "text/event-stream")))))]
pub(super) async fn events(
    State(site): State<Arc<Site>>,
    _: Viewer,
    Named(id): Named,
    Asked(query): Asked<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let limit = page_limit(query.limit)?;
    site.api.job(&id).await?;
    if !query.follow {
        let events = site.api.events(Some(&id), query.after, limit).await?;
        return Ok(Json(EventList { events }).into_response());
    }
    let after = last_seen(&headers)?.unwrap_or(query.after);
    let stream = Follower::new(&site, id, after)?.stream();
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| Fault::invalid("the header Last-Event-ID", "it is not a number"))
}

/// One open stream.
struct Follower {
    api: Arc<dyn Api>,
    job: String,
    after: u64,
    waiting: VecDeque<EventView>,
    over: bool,
    opened: Stopwatch,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn new(site: &Site, job: String, after: u64) -> Result<Follower, Fault> {
        let place = site.followers.clone().try_acquire_owned();
        let place = place.map_err(|_| Fault::unavailable("too many event streams are open"))?;
        let (api, opened) = (site.api.clone(), Stopwatch::start());
        Ok(Follower { api, job, after, waiting: VecDeque::new(), over: false, opened, _place: place })
    }

    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut follower| {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    /// The next event; `None` when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        while !self.over && self.opened.elapsed() < FOLLOW_MAX {
            if let Some(event) = self.waiting.pop_front() {
                self.after = event.number;
                return Some(encode(Event::default().id(event.number.to_string()), &event));
            }
            match self.refill().await {
                Ok(None) => {}
                Ok(Some(state)) => return Some(self.finish("end", &End { state })),
                Err(refusal) => return Some(self.finish("fault", &Fault::from(refusal).body())),
            }
        }
        None
    }

    /// Asks for more and waits if there is none; says how the job ended if it has and there is no more. The job is asked
    /// first: what happened before its end is then among the events.
    async fn refill(&mut self) -> Result<Option<JobStateView>, Refusal> {
        let mut stored = self.api.stored()?;
        stored.mark_unchanged();
        let state = self.api.job(&self.job).await?.state;
        self.waiting = self.api.events(Some(&self.job), self.after, PAGE_MAX).await?.into();
        if !self.waiting.is_empty() {
            return Ok(None);
        }
        if has_ended(state) {
            return Ok(Some(state));
        }
        let left = FOLLOW_MAX.saturating_sub(self.opened.elapsed());
        // An error of either means that the next look says more: the time is over, or the head ceased to lead.
        let _ = tokio::time::timeout(left, stored.changed()).await;
        tokio::time::sleep(FOLLOW_PAUSE).await;
        Ok(None)
    }

    fn finish(&mut self, name: &str, data: &impl Serialize) -> Event {
        self.over = true;
        encode(Event::default().event(name), data)
    }
}

/// The data of a stream's last event.
#[derive(Serialize)]
struct End {
    state: JobStateView,
}

fn encode(event: Event, data: &impl Serialize) -> Event {
    event.json_data(data).expect("views have only text keys")
}

fn has_ended(state: JobStateView) -> bool {
    matches!(state, JobStateView::Stopped | JobStateView::Done | JobStateView::Failed)
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
