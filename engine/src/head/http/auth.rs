//! Who calls, and whether they may. A role is an argument of the handler, so that no handler runs without one.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::Site;
use super::fault::Fault;
use crate::cluster::caller::{Access, Caller, Role};
use crate::cluster::listen::PeerInfo;
use crate::cluster::token::bearer;
use crate::head::api::Api;
use crate::head::refusal::Refusal;

/// A caller who may look.
pub(super) struct Viewer;

/// A caller who may submit and give orders.
pub(super) struct Operator(pub(super) Caller);

/// A caller who may give and take access.
pub(super) struct Admin(pub(super) Caller);

/// Anybody on this machine, or a caller who may look.
pub(super) struct Observer;

impl FromRequestParts<Arc<Site>> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Viewer, Fault> {
        admit(parts, site, Role::Viewer).await.map(|_| Viewer)
    }
}

impl FromRequestParts<Arc<Site>> for Operator {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Operator, Fault> {
        admit(parts, site, Role::Operator).await.map(Operator)
    }
}

impl FromRequestParts<Arc<Site>> for Admin {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Admin, Fault> {
        admit(parts, site, Role::Admin).await.map(Admin)
    }
}

impl FromRequestParts<Arc<Site>> for Observer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Observer, Fault> {
        if !is_local(peer(parts)) {
            admit(parts, site, Role::Viewer).await?;
        }
        Ok(Observer)
    }
}

/// Who calls: the certificate's owner where there is one, else the bearer of the token.
///
/// # Errors
/// `Unauthenticated` if neither is there or the token is not known.
pub async fn identify(api: &dyn Api, peer: Option<&PeerInfo>, headers: &HeaderMap) -> Result<Caller, Refusal> {
    if let Some(caller) = peer.and_then(|peer| peer.caller.clone()) {
        return Ok(caller);
    }
    let refused = |why: String| Refusal::Unauthenticated { why };
    let token = bearer(headers).map_err(|error| refused(error.to_string()))?;
    let token = token.ok_or_else(|| refused("the request carries neither a certificate nor a token".into()))?;
    api.caller_of(token.expose()).await
}

/// Whether `caller` may do `what`, which takes the role `needed`. Workers' certificates open nothing here.
///
/// # Errors
/// `Forbidden` if not.
pub fn permit(caller: &Caller, needed: Role, what: &str) -> Result<(), Refusal> {
    match caller.access {
        Access::Client(role) if role >= needed => Ok(()),
        Access::Client(_) | Access::Worker(_) => {
            Err(Refusal::Forbidden { who: caller.name.clone(), what: what.into(), needed: needed.word().into() })
        }
    }
}

async fn admit(parts: &Parts, site: &Site, needed: Role) -> Result<Caller, Fault> {
    let caller = identify(site.api.as_ref(), peer(parts), &parts.headers).await?;
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if let Err(refusal) = permit(&caller, needed, &format!("{} {path}", parts.method)) {
        if let Some(operation) = operation(&parts.method, path) {
            site.api.note_refused(&caller, operation, object(parts.uri.path()), &refusal).await;
        }
        return Err(refusal.into());
    }
    Ok(caller)
}

/// What a route changes, in the words of the audit log; `None` if nothing.
fn operation(method: &Method, route: &str) -> Option<&'static str> {
    match (method, route) {
        (&Method::POST, "/v1/jobs") => Some("submit"),
        (&Method::POST, "/v1/jobs/{id}/pause") => Some("pause"),
        (&Method::POST, "/v1/jobs/{id}/resume") => Some("resume"),
        (&Method::POST, "/v1/jobs/{id}/stop") => Some("stop"),
        (&Method::POST, "/v1/jobs/{id}/retry") => Some("retry"),
        (&Method::POST, "/v1/tokens") => Some("add_token"),
        (&Method::DELETE, "/v1/tokens/{name}") => Some("revoke_token"),
        _ => None,
    }
}

/// The job or token that a path names, as it was written; empty if none.
fn object(path: &str) -> &str {
    path.split('/').nth(3).unwrap_or_default()
}

fn peer(parts: &Parts) -> Option<&PeerInfo> {
    parts.extensions.get::<PeerInfo>()
}

fn is_local(peer: Option<&PeerInfo>) -> bool {
    peer.is_some_and(|peer| peer.address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
