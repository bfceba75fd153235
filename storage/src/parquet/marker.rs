//! What a job leaves beside its tables while it runs: that it prepared them, and which generation may write.
//!
//! Markers are created once and never changed, so an object store's conditional create is all they need.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::object::ObjectFolder;

/// Folder of all markers.
const MARKERS: &str = "_sensei";
const FENCE: &str = "fence-";

/// Says that a job has prepared these tables.
#[derive(Serialize, Deserialize)]
struct Prepared {
    tables: Vec<String>,
}

/// Whether `job` has prepared its tables.
pub(super) async fn is_prepared(folder: &ObjectFolder, job: &str) -> Result<bool> {
    let path = prepared_path(folder, job);
    match folder.store.head(&path).await {
        Ok(_) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(folder.error(&path, error)),
    }
}

/// Records that `job` has prepared `tables`.
pub(super) async fn set_prepared(folder: &ObjectFolder, job: &str, tables: Vec<String>) -> Result<()> {
    let json = serde_json::to_vec(&Prepared { tables }).map_err(|error| Error::internal("marker", error))?;
    create(folder, &prepared_path(folder, job), json).await
}

/// Tables that jobs have prepared and not finished.
pub(super) async fn unfinished_tables(folder: &ObjectFolder) -> Result<BTreeSet<String>> {
    let mut tables = BTreeSet::new();
    for path in list(folder, &folder.path(MARKERS)).await? {
        if path.extension() != Some("json") {
            continue;
        }
        let error = |error| folder.error(&path, error);
        let json = folder.store.get(&path).await.map_err(error)?.bytes().await.map_err(error)?;
        let prepared: Prepared = serde_json::from_slice(&json)
            .map_err(|error| Error::Corrupt { what: folder.object_name(&path), why: error.to_string() })?;
        tables.extend(prepared.tables);
    }
    Ok(tables)
}

/// Makes `generation` the newest that may write for `job`.
///
/// # Errors
/// `Fenced` if a newer one is there.
pub(super) async fn fence(folder: &ObjectFolder, job: &str, generation: u64) -> Result<()> {
    create(folder, &job_path(folder, job).join(format!("{FENCE}{generation:020}")), Vec::new()).await?;
    check_fence(folder, job, generation).await
}

/// # Errors
/// `Fenced` if a generation newer than `generation` was declared.
pub(super) async fn check_fence(folder: &ObjectFolder, job: &str, generation: u64) -> Result<()> {
    let fences = list(folder, &job_path(folder, job)).await?;
    let number = |path: &Path| path.filename()?.strip_prefix(FENCE)?.parse::<u64>().ok();
    match fences.iter().filter_map(number).max() {
        Some(newest) if newest > generation => Err(Error::Fenced { job: job.to_owned(), mine: generation }),
        _ => Ok(()),
    }
}

/// Removes what `job` left, its preparation last, so that an interrupted removal is taken up again.
pub(super) async fn remove(folder: &ObjectFolder, job: &str) -> Result<()> {
    for path in list(folder, &job_path(folder, job)).await? {
        delete(folder, &path).await?;
    }
    folder.discard_unfinished(&format!("{MARKERS}/{job}"), |_| true).await?;
    let prepared = format!("{job}.json");
    folder.discard_unfinished(MARKERS, move |name| name == prepared).await?;
    delete(folder, &prepared_path(folder, job)).await
}

/// Deletes `path`; it may be gone already.
pub(super) async fn delete(folder: &ObjectFolder, path: &Path) -> Result<()> {
    match folder.store.delete(path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(folder.error(path, error)),
    }
}

/// Creates `path` unless it is there.
async fn create(folder: &ObjectFolder, path: &Path, bytes: Vec<u8>) -> Result<()> {
    match folder.store.put_opts(path, PutPayload::from(bytes), PutMode::Create.into()).await {
        Ok(_) | Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(()),
        Err(error) => Err(folder.error(path, error)),
    }
}

async fn list(folder: &ObjectFolder, path: &Path) -> Result<Vec<Path>> {
    let listed = folder.store.list(Some(path)).map_ok(|meta| meta.location).try_collect().await;
    listed.map_err(|error| folder.error(path, error))
}

fn prepared_path(folder: &ObjectFolder, job: &str) -> Path {
    folder.path(MARKERS).join(format!("{job}.json"))
}

fn job_path(folder: &ObjectFolder, job: &str) -> Path {
    folder.path(MARKERS).join(job)
}
