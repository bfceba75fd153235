//! `check`: everything that can be known before the first row moves. Writes nothing but the page that was asked for.

use std::io::Write;
use std::path::Path;

use sensei_storage::Error;

use crate::assessment::{self, Depth};
use crate::cli::{CheckArgs, Output};
use crate::command::present;
use crate::failure::{Doing, Exit, Failure, Result};
use crate::interrupt;

/// Assesses a plan against both ends.
pub async fn check(args: &CheckArgs, output: Output, quiet: bool) -> Result<Exit> {
    if let Some(file) = &args.html {
        refuse_existing(file)?;
    }
    let depth = if args.exact { Depth::Exact } else { Depth::Sample { rows: args.sample } };
    let assessment = tokio::select! {
        assessed = assessment::assess(&args.plan, depth, quiet) => assessed?,
        () = interrupt::requested() => return Err(Failure::Interrupted),
    };
    if let Some(file) = &args.html {
        write_new(file, &assessment::page(&assessment)).doing("writing the page")?;
    }
    present(&assessment, || assessment::report(&assessment, assessment::terminal_width()), output)?;
    Ok(if assessment.ready { Exit::Done } else { Exit::Usage })
}

/// Said before a long look rather than after it.
fn refuse_existing(file: &Path) -> Result<()> {
    if file.exists() { Err(exists(file)).doing("writing the page") } else { Ok(()) }
}

fn write_new(file: &Path, page: &str) -> sensei_storage::Result<()> {
    let written = std::fs::File::create_new(file).and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(file),
        _ => Error::io(format!("file \"{}\"", file.display()), error),
    })
}

fn exists(file: &Path) -> Error {
    let why = "a report is never overwritten; name another file".to_owned();
    Error::Exists { what: format!("file \"{}\"", file.display()), why }
}
