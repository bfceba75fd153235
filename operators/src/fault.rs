//! The rows of one batch that cannot go on, and why.

use std::collections::BTreeMap;

/// First fault of each row of one batch: column and reason, never a value.
#[derive(Debug, Default)]
pub struct RowFaults(BTreeMap<usize, (String, String)>);

impl RowFaults {
    /// Records a fault; a row keeps its first.
    pub fn add(&mut self, row: usize, column: &str, reason: impl Into<String>) {
        self.0.entry(row).or_insert_with(|| (column.to_owned(), reason.into()));
    }

    /// Whether no row is at fault.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this row is at fault.
    pub fn contains(&self, row: usize) -> bool {
        self.0.contains_key(&row)
    }

    /// Rows with column and reason, in row order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        self.0.iter().map(|(row, (column, reason))| (*row, column.as_str(), reason.as_str()))
    }
}
