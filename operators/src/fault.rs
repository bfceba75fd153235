//! The rows of one batch that cannot go on, and why.

use std::collections::BTreeMap;

/// First fault of each row of one batch: column and reason, never a value; and the columns that have no value at all.
#[derive(Debug, Default)]
pub struct RowFaults {
    first: BTreeMap<usize, (String, String)>,
    lost: BTreeMap<usize, Vec<String>>,
}

impl RowFaults {
    /// Records a fault of a value that was computed; a row keeps its first.
    pub fn add(&mut self, row: usize, column: &str, reason: impl Into<String>) {
        self.first.entry(row).or_insert_with(|| (column.to_owned(), reason.into()));
    }

    /// Records that a column's value could not be computed. The NULL in its place means nothing.
    pub fn lose(&mut self, row: usize, column: &str, reason: impl Into<String>) {
        let lost = self.lost.entry(row).or_default();
        if !lost.iter().any(|name| name == column) {
            lost.push(column.to_owned());
        }
        self.add(row, column, reason);
    }

    /// Whether no row is at fault.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Whether this row is at fault.
    pub fn contains(&self, row: usize) -> bool {
        self.first.contains_key(&row)
    }

    /// The columns of a row that have no value.
    pub fn lost(&self, row: usize) -> &[String] {
        self.lost.get(&row).map_or(&[], Vec::as_slice)
    }

    /// Rows with column and reason, in row order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        self.first.iter().map(|(row, (column, reason))| (*row, column.as_str(), reason.as_str()))
    }
}
