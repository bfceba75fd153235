//! Who has access, and what they did with it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Site;
use super::ask::{Asked, Named, PageQuery, Told, check_name};
use super::auth::Admin;
use super::fault::Fault;
use crate::cluster::caller::Role;
use crate::head::view::{AuditView, TokenView, role_schema};

/// Tokens.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct TokenList {
    /// Every token that holds.
    pub(super) tokens: Vec<TokenView>,
}

/// A token to give out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// Its name, which stands for the caller in the audit log.
    name: String,
    /// What its bearer may do.
    #[schema(schema_with = role_schema)]
    role: Role,
}

/// A token that was given out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct IssuedToken {
    /// Its name.
    pub(super) name: String,
    /// What its bearer may do.
    #[schema(schema_with = role_schema)]
    pub(super) role: Role,
    /// The token. It is told this once and kept nowhere.
    pub(super) token: String,
}

/// Entries of the audit log.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct AuditList {
    /// Ascending.
    pub(super) entries: Vec<AuditView>,
}

/// Every token that holds, without the tokens themselves.
///
/// Takes the role admin.
#[utoipa::path(get, path = "/v1/tokens", tag = "access",
    responses((status = 200, description = "The tokens.", body = TokenList)))]
pub(super) async fn tokens(State(site): State<Arc<Site>>, Admin(caller): Admin) -> Result<Json<TokenList>, Fault> {
    Ok(Json(TokenList { tokens: site.api.tokens(&caller).await? }))
}

/// Gives out a token.
///
/// Takes the role admin.
#[utoipa::path(post, path = "/v1/tokens", tag = "access", request_body = NewToken,
    responses((status = 201, description = "The token; it is not told again.", body = IssuedToken),
        (status = 409, description = "There is one of that name.", body = super::fault::ErrorBody)))]
pub(super) async fn add_token(
    State(site): State<Arc<Site>>,
    Admin(caller): Admin,
    Told(NewToken { name, role }): Told<NewToken>,
) -> Result<(StatusCode, Json<IssuedToken>), Fault> {
    check_name("the token's name", &name)?;
    let token = site.api.add_token(&caller, &name, role).await?;
    Ok((StatusCode::CREATED, Json(IssuedToken { name, role, token })))
}

/// Takes a token back; it opens nothing from then on.
///
/// Takes the role admin.
#[utoipa::path(delete, path = "/v1/tokens/{name}", tag = "access",
    params(("name" = String, Path, description = "The token's name.")),
    responses((status = 204, description = "It holds no longer.")))]
pub(super) async fn revoke_token(
    State(site): State<Arc<Site>>,
    Admin(caller): Admin,
    Named(name): Named,
) -> Result<StatusCode, Fault> {
    site.api.revoke_token(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was changed, by whom.
///
/// Takes the role admin.
#[utoipa::path(get, path = "/v1/audit", tag = "access", params(PageQuery),
    responses((status = 200, description = "Entries of the audit log.", body = AuditList)))]
pub(super) async fn audit(
    State(site): State<Arc<Site>>,
    Admin(caller): Admin,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<AuditList>, Fault> {
    let (after, limit) = page.bounds()?;
    Ok(Json(AuditList { entries: site.api.audit(&caller, after, limit).await? }))
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
