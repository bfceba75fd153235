//! The rows of one split that the target refused. They are known by their hashes, since a second reading of the split
//! may bring its rows in another order; of equal rows any will do.

use std::collections::HashMap;
use std::sync::Arc;

/// How the target refused a row, without its values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The column that does not fit, where the target names one.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
}

/// Rows to leave out when a split is written.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    rows: HashMap<[u8; 32], Vec<Arc<Refusal>>>,
    count: u64,
}

impl Refusals {
    /// Adds one row.
    pub fn add(&mut self, hash: [u8; 32], refusal: Arc<Refusal>) {
        self.rows.entry(hash).or_default().push(refusal);
        self.count += 1;
    }

    /// Rows that were not met yet.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Why the row with this hash is left out; `None` if it stays. Each refused row is met once.
    pub(crate) fn meet(&mut self, hash: &[u8; 32]) -> Option<Arc<Refusal>> {
        let refusal = self.rows.get_mut(hash)?.pop()?;
        self.count -= 1;
        Some(refusal)
    }
}
