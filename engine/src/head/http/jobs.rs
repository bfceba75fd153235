//! Jobs: submit, look, give orders.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::ask::{Named, Submission, SubmissionQuery};
use super::auth::{Operator, Viewer};
use super::fault::Fault;
use crate::cluster::caller::Caller;
use crate::head::refusal::Refusal;
use crate::head::view::{JobView, Verb};

/// Jobs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct JobList {
    /// Every job.
    pub(super) jobs: Vec<JobView>,
}

/// Takes a job on. The same plan under the same id again is the same job, so that a client may ask again.
///
/// Takes the role operator.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", params(SubmissionQuery),
    request_body(content(
        (Submission = "application/json"),
        (String = "application/yaml"),
    ), description = "A JSON object with the plan's text in it, or the plan itself."),
    responses(
        (status = 201, description = "The head took it on.", body = JobView,
            headers(("Location" = String, description = "Where the job is from now on."))),
        (status = 200, description = "The same plan was submitted under this id before.", body = JobView),
        (status = 409, description = "Another plan was submitted under this id.", body = super::fault::ErrorBody),
        (status = 413, description = "The plan is larger than 4 MiB.", body = super::fault::ErrorBody)))]
pub(super) async fn submit(
    State(site): State<Arc<Site>>,
    Operator(caller): Operator,
    submission: Submission,
) -> Result<Response, Fault> {
    let (job, is_new) = site.api.submit(&caller, submission.plan, submission.id).await?;
    Ok(if is_new { created(job) } else { Json(job).into_response() })
}

fn created(job: JobView) -> Response {
    let location = HeaderValue::try_from(format!("/v1/jobs/{}", job.id));
    let mut response = (StatusCode::CREATED, Json(job)).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Every job, without the reports of those that ended.
///
/// Takes the role viewer.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs",
    responses((status = 200, description = "The jobs.", body = JobList)))]
pub(super) async fn list(State(site): State<Arc<Site>>, _: Viewer) -> Result<Json<JobList>, Fault> {
    let mut jobs = site.api.jobs().await?;
    jobs.iter_mut().for_each(|job| job.report = None);
    Ok(Json(JobList { jobs }))
}

/// One job.
///
/// Takes the role viewer.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job.")),
    responses((status = 200, description = "The job.", body = JobView)))]
pub(super) async fn get(State(site): State<Arc<Site>>, _: Viewer, Named(id): Named) -> Result<Json<JobView>, Fault> {
    Ok(Json(site.api.job(&id).await?))
}

/// What `sensei run --output json` would have printed, of a job that has ended.
///
/// Takes the role viewer.
#[utoipa::path(get, path = "/v1/jobs/{id}/report", tag = "jobs",
    params(("id" = String, Path, description = "The job.")),
    responses((status = 200, description = "The report.", body = serde_json::Value),
        (status = 404, description = "There is no such job, or no report yet.", body = super::fault::ErrorBody)))]
pub(super) async fn report(
    State(site): State<Arc<Site>>,
    _: Viewer,
    Named(id): Named,
) -> Result<Json<serde_json::Value>, Fault> {
    let missing = || Refusal::NotFound { what: format!("report of job \"{id}\": it comes when the job has ended") };
    let report = site.api.job(&id).await?.report.ok_or_else(missing)?;
    Ok(Json(report))
}

/// Holds a job, once what is open is finished.
///
/// Takes the role operator.
#[utoipa::path(post, path = "/v1/jobs/{id}/pause", tag = "jobs",
    params(("id" = String, Path, description = "The job.")),
    responses((status = 200, description = "The job as it stands now.", body = JobView)))]
pub(super) async fn pause(
    State(site): State<Arc<Site>>,
    Operator(caller): Operator,
    Named(id): Named,
) -> Result<Json<JobView>, Fault> {
    order(&site, &caller, &id, Verb::Pause).await
}

/// Lets a paused job go on.
///
/// Takes the role operator.
#[utoipa::path(post, path = "/v1/jobs/{id}/resume", tag = "jobs",
    params(("id" = String, Path, description = "The job.")),
    responses((status = 200, description = "The job as it stands now.", body = JobView)))]
pub(super) async fn resume(
    State(site): State<Arc<Site>>,
    Operator(caller): Operator,
    Named(id): Named,
) -> Result<Json<JobView>, Fault> {
    order(&site, &caller, &id, Verb::Resume).await
}

/// Gives a job up, once what is open is finished.
///
/// Takes the role operator.
#[utoipa::path(post, path = "/v1/jobs/{id}/stop", tag = "jobs",
    params(("id" = String, Path, description = "The job.")),
    responses((status = 200, description = "The job as it stands now.", body = JobView)))]
pub(super) async fn stop(
    State(site): State<Arc<Site>>,
    Operator(caller): Operator,
    Named(id): Named,
) -> Result<Json<JobView>, Fault> {
    order(&site, &caller, &id, Verb::Stop).await
}

/// Begins a job once more that stopped or failed; it goes on where it was.
///
/// Takes the role operator.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "jobs",
    params(("id" = String, Path, description = "The job.")),
    responses((status = 200, description = "The job as it stands now.", body = JobView)))]
pub(super) async fn retry(
    State(site): State<Arc<Site>>,
    Operator(caller): Operator,
    Named(id): Named,
) -> Result<Json<JobView>, Fault> {
    order(&site, &caller, &id, Verb::Retry).await
}

async fn order(site: &Site, caller: &Caller, id: &str, verb: Verb) -> Result<Json<JobView>, Fault> {
    Ok(Json(site.api.order(caller, id, verb).await?))
}

#[cfg(test)]
#[path = "jobs_tests.rs"]
mod tests;
