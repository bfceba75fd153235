//! A local folder whose objects survive a power cut.
//!
//! `object_store`'s own local back end never asks the system to write anything down: after a crash an object it
//! acknowledged may be empty, and one made by conditional create could then never be made again. Here an object is
//! synced before it gets its name, and the folder that names it before the call returns. Everything else is passed on.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path as FilePath, PathBuf};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// Names tried for one temporary file. A name is taken only by a writer at work or one that died.
const STAGING_NAMES_MAX: u32 = 10_000;

/// Passes on to the local file system and syncs what it writes.
#[derive(Debug)]
pub(super) struct DurableFolder {
    inner: LocalFileSystem,
    root: PathBuf,
}

impl DurableFolder {
    /// The folder at `root`, which exists.
    pub fn open(root: PathBuf) -> Result<DurableFolder> {
        Ok(DurableFolder { inner: LocalFileSystem::new_with_prefix(&root)?, root })
    }
}

impl fmt::Display for DurableFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableFolder({})", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for DurableFolder {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Update(_)) || !options.attributes.is_empty() {
            // Not offered by the local file system either; its refusal says so.
            return self.inner.put_opts(location, payload, options).await;
        }
        let (path, root, location) =
            (self.inner.path_to_filesystem(location)?, self.root.clone(), location.to_string());
        let create = matches!(options.mode, PutMode::Create);
        blocking(move || put(&root, &path, &payload, create).map_err(|error| local_error(location, error))).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(location, options).await?;
        let path = self.inner.path_to_filesystem(location)?;
        Ok(Box::new(DurableUpload { inner, path, root: self.root.clone(), location: location.to_string() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// An upload that is synced once it is complete, before anybody is told.
#[derive(Debug)]
struct DurableUpload {
    inner: Box<dyn MultipartUpload>,
    path: PathBuf,
    root: PathBuf,
    location: String,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.inner.complete().await?;
        let (path, root, location) = (self.path.clone(), self.root.clone(), self.location.clone());
        let sync = move || File::open(&path)?.sync_all().and_then(|()| sync_folders(&root, &path));
        blocking(move || sync().map_err(|error| local_error(location, error))).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// Writes `payload` to a temporary file and gives it its name when it is safe on disk.
fn put(root: &FilePath, path: &FilePath, payload: &PutPayload, create: bool) -> io::Result<()> {
    let (mut file, staged) = stage(path)?;
    let outcome = payload.iter().try_for_each(|chunk| file.write_all(chunk)).and_then(|()| file.sync_all());
    let outcome = outcome.and_then(|()| match create {
        true => fs::hard_link(&staged, path),
        false => fs::rename(&staged, path),
    });
    if create || outcome.is_err() {
        // What is left behind has a name that no listing shows, so failing to remove it does no harm.
        let _ = fs::remove_file(&staged);
    }
    outcome.and_then(|()| sync_folders(root, path))
}

/// A new temporary file beside `path`, named so that the local file system hides it from listings (`name#1`).
fn stage(path: &FilePath) -> io::Result<(File, PathBuf)> {
    for number in 1..=STAGING_NAMES_MAX {
        let mut staged = path.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        let staged = PathBuf::from(staged);
        let open = || OpenOptions::new().write(true).create_new(true).open(&staged);
        let opened = match (open(), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(parent)?;
                open()
            }
            (opened, _) => opened,
        };
        match opened {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (file, staged)),
        }
    }
    Err(io::Error::other("too many unfinished writes of this file"))
}

/// Removes the temporary files directly in `folder` that were to become objects with names that are `ours`.
pub(super) fn remove_staged(folder: &FilePath, ours: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let staged = name.to_str().and_then(|name| name.rsplit_once('#'));
        let is_number = |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if staged.is_some_and(|(object, number)| is_number(number) && ours(object)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Syncs the folders from the one that holds `path` up to `root`: any of them may be new.
fn sync_folders(root: &FilePath, path: &FilePath) -> io::Result<()> {
    let inside = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    inside.map(File::open).try_for_each(|folder| folder?.sync_all())
}

fn local_error(path: String, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: error.into() },
        ErrorKind::NotFound => Error::NotFound { path, source: error.into() },
        _ => Error::Generic { store: "local folder", source: error.into() },
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}
