//! Objects that are created once and never change. The only operations on the store are conditional create, get and
//! list.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use super::BLOB_BYTES_MAX;
use crate::error::{Error, Result};
use crate::evidence::sha256_hex;

/// An object store from some folder on.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

/// Answer to [`Objects::create`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// The object holds the bytes that were given.
    Ours,
    /// It was there and holds others.
    Theirs,
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, root: Path) -> Objects {
        Objects { store, root }
    }

    /// Path of something in a job's folder.
    pub(super) fn job(&self, job: &str, name: &str) -> Path {
        self.folder("jobs").join(job).join(name)
    }

    /// Path of a top-level folder.
    pub(super) fn folder(&self, name: &str) -> Path {
        self.root.clone().join(name)
    }

    /// Creates the object unless it is there. An unclear answer is settled by reading: where the bytes are the given
    /// ones, they were written, by this call or one before it.
    ///
    /// # Errors
    /// `Unavailable`, `Full`, `Privilege` or `Login` if the object is not there afterwards, or that could not be seen.
    /// `Invalid` if there are more than `bytes_max` bytes.
    pub(super) async fn create(&self, path: &Path, bytes: Bytes, bytes_max: u64) -> Result<Created> {
        if bytes.len() as u64 > bytes_max {
            let why = format!("{} bytes, the limit is {bytes_max}", bytes.len());
            return Err(Error::Invalid { what: path.to_string(), why });
        }
        let options = PutOptions::from(PutMode::Create);
        let put = self.store.put_opts(path, PutPayload::from(bytes.clone()), options).await;
        let Err(refusal) = put else { return Ok(Created::Ours) };
        match self.get(path, bytes_max).await? {
            Some(there) if there == bytes => Ok(Created::Ours),
            Some(_) => Ok(Created::Theirs),
            None => Err(store_error(path, refusal)),
        }
    }

    /// The object's bytes, if it is there.
    ///
    /// # Errors
    /// `Altered` if it is larger than anything of its kind was ever written.
    pub(super) async fn get(&self, path: &Path, bytes_max: u64) -> Result<Option<Bytes>> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(store_error(path, error)),
        };
        if found.meta.size > bytes_max {
            let why = format!("{} bytes, at most {bytes_max} were ever written", found.meta.size);
            return Err(Error::Altered { what: path.to_string(), why });
        }
        found.bytes().await.map(Some).map_err(|error| store_error(path, error))
    }

    /// Stores `bytes` under their hash.
    pub(super) async fn put_blob(&self, bytes: Bytes) -> Result<String> {
        let sha256 = sha256_hex(&bytes);
        let path = self.blob(&sha256)?;
        match self.create(&path, bytes, BLOB_BYTES_MAX).await? {
            Created::Ours => Ok(sha256),
            Created::Theirs => Err(altered(&path, "its content does not have the hash in its name")),
        }
    }

    /// Reads what [`Objects::put_blob`] stored.
    pub(super) async fn get_blob(&self, sha256: &str) -> Result<Bytes> {
        let path = self.blob(sha256)?;
        match self.get(&path, BLOB_BYTES_MAX).await? {
            None => Err(Error::Missing { what: path.to_string() }),
            Some(bytes) if sha256_hex(&bytes) == sha256 => Ok(bytes),
            Some(_) => Err(altered(&path, "its content does not have the hash in its name")),
        }
    }

    fn blob(&self, sha256: &str) -> Result<Path> {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::Invalid {
                what: "the name of a blob".to_owned(),
                why: "not a SHA-256 in hex".to_owned(),
            });
        }
        Ok(self.folder("blobs").join("sha256").join(&sha256[..2]).join(sha256))
    }

    /// Numbers of the numbered objects in `folder`, ascending. Other names are passed over: they are not part of the
    /// journal, and stores leave temporary files about.
    pub(super) async fn numbers(&self, folder: &Path) -> Result<Vec<u64>> {
        let listed: Result<Vec<_>, _> = self.store.list(Some(folder)).try_collect().await;
        let listed = match listed {
            Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
            other => other.map_err(|error| store_error(folder, error))?,
        };
        let number = |path: &Path| {
            let number = path.filename()?.strip_suffix(".json")?.parse().ok()?;
            (numbered(folder, number) == *path).then_some(number)
        };
        let mut numbers: Vec<u64> = listed.iter().filter_map(|object| number(&object.location)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Names of the folders under `jobs`, in no order that matters.
    pub(super) async fn jobs(&self) -> Result<Vec<String>> {
        let folder = self.folder("jobs");
        match self.store.list_with_delimiter(Some(&folder)).await {
            Ok(listed) => {
                Ok(listed.common_prefixes.iter().filter_map(|job| job.filename().map(str::to_owned)).collect())
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(store_error(&folder, error)),
        }
    }

    /// Whether epoch 0 of `job` is there.
    pub(super) async fn has_begun(&self, job: &str) -> Result<bool> {
        let path = numbered(&self.job(job, "epochs"), 0);
        match self.store.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(store_error(&path, error)),
        }
    }
}

/// Path of a numbered object; the digits keep a listing in order for people.
pub(super) fn numbered(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number:08}.json"))
}

/// An [`Error::Altered`] of the object at `path`.
pub(super) fn altered(path: &Path, why: &str) -> Error {
    Error::Altered { what: path.to_string(), why: why.to_owned() }
}

fn store_error(path: &Path, error: object_store::Error) -> Error {
    let what = format!("{path} in the state");
    match error {
        object_store::Error::PermissionDenied { .. } => {
            Error::Privilege { action: format!("use {what}"), why: error.to_string() }
        }
        object_store::Error::Unauthenticated { .. } => Error::Login { what, why: error.to_string() },
        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
            Error::Unsupported { what, why: error.to_string() }
        }
        _ if is_full(&error) => Error::Full { what, source: Some(Box::new(error)) },
        _ => Error::Unavailable { what, why: error.to_string(), source: Some(Box::new(error)) },
    }
}

/// Whether the file system's "no space" stands anywhere below this error.
fn is_full(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}
