//! A store that fails on purpose, so that a simulation can stop at every journal write, and doors to the readers of
//! foreign bytes. Only for tests (feature `testing`).

pub mod foreign;
mod input;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

pub(crate) use input::Input;

/// When a store fails, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which put fails, counted from 0.
    pub put: u64,
    /// Whether the object is there all the same.
    pub written: bool,
    /// Whether everything fails from then on, as after the death of the process; otherwise only this one put.
    pub fatal: bool,
}

/// Passes everything on to another store until its [`Failure`] is due. Refuses every operation that evidence must
/// never need: overwriting, deleting, copying.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    failure: Option<Failure>,
    puts: AtomicU64,
    dead: AtomicBool,
}

impl FaultyStore {
    /// A store over `inner` that fails as told, or never.
    pub fn new(inner: Arc<dyn ObjectStore>, failure: Option<Failure>) -> Arc<FaultyStore> {
        Arc::new(FaultyStore { inner, failure, puts: AtomicU64::new(0), dead: AtomicBool::new(false) })
    }

    /// Puts asked for so far.
    pub fn puts(&self) -> u64 {
        self.puts.load(Ordering::SeqCst)
    }

    fn alive(&self) -> Result<()> {
        if self.dead.load(Ordering::SeqCst) { Err(injected()) } else { Ok(()) }
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.inner)
    }
}

fn injected() -> Error {
    Error::Generic { store: "faulty", source: "injected failure".into() }
}

fn refused(operation: &str) -> Error {
    Error::NotSupported { source: format!("evidence never needs to {operation}").into() }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.alive()?;
        if options.mode != PutMode::Create {
            return Err(refused("overwrite"));
        }
        let put = self.puts.fetch_add(1, Ordering::SeqCst);
        let Some(failure) = self.failure.filter(|failure| failure.put == put) else {
            return self.inner.put_opts(location, payload, options).await;
        };
        if failure.written {
            self.inner.put_opts(location, payload, options).await?;
        }
        self.dead.store(failure.fatal, Ordering::SeqCst);
        Err(injected())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("upload in parts"))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.alive()?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| Err(refused("delete"))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.alive() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.alive()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("copy"))
    }
}
