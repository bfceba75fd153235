//! Rows in flight: an Arrow batch and the rows that could not be decoded into it.

use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};

/// Rows as read, with those that do not fit their column's type set apart.
///
/// `rows.num_rows() + faults.len()` rows were read. Columns are the scan's fields in order, each in the carrier of its
/// logical type, plus a last `Utf8` column [`LOCATOR`] where the scan asked for one; or those of [`crate::packed`] where it
/// asked for packed rows.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Decoded rows.
    pub rows: RecordBatch,
    /// One entry per row that could not be decoded.
    pub faults: Vec<Fault>,
}

/// Name of the locator column: the row's physical address (`ctid`, `rowid`) as text; NULL where it has none.
pub const LOCATOR: &str = "\u{1}locator";

/// A row that cannot be carried, and why. Never holds a value of a column that is not part of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The row's key as `column=value, …`, or its position (`line 17`) where there is no key to tell.
    pub key: Option<String>,
    /// The column that does not fit.
    pub column: String,
    /// Why, without the value.
    pub reason: String,
}
