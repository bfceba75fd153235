//! What a job left behind, summed up: tables, reasons, examples of keys.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::RejectLine;
use crate::limits::{EXAMPLES_PER_TABLE_MAX, LISTED_ROWS_MAX};
use crate::report::counted;

/// The rejected rows of one job.
#[derive(Debug, Serialize)]
pub struct Listing {
    /// The job.
    pub job: String,
    /// Whether it has ended; one that has not may reject more.
    pub finished: bool,
    /// Folder with the files.
    pub folder: String,
    /// Rows in them.
    pub rows: u64,
    /// Table by table.
    pub tables: Vec<ListedTable>,
    /// The first rows as they are in the files, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<RejectLine>>,
}

/// One table's rejected rows.
#[derive(Debug, Serialize)]
pub struct ListedTable {
    /// Name in the source.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// Why, most frequent first.
    pub reasons: Vec<ListedReason>,
}

/// Rows rejected for one reason.
#[derive(Debug, Serialize)]
pub struct ListedReason {
    /// The column that does not fit; `null` where none is known.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
    /// Rows.
    pub rows: u64,
    /// Keys of the first few.
    pub keys: Vec<String>,
}

/// Column and reason.
type Why = (Option<String>, String);

/// Rows, and the keys of the first few.
type Of = (u64, Vec<String>);

/// Gathers lines, holding no more than what is shown of them.
#[derive(Default)]
pub struct Tally {
    tables: BTreeMap<String, BTreeMap<Why, Of>>,
    lines: Option<Vec<RejectLine>>,
    rows: u64,
}

impl Tally {
    /// Nothing yet; keeps lines if they are to be shown.
    pub fn new(with_lines: bool) -> Tally {
        Tally { lines: with_lines.then(Vec::new), ..Tally::default() }
    }

    /// Adds one line.
    pub fn add(&mut self, line: RejectLine) {
        self.rows += 1;
        let reasons = self.tables.entry(line.table.clone()).or_default();
        let (rows, keys) = reasons.entry((line.column.clone(), line.reason.clone())).or_default();
        *rows += 1;
        if keys.len() < EXAMPLES_PER_TABLE_MAX {
            keys.extend(line.key.clone());
        }
        if let Some(lines) = self.lines.as_mut().filter(|lines| lines.len() < LISTED_ROWS_MAX) {
            lines.push(line);
        }
    }

    /// The sum, for `job`.
    pub fn finish(self, job: String, finished: bool, folder: &Path) -> Listing {
        let table = |(table, reasons): (String, BTreeMap<Why, Of>)| {
            let reason = |((column, reason), (rows, keys))| ListedReason { column, reason, rows, keys };
            let mut reasons: Vec<ListedReason> = reasons.into_iter().map(reason).collect();
            reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rows));
            ListedTable { table, rows: reasons.iter().map(|reason| reason.rows).sum(), reasons }
        };
        Listing {
            job,
            finished,
            folder: folder.display().to_string(),
            rows: self.rows,
            tables: self.tables.into_iter().map(table).collect(),
            lines: self.lines,
        }
    }
}

impl Listing {
    /// The page for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for table in &self.tables {
            let _ = writeln!(out, "{}: {}", table.table, counted(table.rows, "row"));
            for ListedReason { column, reason, rows, keys } in &table.reasons {
                let column = column.as_ref().map_or(String::new(), |column| format!("{column}: "));
                let more = if *rows > keys.len() as u64 { ", …" } else { "" };
                let keys = if keys.is_empty() { String::new() } else { format!(" ({}{more})", keys.join("; ")) };
                let _ = writeln!(out, "  {rows:>8}  {column}{reason}{keys}");
            }
        }
        for line in self.lines.iter().flatten() {
            let key = line.key.as_deref().unwrap_or("(no key)");
            let _ = writeln!(out, "{} {key}: {}", line.table, line.row);
        }
        let shown = self.lines.as_ref().map_or(0, Vec::len) as u64;
        if self.lines.is_some() && shown < self.rows {
            let _ = writeln!(out, "… and {} more", self.rows - shown);
        }
        let still = if self.finished { "" } else { ", which is not finished" };
        let _ = writeln!(out, "{} rejected by job {}{still}", counted(self.rows, "row"), self.job);
        if self.rows > 0 {
            let _ = writeln!(out, "files: {}", self.folder);
        }
        out
    }
}
