//! What a client is told when it does not get what it asked: one JSON form for all of it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::head::refusal::Refusal;

/// The body of every answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// A stable word, for programs.
    pub code: String,
    /// What failed and why, for people.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: &'static str,
    leader: String,
}

/// Rides on an answer: the head at this address has what was asked for.
#[derive(Clone, Debug)]
pub(super) struct Elsewhere(pub(super) String);

const SEE_DOCUMENT: &str = "The document at /v1/openapi.json says what is expected.";

impl Fault {
    fn new(status: StatusCode, code: &'static str, message: String, hint: &'static str) -> Fault {
        Fault { status, code, message, hint, leader: String::new() }
    }

    /// `what` makes no sense.
    pub(super) fn invalid(what: &str, why: impl std::fmt::Display) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, "invalid", format!("{what}: {why}"), SEE_DOCUMENT)
    }

    /// Nothing answers under that path.
    pub(super) fn no_route() -> Fault {
        Fault::new(StatusCode::NOT_FOUND, "not_found", "there is nothing under this path".into(), SEE_DOCUMENT)
    }

    /// Something answers under that path, to other methods.
    pub(super) fn no_method() -> Fault {
        let message = "this path does not take this method".into();
        let hint = "The header Allow names the methods it takes.";
        Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, hint)
    }

    /// The body is of a kind that is not taken here.
    pub(super) fn media_type(message: &str, hint: &'static str) -> Fault {
        Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message.into(), hint)
    }

    /// The body did not arrive in time.
    pub(super) fn slow_body() -> Fault {
        let message = "the request's body did not arrive in time".into();
        Fault::new(StatusCode::REQUEST_TIMEOUT, "timeout", message, "Send it again, faster.")
    }

    /// The head cannot just now.
    pub(super) fn unavailable(why: &str) -> Fault {
        Refusal::Unavailable { why: why.into() }.into()
    }

    /// The body that a client sees.
    pub(super) fn body(&self) -> ErrorBody {
        let (code, message, hint) = (self.code.into(), self.message.clone(), self.hint.into());
        ErrorBody { error: ErrorDetail { code, message, hint } }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        let message = refusal.to_string();
        let (status, code, hint) = terms(&refusal);
        let leader = if let Refusal::NotLeading { leader } = refusal { leader } else { String::new() };
        Fault { status, code, message, hint, leader }
    }
}

/// Status, code and hint of each refusal.
fn terms(refusal: &Refusal) -> (StatusCode, &'static str, &'static str) {
    match refusal {
        Refusal::NotFound { .. } => {
            (StatusCode::NOT_FOUND, "not_found", "Check the name against the list one level up.")
        }
        Refusal::Conflict { .. } => {
            (StatusCode::CONFLICT, "conflict", "Look at what is there, then ask for something that fits.")
        }
        Refusal::Unauthenticated { .. } => {
            let hint = "Send the header `Authorization: Bearer TOKEN`, or come with a client certificate.";
            (StatusCode::UNAUTHORIZED, "unauthenticated", hint)
        }
        Refusal::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden", "Ask an admin for a token of that role."),
        Refusal::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid", SEE_DOCUMENT),
        Refusal::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Send less at once."),
        Refusal::NotLeading { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "not_leading", "Ask the head that leads, or this one again in a second.")
        }
        Refusal::Lost { .. } => (StatusCode::CONFLICT, "lost", "Leave it: it was given to somebody else."),
        Refusal::Unavailable { .. } => {
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Ask again in a second; GET /readyz says when it is well.")
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"sensei\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if !self.leader.is_empty() {
            response.extensions_mut().insert(Elsewhere(self.leader));
        }
        response
    }
}
