//! Differing rows by key: missing, extra, changed, and by which columns. Reports name keys and columns, never values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use sensei_operators::encode::RowEncoder;
use sensei_operators::{RowHash, Side};
use sensei_storage::{Error, Fault, LOCATOR, text};
use serde::Serialize;

use crate::failure::{Doing, Result};
use crate::limits::EXAMPLES_PER_TABLE_MAX;
use crate::lower::LoweredTable;

/// How a row differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It should be in the target and is not.
    Missing,
    /// It is in the target and should not be.
    Extra,
    /// Its key is on both sides, its content is not.
    Changed,
    /// The target holds something that cannot be read as the column's type.
    Unreadable,
}

/// One differing row.
#[derive(Clone, Debug)]
pub struct RowDifference {
    /// Index of the table in the plan.
    pub table: u32,
    /// How it differs.
    pub kind: Kind,
    /// Its key as `column=value, …`; `None` where the table has no key.
    pub key: Option<String>,
    /// Differing target columns; empty where the whole row is on one side only.
    pub columns: Vec<String>,
    /// What the target should hold, once per missing copy; for repair.
    pub expected: Vec<RecordBatch>,
    /// Addresses of what the target holds instead; for repair.
    pub locators: Vec<String>,
}

impl RowDifference {
    /// A row of the target that cannot be decoded.
    pub fn unreadable(table: u32, fault: Fault) -> RowDifference {
        let Fault { key, column, .. } = fault;
        RowDifference { table, kind: Kind::Unreadable, key, columns: vec![column], expected: vec![], locators: vec![] }
    }
}

/// A row fetched whole: table, side, hash and the row alone in its batch.
pub type Fetched = (u32, Side, RowHash, RecordBatch);

/// Rows of one identity on both sides.
#[derive(Default)]
struct Group {
    expected: Vec<RecordBatch>,
    actual: Vec<RecordBatch>,
}

/// Pairs fetched rows by key. `wanted`: by how many copies each row's sides differ.
pub fn classify(
    tables: &[LoweredTable],
    wanted: &BTreeMap<(u32, RowHash), i64>,
    rows: Vec<Fetched>,
) -> Vec<RowDifference> {
    let mut left: BTreeMap<(u32, RowHash), u64> =
        wanted.iter().map(|(row, surplus)| (*row, surplus.unsigned_abs())).collect();
    let mut groups: BTreeMap<(u32, [u8; 32]), Group> = BTreeMap::new();
    for (table, side, hash, row) in rows {
        // Of several equal copies only as many differ as one side has more.
        let Some(count) = left.get_mut(&(table, hash)).filter(|count| **count > 0) else { continue };
        *count -= 1;
        let identity = tables[table as usize].hasher.identities(&row)[0];
        let group = groups.entry((table, identity)).or_default();
        match side {
            Side::Expected => group.expected.push(row),
            Side::Actual => group.actual.push(row),
        }
    }
    groups.into_iter().flat_map(|((table, _), group)| differences(table, &tables[table as usize], group)).collect()
}

fn differences(index: u32, table: &LoweredTable, group: Group) -> Vec<RowDifference> {
    let mut differences = Vec::new();
    let mut actual = group.actual.into_iter();
    for expected in group.expected {
        differences.push(match actual.next() {
            Some(actual) => changed(index, table, expected, &actual),
            None => one_sided(index, table, Kind::Missing, &expected),
        });
    }
    differences.extend(actual.map(|actual| one_sided(index, table, Kind::Extra, &actual)));
    differences
}

fn changed(index: u32, table: &LoweredTable, expected: RecordBatch, actual: &RecordBatch) -> RowDifference {
    let types = table.hasher.types();
    let bytes = |row: &RecordBatch, column: usize| {
        let mut out = Vec::new();
        RowEncoder::of_columns(row, types, &[column]).encode(0, &mut out);
        out
    };
    let differs = |column: &usize| bytes(&expected, *column) != bytes(actual, *column);
    let columns = (0..types.len()).filter(differs).map(|column| table.target.fields[column].name.clone()).collect();
    RowDifference {
        table: index,
        kind: Kind::Changed,
        key: key(table, &expected),
        columns,
        expected: vec![expected],
        locators: locator(actual).into_iter().collect(),
    }
}

fn one_sided(index: u32, table: &LoweredTable, kind: Kind, row: &RecordBatch) -> RowDifference {
    RowDifference {
        table: index,
        kind,
        key: key(table, row),
        columns: Vec::new(),
        expected: if kind == Kind::Missing { vec![row.clone()] } else { Vec::new() },
        locators: if kind == Kind::Extra { locator(row).into_iter().collect() } else { Vec::new() },
    }
}

fn key(table: &LoweredTable, row: &RecordBatch) -> Option<String> {
    let column = |&index: &usize| {
        let field = &table.target.fields[index];
        (field.name.as_str(), &field.logical, row.column(index).as_ref() as &dyn Array)
    };
    let columns: Vec<_> = table.hasher.identity().iter().map(column).collect();
    (!columns.is_empty()).then(|| text::render_key(&columns, 0))
}

fn locator(row: &RecordBatch) -> Option<String> {
    row.column_by_name(LOCATOR).map(|column| column.as_string::<i32>().value(0).to_owned())
}

/// Differences of one table: all counted, some named.
#[derive(Clone, Debug, Serialize)]
pub struct Differences {
    /// Name in the source.
    pub source: String,
    /// Name in the target.
    pub target: String,
    /// Rows by kind.
    pub counts: BTreeMap<Kind, u64>,
    /// The first few.
    pub examples: Vec<Example>,
}

/// One differing row, named.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// How it differs.
    pub kind: Kind,
    /// Its key; `null` where the table has none.
    pub key: Option<String>,
    /// Differing target columns; empty where the whole row is on one side only.
    pub columns: Vec<String>,
}

impl Differences {
    /// None yet.
    pub fn new(source: &str, target: &str) -> Differences {
        let (source, target) = (source.to_owned(), target.to_owned());
        Differences { source, target, counts: BTreeMap::new(), examples: Vec::new() }
    }

    /// Counts a row, and keeps it while there is room.
    pub fn add(&mut self, row: &RowDifference) {
        *self.counts.entry(row.kind).or_default() += 1;
        if self.examples.len() < EXAMPLES_PER_TABLE_MAX {
            let example = Example { kind: row.kind, key: row.key.clone(), columns: row.columns.clone() };
            self.examples.push(example);
        }
    }
}

/// Every differing row as JSON Lines.
#[derive(Debug)]
pub struct ReportFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// The first failure; later rows are not written.
    failed: Option<std::io::Error>,
}

#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    target: &'a str,
    kind: Kind,
    key: Option<&'a str>,
    columns: &'a [String],
}

impl ReportFile {
    /// A new file; one that exists is never overwritten.
    ///
    /// # Errors
    /// If it exists or cannot be created.
    pub fn create(path: &Path) -> Result<ReportFile> {
        let what = format!("report file \"{}\"", path.display());
        let file = File::create_new(path)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    Error::Exists { what, why: "a report is never overwritten".to_owned() }
                }
                _ => Error::io(what, error),
            })
            .doing("writing the report")?;
        Ok(ReportFile { path: path.to_owned(), file: BufWriter::new(file), failed: None })
    }

    /// Adds a row.
    pub fn add(&mut self, source: &str, target: &str, row: &RowDifference) {
        if self.failed.is_some() {
            return;
        }
        let line = Line { source, target, kind: row.kind, key: row.key.as_deref(), columns: &row.columns };
        let written = serde_json::to_writer(&mut self.file, &line)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        self.failed = written.err();
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The first failure since it was created.
    pub fn finish(mut self) -> Result<()> {
        let flushed = self.failed.take().map_or_else(|| self.file.flush(), Err);
        flushed
            .map_err(|error| Error::io(format!("report file \"{}\"", self.path.display()), error))
            .doing("writing the report")
    }
}
