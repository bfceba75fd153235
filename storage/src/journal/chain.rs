//! One signed, chained record: the form of epochs, generations and audit entries.

use bytes::Bytes;
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::EPOCH_BYTES_MAX;
use crate::error::{Error, Result};
use crate::evidence::{Envelope, PublicKey, SigningKey};

/// Payload type of a record's envelope.
pub(super) const LINK_TYPE: &str = "application/vnd.sensei.journal+json";

/// A record and its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Link<T> {
    /// Folder of the chain, so that a record of one job is none of another's.
    pub(super) log: String,
    /// Number within the folder.
    pub(super) number: u64,
    /// SHA-256 of the exact bytes of the record before, hex; `None` for the first, and in a folder that is no chain.
    pub(super) parent: Option<String>,
    /// What it records.
    pub(super) body: T,
}

/// A record as written: with a number that only its writer knows to draw, so that no two writers make equal bytes.
#[derive(Serialize, Deserialize)]
struct Written<T> {
    writer: String,
    record: Link<T>,
}

/// Someone who writes records.
#[derive(Debug)]
pub(super) struct Writer {
    key: SigningKey,
    nonce: String,
}

impl Writer {
    /// A writer unlike any other, who signs with `key`.
    pub(super) fn new(key: &SigningKey) -> Result<Writer> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| Error::internal("the journal", error))?;
        Ok(Writer { key: key.clone(), nonce: hex::encode(nonce) })
    }

    /// The bytes of a record that is to stand at `path`.
    pub(super) fn seal<T: Serialize>(&self, path: &Path, link: Link<T>) -> Result<Bytes> {
        let failed = |error| Error::internal("the journal", error);
        let written = Written { writer: self.nonce.clone(), record: link };
        let payload = serde_json::to_vec(&written).map_err(failed)?;
        let envelope = Envelope::sign(&self.key, LINK_TYPE, &payload);
        let bytes = serde_json::to_vec(&envelope).map_err(failed)?;
        if bytes.len() as u64 > EPOCH_BYTES_MAX {
            let why = format!("{} bytes, the limit is {EPOCH_BYTES_MAX}", bytes.len());
            return Err(Error::Invalid { what: path.to_string(), why });
        }
        Ok(Bytes::from(bytes))
    }
}

/// The record with these bytes, if `key` signed it (any key that it carries, if `None`) and it belongs at this place.
/// Returns it with its signer.
///
/// # Errors
/// `Altered`, naming `path`.
pub(super) fn open<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    key: Option<&PublicKey>,
    place: Link<()>,
) -> Result<(T, PublicKey)> {
    let altered = |why: String| Error::Altered { what: path.to_string(), why };
    let unreadable = || altered("it cannot be read".to_owned());
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| unreadable())?;
    let key = key.copied().or(envelope.embedded_key()).ok_or_else(unreadable)?;
    let payload = envelope.open(&key, LINK_TYPE).map_err(altered)?;
    let Written::<T> { record: link, .. } = serde_json::from_slice(&payload).map_err(|_| unreadable())?;
    if link.log != place.log || link.number != place.number {
        return Err(altered(format!("it is record {} of {}", link.number, link.log)));
    }
    if link.parent != place.parent {
        return Err(altered("it does not follow the record before it".to_owned()));
    }
    Ok((link.body, key))
}
