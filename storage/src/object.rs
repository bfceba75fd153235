//! A folder in an object store: where journals, evidence and Parquet files live.
//!
//! One way to name it (a path or URL), one way to open it, one mapping of its errors. Knows nothing of what is stored.

mod durable;

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use crate::error::{Error, Result};
use durable::DurableFolder;

/// Attempts after the first one that a cloud request gets.
pub const RETRIES_MAX: usize = 6;
/// Time after which a cloud request is not tried again. Below five minutes, since retries reuse the first signature.
pub const RETRY_TIME_MAX: Duration = Duration::from_secs(90);
/// Wait between two attempts at the most.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Time one cloud request may take, its body included.
const REQUEST_TIME_MAX: &str = "120 seconds";
/// Time to connect.
const CONNECT_TIME_MAX: &str = "10 seconds";
/// Characters of a server's own words that go into a message.
const REASON_CHARS_MAX: usize = 300;

/// A store and the prefix under which everything of one endpoint lives.
///
/// ```
/// # fn main() -> Result<(), sensei_storage::Error> {
/// let folder = sensei_storage::ObjectFolder::open("memory:")?;
/// assert_eq!(folder.path("jobs/7/plan.json").as_ref(), "jobs/7/plan.json");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ObjectFolder {
    /// The store: a bucket, or a local folder.
    pub store: Arc<dyn ObjectStore>,
    /// Path inside the store.
    pub prefix: Path,
    /// The URL it was opened by, for messages; never holds a secret.
    pub name: String,
}

impl ObjectFolder {
    /// Opens `url`, creating a local folder that is missing. Connects to nothing yet.
    ///
    /// A plain path or `file:` URL (relative to the working directory), `s3://bucket/prefix`, `gs://bucket/prefix`,
    /// `az://container/prefix`, or `memory:` (empty, private to the returned value and its clones). Credentials,
    /// region and endpoint come from the environment: `AWS_*`, `GOOGLE_*`, `AZURE_*`.
    ///
    /// # Errors
    /// `Invalid` for an unknown scheme or bad path, `Unsupported` if this build lacks the back end, and what
    /// [`Error::io`] makes of a folder that cannot be created.
    pub fn open(url: &str) -> Result<ObjectFolder> {
        Self::resolve(url, true)
    }

    /// Opens `url` for reading: as [`ObjectFolder::open`], but a local folder must be there.
    ///
    /// # Errors
    /// `Missing` for a local folder that is not there, and those of [`ObjectFolder::open`].
    pub fn existing(url: &str) -> Result<ObjectFolder> {
        Self::resolve(url, false)
    }

    /// Opens `url` for looking at it: a local folder that is not there is an empty one in memory, of the same name.
    ///
    /// # Errors
    /// Those of [`ObjectFolder::open`].
    pub fn existing_or_empty(url: &str) -> Result<ObjectFolder> {
        match (Self::existing(url), local_path(url)?) {
            (Err(Error::Missing { .. }), Some(path)) => {
                Ok(Self::over(Arc::new(InMemory::new()), Path::default(), path.display().to_string()))
            }
            (opened, _) => opened,
        }
    }

    /// A folder over any store, such as one that injects faults.
    pub fn over(store: Arc<dyn ObjectStore>, prefix: Path, name: impl Into<String>) -> ObjectFolder {
        ObjectFolder { store, prefix, name: name.into() }
    }

    /// The store's path of `relative`, whose parts are separated by `/`.
    pub fn path(&self, relative: &str) -> Path {
        relative.split('/').filter(|part| !part.is_empty()).fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// A folder inside this one.
    pub fn child(&self, relative: &str) -> ObjectFolder {
        let name = format!("{}/{relative}", self.name.trim_end_matches('/'));
        ObjectFolder { store: self.store.clone(), prefix: self.path(relative), name }
    }

    /// What `path` is relative to this folder.
    pub fn relative(&self, path: &Path) -> String {
        match path.prefix_match(&self.prefix) {
            Some(parts) => parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"),
            None => path.to_string(),
        }
    }

    /// Removes what writers that died left of objects directly in `relative` whose names are `ours`. Only local folders
    /// show such things; nobody may be writing those objects meanwhile.
    ///
    /// # Errors
    /// What [`Error::io`] makes of a file that cannot be removed.
    pub async fn discard_unfinished(&self, relative: &str, ours: impl Fn(&str) -> bool + Send + 'static) -> Result<()> {
        let Some(path) = local_path(&self.name)?.map(|path| path.join(relative)) else { return Ok(()) };
        let what = format!("folder \"{}\"", path.display());
        let removed = tokio::task::spawn_blocking(move || durable::remove_staged(&path, ours)).await;
        removed.map_err(|error| Error::internal(&what, error))?.map_err(|error| Error::io(what, error))
    }

    /// The object at `path` for messages: `file "…"`.
    pub fn object_name(&self, path: &Path) -> String {
        format!("file \"{}/{}\"", self.name.trim_end_matches('/'), self.relative(path))
    }

    /// Maps an error of the store on `path`, see [`store_error`].
    pub fn error(&self, path: &Path, error: object_store::Error) -> Error {
        store_error(self.object_name(path), error)
    }

    fn resolve(url: &str, create: bool) -> Result<ObjectFolder> {
        if let Some(path) = local_path(url)? {
            return local(url, path, create);
        }
        let invalid = |why: String| Error::Invalid { what: format!("location \"{}\"", describe_url(url)), why };
        if url == "memory:" {
            return Ok(Self::over(Arc::new(InMemory::new()), Path::default(), url));
        }
        let parsed = url::Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        let bucket = parsed.host_str().unwrap_or_default();
        let prefix = Path::from_url_path(parsed.path()).map_err(|error| invalid(error.to_string()))?;
        if bucket.is_empty() {
            return Err(invalid("it names no bucket".to_owned()));
        }
        let store = match parsed.scheme() {
            "s3" => s3(bucket),
            "gs" => gcs(bucket),
            "az" => azure(bucket),
            scheme => {
                return Err(invalid(format!(
                    "\"{scheme}\" is not a known kind of location; use a path, file:, s3://, gs:// or az://"
                )));
            }
        }?;
        Ok(Self::over(store, prefix, describe_url(url)))
    }
}

impl fmt::Debug for ObjectFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectFolder").field(&self.name).finish()
    }
}

/// The one place where errors of an object store become ours. `what` names the object, such as `file "…"`.
pub fn store_error(what: impl Into<String>, error: object_store::Error) -> Error {
    use object_store::Error as Store;
    let what = what.into();
    let why = reason(&error);
    let io_kind = causes(&error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    match &error {
        Store::NotFound { .. } => Error::Missing { what },
        Store::AlreadyExists { .. } | Store::Precondition { .. } | Store::NotModified { .. } => {
            Error::Exists { what, why: "another writer was first".to_owned() }
        }
        Store::Unauthenticated { .. } => Error::Login { what, why },
        Store::PermissionDenied { .. } if bad_credentials(&error) => Error::Login { what, why },
        Store::PermissionDenied { .. } => Error::Privilege { action: format!("use {what}"), why },
        Store::InvalidPath { .. } | Store::UnknownConfigurationKey { .. } => Error::Invalid { what, why },
        Store::NotSupported { .. } | Store::NotImplemented { .. } => Error::Unsupported { what, why },
        _ => match io_kind {
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Error::Full { what, source: Some(error.into()) },
            Some(ErrorKind::PermissionDenied) => Error::Privilege { action: format!("use {what}"), why },
            _ => Error::Unavailable { what, why, source: Some(error.into()) },
        },
    }
}

/// `url` without password, query and fragment. A URL that cannot be taken apart with certainty, such as one with a
/// stray `@`, shows its scheme only.
pub(crate) fn describe_url(url: &str) -> String {
    let Some((scheme, _)) = url.split_once("://") else { return url.to_owned() };
    // `parquet:s3://…` is a URL in a URL; the inner one has the authority.
    let inner = scheme.rfind(':').map_or(0, |colon| colon + 1);
    let shown = url::Url::parse(&url[inner..]).ok().and_then(|mut parsed| {
        let stray = [parsed.path(), parsed.query().unwrap_or_default()].iter().any(|part| part.contains('@'));
        parsed.set_query(None);
        parsed.set_fragment(None);
        let bare = parsed.password().is_none() || parsed.set_password(None).is_ok();
        (bare && !stray).then(|| format!("{}{parsed}", &url[..inner]))
    });
    shown.unwrap_or_else(|| format!("{scheme}://…"))
}

/// The errors below `error`, outermost first.
fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |cause| cause.source())
}

/// The innermost cause in its own words, without the document a server may have sent along.
fn reason(error: &object_store::Error) -> String {
    let text = causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    let line = text.lines().next().unwrap_or_default();
    let plain = line.split('<').next().unwrap_or_default().trim_end_matches([' ', ':']);
    plain.chars().take(REASON_CHARS_MAX).collect()
}

/// S3 answers wrong keys with the status of a missing privilege; its error code tells them apart.
fn bad_credentials(error: &object_store::Error) -> bool {
    const CODES: [&str; 4] = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];
    let text = error.to_string();
    CODES.iter().any(|code| text.contains(code))
}

/// The file system path `url` names, if it names one.
pub(crate) fn local_path(url: &str) -> Result<Option<PathBuf>> {
    if url.starts_with("file://") {
        let path = url::Url::parse(url).ok().and_then(|parsed| parsed.to_file_path().ok());
        let invalid =
            || Error::Invalid { what: format!("location \"{url}\""), why: "it is not a local path".to_owned() };
        return path.map(Some).ok_or_else(invalid);
    }
    if let Some(path) = url.strip_prefix("file:") {
        return Ok(Some(PathBuf::from(path)));
    }
    let remote = url.contains("://") || url == "memory:";
    Ok((!remote).then(|| PathBuf::from(url)))
}

fn local(url: &str, path: PathBuf, create: bool) -> Result<ObjectFolder> {
    let what = || format!("folder \"{}\"", path.display());
    if path.as_os_str().is_empty() {
        return Err(Error::Invalid { what: format!("location \"{url}\""), why: "the path is empty".to_owned() });
    }
    if create {
        std::fs::create_dir_all(&path).map_err(|error| Error::io(what(), error))?;
    }
    let absolute = std::fs::canonicalize(&path).map_err(|error| Error::io(what(), error))?;
    if !absolute.is_dir() {
        return Err(Error::Invalid { what: what(), why: "it is not a folder".to_owned() });
    }
    let store = DurableFolder::open(absolute).map_err(|error| store_error(what(), error))?;
    Ok(ObjectFolder::over(Arc::new(store), Path::default(), path.display().to_string()))
}

#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: BACKOFF_MAX, ..BackoffConfig::default() },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIME_MAX,
    }
}

#[cfg(feature = "aws")]
fn s3(bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    use object_store::ClientConfigKey::{ConnectTimeout, Timeout};
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key, S3ConditionalPut};
    let store = AmazonS3Builder::from_env()
        .with_config(Key::Client(Timeout), REQUEST_TIME_MAX)
        .with_config(Key::Client(ConnectTimeout), CONNECT_TIME_MAX)
        .with_bucket_name(bucket)
        .with_retry(retry())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .build()
        .map_err(|error| store_error(format!("bucket \"s3://{bucket}\""), error))?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "aws"))]
fn s3(_bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    Err(not_built("s3://", "aws"))
}

#[cfg(feature = "gcp")]
fn gcs(bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let store = object_store::gcp::GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry())
        .build()
        .map_err(|error| store_error(format!("bucket \"gs://{bucket}\""), error))?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "gcp"))]
fn gcs(_bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    Err(not_built("gs://", "gcp"))
}

#[cfg(feature = "azure")]
fn azure(container: &str) -> Result<Arc<dyn ObjectStore>> {
    let store = object_store::azure::MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_retry(retry())
        .build()
        .map_err(|error| store_error(format!("container \"az://{container}\""), error))?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "azure"))]
fn azure(_container: &str) -> Result<Arc<dyn ObjectStore>> {
    Err(not_built("az://", "azure"))
}

#[cfg(not(all(feature = "aws", feature = "gcp", feature = "azure")))]
fn not_built(scheme: &str, feature: &str) -> Error {
    Error::Unsupported {
        what: format!("{scheme} storage"),
        why: format!("this build lacks the cargo feature \"{feature}\""),
    }
}

#[cfg(test)]
mod tests {
    use object_store::{ObjectStoreExt, PutMode, PutPayload};

    use super::*;

    async fn create(folder: &ObjectFolder, path: &Path) -> Result<()> {
        let put = folder.store.put_opts(path, PutPayload::from_static(b"x"), PutMode::Create.into()).await;
        put.map(drop).map_err(|error| folder.error(path, error))
    }

    #[tokio::test]
    async fn a_second_create_is_refused_as_exists() {
        let place = tempfile::tempdir().unwrap();
        let file_url = url::Url::from_file_path(place.path().join("c")).unwrap().to_string();
        for url in ["memory:", place.path().join("a/b").to_str().unwrap(), &file_url] {
            let folder = ObjectFolder::open(url).unwrap();
            let path = folder.path("one/two");
            create(&folder, &path).await.unwrap();
            assert!(matches!(create(&folder, &path).await, Err(Error::Exists { .. })), "{url}");
            assert_eq!(folder.relative(&path), "one/two");
        }
    }

    #[tokio::test]
    async fn a_local_put_replaces_leaves_no_temporary_and_hides_those_of_the_dead() {
        use futures::TryStreamExt;
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("one#1"), "half").unwrap();
        let folder = ObjectFolder::open(place.path().to_str().unwrap()).unwrap();
        let (one, deep) = (folder.path("one"), folder.path("a/b/two"));
        for text in ["x", "yy"] {
            folder.store.put(&one, PutPayload::from(text.to_owned())).await.unwrap();
        }
        create(&folder, &deep).await.unwrap();
        let mut upload = folder.store.put_multipart(&folder.path("three")).await.unwrap();
        upload.put_part(PutPayload::from_static(b"zzz")).await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(folder.store.get(&one).await.unwrap().bytes().await.unwrap(), "yy");
        let mut sizes: Vec<_> = folder.store.list(None).map_ok(|meta| meta.size).try_collect().await.unwrap();
        sizes.sort();
        assert_eq!(sizes, [1, 2, 3]);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 4, "only the dead writer's file is left");
        folder.discard_unfinished("", |name| name == "two").await.unwrap();
        assert!(place.path().join("one#1").exists(), "another's");
        folder.discard_unfinished("", |name| name == "one").await.unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 3);
        folder.discard_unfinished("not/there", |_| true).await.unwrap();
        assert_eq!(std::fs::read_dir(place.path().join("a/b")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_not_there_is_missing() {
        let folder = ObjectFolder::open("memory:").unwrap().child("jobs");
        let path = folder.path("x.json");
        let error = folder.error(&path, folder.store.get(&path).await.unwrap_err());
        assert_eq!(error.to_string(), "file \"memory:/jobs/x.json\" does not exist");
        let place = tempfile::tempdir().unwrap();
        let gone = place.path().join("gone");
        assert!(matches!(ObjectFolder::existing(gone.to_str().unwrap()), Err(Error::Missing { .. })));
    }

    #[test]
    fn schemes_are_named_when_unknown_or_left_out_of_the_build() {
        let text = |url| ObjectFolder::open(url).unwrap_err().to_string();
        assert!(text("ftp://user:secret@host/x").contains("not a known kind of location"));
        assert!(!text("ftp://user:secret@host/x").contains("secret"));
        if cfg!(not(feature = "gcp")) {
            assert!(text("gs://bucket/x").contains("cargo feature \"gcp\""));
        }
    }

    #[test]
    fn wrong_keys_are_a_login_and_a_full_disk_is_full() {
        let denied = object_store::Error::PermissionDenied {
            path: "p".to_owned(),
            source: "403 Forbidden: <Error><Code>InvalidAccessKeyId</Code><Key>AKIA</Key></Error>".into(),
        };
        let error = store_error("file \"p\"", denied);
        assert_eq!(error.to_string(), "file \"p\" refused the login: 403 Forbidden");
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let full = object_store::Error::Generic { store: "local", source: Box::new(full) };
        assert!(matches!(store_error("file \"p\"", full), Error::Full { .. }));
    }
}
