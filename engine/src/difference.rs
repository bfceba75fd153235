//! Differing rows by key: missing, extra, changed, and by which columns. Reports name keys and columns, never values.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use sensei_operators::Side;
use sensei_operators::encode::RowEncoder;
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

/// One differing row, or several equal ones.
#[derive(Clone, Debug)]
pub struct RowDifference {
    /// Index of the table in the plan.
    pub table: u32,
    /// How it differs.
    pub kind: Kind,
    /// Equal rows that differ so.
    pub copies: u64,
    /// Its key as `column=value, …`; `None` where the table has no key.
    pub key: Option<String>,
    /// Differing target columns; empty where the whole row is on one side only.
    pub columns: Vec<String>,
    /// What the target should hold in each copy; for repair.
    pub expected: Option<RecordBatch>,
    /// Addresses of what the target holds instead; for repair.
    pub locators: Vec<String>,
}

impl RowDifference {
    /// A row of the target that cannot be decoded.
    pub fn unreadable(table: u32, fault: Fault) -> RowDifference {
        let Fault { key, column, .. } = fault;
        let (kind, columns) = (Kind::Unreadable, vec![column]);
        RowDifference { table, kind, copies: 1, key, columns, expected: None, locators: Vec::new() }
    }
}

/// A row fetched whole.
#[derive(Debug)]
pub struct Fetched {
    /// Index of its table.
    pub table: u32,
    /// The side it is from.
    pub side: Side,
    /// The row alone in its batch.
    pub row: RecordBatch,
    /// Equal rows it stands for.
    pub copies: u64,
}

/// Rows of one identity on both sides, with their copies.
#[derive(Default)]
struct Group {
    expected: Vec<(RecordBatch, u64)>,
    actual: Vec<(RecordBatch, u64)>,
}

/// Pairs fetched rows by key.
pub fn classify(tables: &[LoweredTable], rows: Vec<Fetched>) -> Vec<RowDifference> {
    let mut groups: BTreeMap<(u32, [u8; 32]), Group> = BTreeMap::new();
    for Fetched { table, side, row, copies } in rows {
        let identity = tables[table as usize].hasher.identities(&row)[0];
        let group = groups.entry((table, identity)).or_default();
        match side {
            Side::Expected => group.expected.push((row, copies)),
            Side::Actual => group.actual.push((row, copies)),
        }
    }
    groups.into_iter().flat_map(|((table, _), group)| differences(table, &tables[table as usize], group)).collect()
}

/// As many rows as both sides have are changed, the rest is missing or extra.
fn differences(index: u32, table: &LoweredTable, group: Group) -> Vec<RowDifference> {
    let mut differences = Vec::new();
    let mut actual = VecDeque::from(group.actual);
    for (expected, mut copies) in group.expected {
        while copies > 0
            && let Some((row, left)) = actual.front_mut()
        {
            let both = copies.min(*left);
            differences.push(changed(index, table, &expected, row, both));
            copies -= both;
            *left -= both;
            if *left == 0 {
                actual.pop_front();
            }
        }
        if copies > 0 {
            differences.push(one_sided(index, table, Kind::Missing, &expected, copies));
        }
    }
    differences.extend(actual.iter().map(|(row, copies)| one_sided(index, table, Kind::Extra, row, *copies)));
    differences
}

fn changed(
    index: u32,
    table: &LoweredTable,
    expected: &RecordBatch,
    actual: &RecordBatch,
    copies: u64,
) -> RowDifference {
    let types = table.hasher.types();
    let bytes = |row: &RecordBatch, column: usize| {
        let mut out = Vec::new();
        RowEncoder::of_columns(row, types, &[column]).encode(0, &mut out);
        out
    };
    let differs = |column: &usize| bytes(expected, *column) != bytes(actual, *column);
    let columns = (0..types.len()).filter(differs).map(|column| table.target.fields[column].name.clone()).collect();
    RowDifference {
        table: index,
        kind: Kind::Changed,
        copies,
        key: key(table, expected),
        columns,
        expected: Some(expected.clone()),
        locators: locator(actual).into_iter().collect(),
    }
}

fn one_sided(index: u32, table: &LoweredTable, kind: Kind, row: &RecordBatch, copies: u64) -> RowDifference {
    RowDifference {
        table: index,
        kind,
        copies,
        key: key(table, row),
        columns: Vec::new(),
        expected: (kind == Kind::Missing).then(|| row.clone()),
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
    let column = row.column_by_name(LOCATOR)?.as_string::<i32>();
    column.is_valid(0).then(|| column.value(0).to_owned())
}

/// Rows that were counted and not named, because enough others were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Rows the expected side has more of; with unseen buckets, at least so many.
    pub expected: u64,
    /// Rows the actual side has more of; with unseen buckets, at least so many. The two versions of a changed row are
    /// one row on either side.
    pub actual: u64,
    /// Differing buckets, of all the table's rows are hashed into, in which no row was looked at.
    pub buckets_unseen: u64,
}

impl Counted {
    /// Adds rows of a bucket.
    pub fn add(&mut self, expected: u64, actual: u64) {
        self.expected += expected;
        self.actual += actual;
    }

    /// Adds a bucket in which no row was looked at; the expected side has `net` more of them.
    pub fn add_unseen(&mut self, net: i64) {
        let side = if net > 0 { &mut self.expected } else { &mut self.actual };
        *side += net.unsigned_abs();
        self.buckets_unseen += 1;
    }
}

/// Differences of one table: some named, all counted.
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
    /// Rows beyond those in `counts`.
    pub counted: Counted,
}

/// One differing row, named.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// How it differs.
    pub kind: Kind,
    /// Equal rows that differ so.
    pub copies: u64,
    /// Its key; `null` where the table has none.
    pub key: Option<String>,
    /// Differing target columns; empty where the whole row is on one side only.
    pub columns: Vec<String>,
}

impl Differences {
    /// None yet.
    pub fn new(source: &str, target: &str) -> Differences {
        let (source, target) = (source.to_owned(), target.to_owned());
        Differences { source, target, counts: BTreeMap::new(), examples: Vec::new(), counted: Counted::default() }
    }

    /// Counts a row, and keeps it while there is room.
    pub fn add(&mut self, row: &RowDifference) {
        *self.counts.entry(row.kind).or_default() += row.copies;
        if self.examples.len() < EXAMPLES_PER_TABLE_MAX {
            let RowDifference { kind, copies, key, columns, .. } = row.clone();
            self.examples.push(Example { kind, copies, key, columns });
        }
    }
}

/// Every differing row as JSON Lines; equal rows share a line that says how many they are.
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
    copies: u64,
    key: Option<&'a str>,
    columns: &'a [String],
}

#[derive(Serialize)]
struct OrphanLine<'a> {
    source: &'a str,
    target: &'a str,
    kind: &'static str,
    copies: u64,
    key: &'a str,
    columns: &'a [String],
    references: &'a str,
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
        let RowDifference { kind, copies, key, columns, .. } = row;
        self.write(&Line { source, target, kind: *kind, copies: *copies, key: key.as_deref(), columns });
    }

    /// Adds a row of a table whose `columns` refer to a row of `references` that is not there.
    pub fn add_orphan(&mut self, source: &str, target: &str, columns: &[String], references: &str, key: &str) {
        self.write(&OrphanLine { source, target, kind: "orphan", copies: 1, key, columns, references });
    }

    fn write(&mut self, line: &impl Serialize) {
        if self.failed.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.file, line)
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
