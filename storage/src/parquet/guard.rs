//! Where decoding of foreign files is kept from hurting us: the Parquet reader may panic on damaged input.
//!
//! A panic inside [`guarded`] becomes [`Error::Corrupt`] of the file. The decoder's state is dropped with it and never
//! used again, so nothing half-done is seen.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::ParquetError;

use crate::error::{Error, Result};

/// Characters of the decoder's own words that go into a message.
const REASON_CHARS_MAX: usize = 200;

/// In the order in which they nest.
const PREFIXES: [&str; 2] = ["Parquet argument error: ", "Parquet error: "];

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is decoding a file, so that a panic now is the file's fault and is handled. For a panic hook
/// that would end the process otherwise.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs `work` on the file `what`.
///
/// # Errors
/// `Corrupt` if it panics, and its own.
pub(super) fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|_| {
        Err(Error::Corrupt { what: what.to_owned(), why: "its contents contradict each other".to_owned() })
    })
}

/// What the decoder's complaint about the file `what` means. The reader's own failure, if it had one, comes first.
pub(super) fn decode_error(what: &str, error: &dyn std::fmt::Display, read_failure: Option<Error>) -> Error {
    if let Some(failure) = read_failure {
        return failure;
    }
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    // Each layer of the decoder puts its own name in front.
    let reason = PREFIXES.iter().fold(line, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
    let why: String = reason.chars().take(REASON_CHARS_MAX).collect();
    let what = what.to_owned();
    if text.contains("encrypt") {
        return Error::Unsupported { what, why: "it is encrypted".to_owned() };
    }
    if text.contains("NYI") || text.contains("not yet implemented") || text.contains("not supported") {
        return Error::Unsupported { what, why };
    }
    Error::Corrupt { what, why }
}

/// An error of the Parquet writer on `what`.
pub(super) fn encode_error(what: &str, error: ParquetError) -> Error {
    Error::internal(format!("encoding {what}"), error)
}
