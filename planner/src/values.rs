//! What the plan file's values must be, each on its own. Knows nothing of the databases.

use crate::bytes::ByteSize;
use crate::file::{CsvFile, LimitsFile, PlanFile, VERSION};
use crate::problem::{Code, Problem};

/// Characters of a job's name at most; it is part of paths and of database object names.
const NAME_CHARS_MAX: usize = 64;
/// Worker threads at most.
const WORKERS_MAX: u32 = 256;
/// Connections at most, to either side. PostgreSQL allows 100 out of the box; a larger server may allow this many.
const CONNECTIONS_MAX: u32 = 1000;
/// Memory budget at least; below it not even two batches per worker fit. A guess.
const MEMORY_MIN: ByteSize = ByteSize(32 << 20);
/// Split size at least; only tests want splits this small.
const SPLIT_MIN: ByteSize = ByteSize(1 << 10);
/// Split size at most; what a split must repeat after a failure.
const SPLIT_MAX: ByteSize = ByteSize(4 << 30);

/// Adds a problem for each value that is out of bounds.
pub(crate) fn check(file: &PlanFile, problems: &mut Vec<Problem>) {
    if file.version != VERSION {
        problems.push(
            invalid("version", format!("This program reads version {VERSION}, and the file says {}.", file.version))
                .hint("A newer file needs a newer Sensei."),
        );
    }
    name(&file.name, problems);
    for (key, text) in [
        ("source.url", file.source.url.expose()),
        ("target.url", file.target.url.expose()),
        ("state", &file.state),
        ("rejects.to", &file.rejects.to),
    ] {
        if text.trim().is_empty() {
            problems.push(invalid(key, "It is empty."));
        }
    }
    if let Some(csv) = &file.source.csv {
        characters(csv, problems);
    }
    limits(&file.limits, problems);
}

fn name(name: &str, problems: &mut Vec<Problem>) {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(allowed) || name.starts_with('.') {
        let why = format!(
            "A job's name has up to {NAME_CHARS_MAX} lower-case letters, digits, `-`, `_` and `.`, and does not begin \
             with a point."
        );
        problems.push(invalid("name", why));
    }
}

fn characters(csv: &CsvFile, problems: &mut Vec<Problem>) {
    for (key, text) in [("source.csv.delimiter", &csv.delimiter), ("source.csv.quote", &csv.quote)] {
        let Some(text) = text else { continue };
        if text.len() != 1 || !text.is_ascii() || matches!(text.as_str(), "\n" | "\r") {
            problems.push(invalid(key, "It must be one ASCII character.").hint("Write a tab as \"\\t\"."));
        }
    }
    if csv.delimiter.is_some() && csv.delimiter == csv.quote {
        problems.push(invalid("source.csv.quote", "It is the delimiter too."));
    }
}

fn limits(limits: &LimitsFile, problems: &mut Vec<Problem>) {
    for (key, number, max) in [
        ("limits.workers", limits.workers, WORKERS_MAX),
        ("limits.source_connections", limits.source_connections, CONNECTIONS_MAX),
        ("limits.target_connections", limits.target_connections, CONNECTIONS_MAX),
    ] {
        if number.is_some_and(|number| number == 0 || number > max) {
            problems.push(invalid(key, format!("It must be from 1 to {max}.")));
        }
    }
    if limits.memory.is_some_and(|memory| memory < MEMORY_MIN) {
        problems.push(invalid("limits.memory", format!("It must be at least {MEMORY_MIN}.")));
    }
    if limits.split.is_some_and(|split| split < SPLIT_MIN || split > SPLIT_MAX) {
        problems.push(invalid("limits.split", format!("It must be from {SPLIT_MIN} to {SPLIT_MAX}.")));
    }
}

fn invalid(key: &str, why: impl Into<String>) -> Problem {
    Problem::new(Code::Value, format!("value of `{key}` is not valid")).why(why)
}
