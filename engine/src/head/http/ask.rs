//! What clients send, taken apart: every way it can be wrong is answered in the one JSON form.

use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use super::Site;
use super::fault::Fault;
use super::limits::{BODY_BYTES_MAX, BODY_WAIT_MAX, NAME_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX, SUBMISSION_BYTES_MAX};
use crate::head::core::PLAN_BYTES_MAX;
use crate::head::refusal::Refusal;

/// The one name within a path.
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Arc<Site>> for Named {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Named, Fault> {
        let path = Path::<String>::from_request_parts(parts, site).await;
        let Path(name) = path.map_err(|_| Fault::invalid("the path", "it is not UTF-8 text"))?;
        check_name("the name in the path", &name)?;
        Ok(Named(name))
    }
}

/// What stands behind the path's question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Site>> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Asked<T>, Fault> {
        let query = Query::<T>::from_request_parts(parts, site).await;
        let Query(asked) = query.map_err(|error| Fault::invalid("the query", error.body_text()))?;
        Ok(Asked(asked))
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// Only what has a higher number.
    #[serde(default)]
    after: u64,
    /// At most this many, up to 1000.
    limit: Option<usize>,
}

impl PageQuery {
    /// The number to begin after, and how many.
    pub(super) fn bounds(&self) -> Result<(u64, usize), Fault> {
        Ok((self.after, page_limit(self.limit)?))
    }
}

/// How many entries an answer has, where `asked` for.
pub(super) fn page_limit(asked: Option<usize>) -> Result<usize, Fault> {
    match asked.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(Fault::invalid("limit", format!("it is not between 1 and {PAGE_MAX}"))),
    }
}

/// A job to take on, in JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    /// The plan file's text, its variables not filled in.
    pub(super) plan: String,
    /// Chosen by the client, so that it may ask again; the head chooses one if it is missing.
    pub(super) id: Option<String>,
}

/// What a submission may say outside its body.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SubmissionQuery {
    /// The job's id, where the body is the plan itself.
    id: Option<String>,
}

impl FromRequest<Arc<Site>> for Submission {
    type Rejection = Fault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Submission, Fault> {
        let (mut parts, body) = request.into_parts();
        let Asked(query) = Asked::<SubmissionQuery>::from_request_parts(&mut parts, site).await?;
        let form = Form::of(&parts.headers)?;
        let _turn = site.submissions.acquire().await.expect("the semaphore is never closed");
        let bytes = receive(Request::from_parts(parts, body), site, form.bytes_max()).await?;
        let submission = match form {
            Form::Json => with_query(from_json(&bytes)?, query)?,
            Form::Yaml => Submission { plan: text(&bytes)?, id: query.id },
        };
        submission.check()?;
        Ok(submission)
    }
}

impl Submission {
    fn check(&self) -> Result<(), Fault> {
        if self.plan.len() > PLAN_BYTES_MAX {
            return Err(too_large("the plan", PLAN_BYTES_MAX));
        }
        self.id.as_deref().map_or(Ok(()), |id| check_name("the job's id", id))
    }
}

fn with_query(submission: Submission, query: SubmissionQuery) -> Result<Submission, Fault> {
    match (&submission.id, query.id) {
        (Some(_), Some(_)) => Err(Fault::invalid("the job's id", "it is in the body and in the query")),
        (None, id @ Some(_)) => Ok(Submission { id, ..submission }),
        (_, None) => Ok(submission),
    }
}

/// A body that is JSON.
pub(super) struct Told<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Site>> for Told<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Told<T>, Fault> {
        match Form::of(request.headers())? {
            Form::Json => Ok(Told(from_json(&receive(request, site, BODY_BYTES_MAX).await?)?)),
            Form::Yaml => Err(Fault::media_type("the request's body is not JSON", "Send it as application/json.")),
        }
    }
}

/// The kinds of body that are taken.
enum Form {
    Json,
    Yaml,
}

impl Form {
    fn of(headers: &HeaderMap) -> Result<Form, Fault> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Ok(Form::Json),
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Ok(Form::Yaml),
            _ => Err(Fault::media_type(
                "the header Content-Type says neither application/json nor application/yaml",
                "With curl, add -H 'Content-Type: application/yaml' --data-binary @plan.yaml to send a plan as it is.",
            )),
        }
    }

    /// How large a submission may be in this form.
    fn bytes_max(&self) -> usize {
        match self {
            Form::Json => SUBMISSION_BYTES_MAX,
            Form::Yaml => PLAN_BYTES_MAX,
        }
    }
}

/// The whole body, whose bound is set on the route. One that says it is larger is refused before it is sent, which is
/// when clients that ask first still listen.
async fn receive(request: Request, site: &Arc<Site>, bytes_max: usize) -> Result<Bytes, Fault> {
    if request.body().size_hint().lower() > bytes_max as u64 {
        return Err(too_large("the request's body", bytes_max));
    }
    let read = tokio::time::timeout(BODY_WAIT_MAX, Bytes::from_request(request, site));
    read.await.map_err(|_| Fault::slow_body())?.map_err(|error| broken_body(&error, bytes_max))
}

fn broken_body(error: &BytesRejection, bytes_max: usize) -> Fault {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large("the request's body", bytes_max),
        _ => Fault::invalid("the request's body", "it ended before it was complete"),
    }
}

fn too_large(what: &str, bytes_max: usize) -> Fault {
    Refusal::TooLarge { what: what.into(), max: bytes_max as u64, unit: "bytes" }.into()
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::invalid("the request's body", error))
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| Fault::invalid("the plan", error))?;
    Ok(text.to_owned())
}

/// Whether something may be called `name`, so far as that shows here: the journal takes no other names.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.bytes().all(plain) {
        let why = format!("use 1 to {NAME_BYTES_MAX} of the characters A-Z a-z 0-9 - _ . and no dot in front");
        return Err(Fault::invalid(what, why));
    }
    Ok(())
}
