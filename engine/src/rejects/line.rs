//! One rejected row as a line of JSON, written and read.

use std::path::Path;

use sensei_operators::{Rejected, RowImage};
use sensei_storage::Error;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::file_label;

/// A line as it is written.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    table: &'a str,
    key: Option<&'a str>,
    column: Option<&'a str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<Columns<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    left_out: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

struct Columns<'a>(&'a RowImage);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.columns.len()))?;
        for (name, text) in &self.0.columns {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

impl<'a> Line<'a> {
    /// The line of a row of `table`; its values only if `with_row`.
    pub(super) fn of(table: &'a str, rejected: &'a Rejected, with_row: bool) -> Line<'a> {
        let fault = &rejected.fault;
        let row = rejected.row.as_ref().filter(|_| with_row);
        Line {
            table,
            key: fault.key.as_deref(),
            column: Some(fault.column.as_str()).filter(|column| !column.is_empty()),
            reason: &fault.reason,
            row: row.map(Columns),
            left_out: row.map_or(&[], |row| &row.left_out),
            refused: rejected.refused.as_ref().map(|(hash, _)| hex::encode(hash)),
        }
    }
}

/// A line as it is read.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RejectLine {
    /// Name in the source.
    pub table: String,
    /// The row's key; `null` where there is none to tell.
    pub key: Option<String>,
    /// The column that does not fit; `null` where none is known.
    pub column: Option<String>,
    /// Why, without values.
    pub reason: String,
    /// The row as it would have been in the target, column by column; `null` if it was not kept.
    #[serde(default)]
    pub row: Value,
    /// Target columns whose value could not be computed.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Hash of a row that the target refused, under the job's key; `null` if the row never got there.
    #[serde(default)]
    pub refused: Option<String>,
}

/// Parses the lines of a file.
///
/// # Errors
/// `Corrupt` if a line is not one of ours.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> sensei_storage::Result<Vec<RejectLine>> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let corrupt = |_| Error::Corrupt { what: file_label(path), why: "a line is not a rejected row".to_owned() };
    lines.map(|line| serde_json::from_slice(line).map_err(corrupt)).collect()
}
