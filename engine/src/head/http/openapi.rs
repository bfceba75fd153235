//! The OpenAPI document, generated from the handlers.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, Content, PathItem, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::fault::ErrorBody;
use super::{access, follow, health, jobs, metrics, pool};

#[derive(OpenApi)]
#[openapi(
    info(title = "Sensei", description = "Jobs of a cluster: submit them, watch them, give them orders."),
    paths(
        jobs::submit, jobs::list, jobs::get, jobs::pause, jobs::resume, jobs::stop, jobs::retry, jobs::report,
        follow::events, pool::pool, access::tokens, access::add_token, access::revoke_token, access::audit,
        health::healthz, health::readyz, health::detailed, metrics::metrics, openapi,
    ),
    components(schemas(ErrorBody)),
    security(("token" = []), ("certificate" = [])),
    tags(
        (name = "jobs", description = "Jobs and what happened to them."),
        (name = "pool", description = "Workers."),
        (name = "access", description = "Who may do what, and who did."),
        (name = "health", description = "For whoever watches over the head.")
    ),
    modifiers(&Completion)
)]
struct Document;

/// What holds for every operation and is therefore said once.
struct Completion;

impl Modify for Completion {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        add_schemes(document.components.get_or_insert_with(Components::new));
        document.paths.paths.values_mut().flat_map(operations).for_each(add_fault);
    }
}

fn add_schemes(components: &mut Components) {
    let token = Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("A token that an admin gave out."));
    components.add_security_scheme("token", SecurityScheme::Http(token.build()));
    let description = Some("A client certificate of the cluster's authority.".to_owned());
    components.add_security_scheme("certificate", SecurityScheme::MutualTls { description, extensions: None });
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn add_fault(operation: &mut Operation) {
    let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let fault = ResponseBuilder::new().description("It was not done, and why.").content("application/json", content);
    operation.responses.responses.insert("default".into(), fault.build().into());
}

/// The OpenAPI 3.1 document of everything the head answers over HTTP, as JSON text.
pub fn document() -> String {
    Document::openapi().to_pretty_json().expect("the document has only text keys")
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "This document.", body = serde_json::Value)))]
pub(super) async fn openapi() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(document);
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

#[cfg(test)]
#[path = "openapi_tests.rs"]
mod tests;
