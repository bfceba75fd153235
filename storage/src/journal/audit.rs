//! The log of what was done to a store: one signed entry per operation that changed something, each naming the hash of
//! the one before. Entries of several writers interleave; each is signed by its own.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::EPOCH_BYTES_MAX;
use super::chain::{self, Link, Writer};
use super::objects::{Created, Objects, altered, numbered};
use crate::error::{Error, Result};
use crate::evidence::{SigningKey, sha256_hex};

/// How often an entry is tried at the next number before it is given up: as many rivals would have to write at once.
pub const AUDIT_ATTEMPTS_MAX: usize = 16;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A job began.
    RunStarted,
    /// A job was taken up again.
    Resumed,
    /// A job began though an earlier one of the same plan was there.
    Fresh,
    /// Rows of the target were put right.
    Repaired,
    /// A certificate was stored.
    Certified,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// What was done.
    pub operation: Operation,
    /// To which job.
    pub job: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Appends one entry and returns its number.
///
/// # Errors
/// `Altered` if the entry before it does not fit the chain; `Unavailable` if the store is, or others were faster
/// [`AUDIT_ATTEMPTS_MAX`] times.
pub async fn audit(store: Arc<dyn ObjectStore>, prefix: Path, key: &SigningKey, entry: AuditEntry) -> Result<u64> {
    let objects = Objects::new(store, prefix);
    let folder = objects.folder("audit");
    let writer = Writer::new(key)?;
    let mut number = objects.numbers(&folder).await?.last().map_or(0, |last| last + 1);
    for _ in 0..AUDIT_ATTEMPTS_MAX {
        let parent = match number.checked_sub(1) {
            Some(before) => Some(sha256_hex(&read(&objects, &numbered(&folder, before)).await?)),
            None => None,
        };
        let path = numbered(&folder, number);
        let bytes = writer.seal(&path, Link { log: folder.to_string(), number, parent, body: entry.clone() })?;
        if objects.create(&path, bytes, EPOCH_BYTES_MAX).await? == Created::Ours {
            return Ok(number);
        }
        number += 1;
    }
    let why = format!("others wrote {AUDIT_ATTEMPTS_MAX} entries meanwhile");
    Err(Error::Unavailable { what: folder.to_string(), why, source: None })
}

/// Every entry with its signer's key id, checked.
///
/// # Errors
/// `Altered`, naming the entry, if one was changed or taken out (but for the last).
pub async fn audit_log(store: Arc<dyn ObjectStore>, prefix: Path) -> Result<Vec<(AuditEntry, String)>> {
    let objects = Objects::new(store, prefix);
    let folder = objects.folder("audit");
    let count = objects.numbers(&folder).await?.last().map_or(0, |last| last + 1);
    let mut entries = Vec::new();
    let mut parent = None;
    for number in 0..count {
        let path = numbered(&folder, number);
        let bytes = read(&objects, &path).await?;
        let place = Link { log: folder.to_string(), number, parent: parent.replace(sha256_hex(&bytes)), body: () };
        let (entry, signer) = chain::open(&path, &bytes, None, place)?;
        entries.push((entry, signer.id()));
    }
    Ok(entries)
}

async fn read(objects: &Objects, path: &Path) -> Result<bytes::Bytes> {
    objects.get(path, EPOCH_BYTES_MAX).await?.ok_or_else(|| altered(path, "it is gone, though later ones are there"))
}
