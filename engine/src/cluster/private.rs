//! Files that hold secrets: read only if nobody else can read them, written so that nobody else ever could.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::failure::{Failure, Result};

/// A key, certificate or token file has at most this many bytes. A chain of ten certificates takes about 10 KB.
pub const FILE_BYTES_MAX: u64 = 256 << 10;

/// Reads a file that holds `what`, such as `private key`, in bytes.
///
/// # Errors
/// `Usage` if it cannot be read, is too large, or others than its owner may read it. A file that belongs to root may be
/// readable by its group: that is how secrets are mounted for a process that is not root.
pub fn read_private(path: &Path, what: &str) -> Result<Vec<u8>> {
    let file = open(path, what)?;
    let metadata = file.metadata().map_err(|error| unreadable(path, what, &error))?;
    if metadata.mode() & forbidden(&metadata) != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(Failure::usage(
            format!("{what} file \"{}\" can be read or changed by others (mode {mode:04o})", path.display()),
            format!("Run `chmod 600 {}`, and replace what is in it if somebody may have seen it.", path.display()),
        ));
    }
    contents(file, path, what)
}

/// Reads a file that may be public.
///
/// # Errors
/// `Usage` if it cannot be read or is too large.
pub fn read_public(path: &Path, what: &str) -> Result<Vec<u8>> {
    contents(open(path, what)?, path, what)
}

/// Creates a file.
///
/// # Errors
/// `Usage` if it exists or cannot be written.
pub fn create(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::usage(
            format!("\"{}\" exists already", path.display()),
            "Nothing is overwritten: take another name or folder, or ask for renewal.",
        ),
        _ => unwritable(path, &error),
    })
}

/// Puts a file in the place of the one that is there, if any, at one moment.
///
/// # Errors
/// `Usage` if it cannot be written; what was there is then as it was.
pub fn replace(path: &Path, mode: u32, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unwritable(&beside, &error)),
        _ => create(&beside, mode, bytes)?,
    }
    fs::rename(&beside, path).map_err(|error| unwritable(path, &error))
}

/// Mode bits that the file must not have.
fn forbidden(metadata: &Metadata) -> u32 {
    if metadata.uid() == 0 { 0o037 } else { 0o077 }
}

fn open(path: &Path, what: &str) -> Result<File> {
    File::open(path).map_err(|error| unreadable(path, what, &error))
}

fn contents(file: File, path: &Path, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, what, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(
            format!("{what} file \"{}\" has more than {FILE_BYTES_MAX} bytes", path.display()),
            "Check that it is the file you meant.",
        ));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("{what} file \"{}\" cannot be read: {error}", path.display()),
        "Check the path, and that this user may read it.",
    )
}

pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("\"{}\" cannot be written: {error}", path.display()),
        "Check the path, and that this user may write there.",
    )
}
