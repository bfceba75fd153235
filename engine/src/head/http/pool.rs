//! The pool.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Site;
use super::auth::Viewer;
use super::fault::Fault;
use crate::head::view::PoolView;

/// The workers and what waits for them.
///
/// Takes the role viewer.
#[utoipa::path(get, path = "/v1/pool", tag = "pool",
    responses((status = 200, description = "The pool.", body = PoolView)))]
pub(super) async fn pool(State(site): State<Arc<Site>>, _: Viewer) -> Result<Json<PoolView>, Fault> {
    Ok(Json(site.api.pool().await?))
}
