//! The rows of one split that the target refused. They are known by their hashes, since a second reading of the split
//! may bring its rows in another order; of equal rows any will do.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How the target refused a row, without its values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// The column that does not fit, where the target names one.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
}

/// Rows to leave out when a split is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Refused>", into = "Vec<Refused>")]
pub struct Refusals {
    rows: HashMap<[u8; 32], Vec<Arc<Refusal>>>,
    count: u64,
}

/// One refused row, as it travels between processes.
#[derive(Serialize, Deserialize)]
struct Refused {
    hash: [u8; 32],
    refusal: Refusal,
}

impl From<Vec<Refused>> for Refusals {
    fn from(rows: Vec<Refused>) -> Refusals {
        let mut refusals = Refusals::default();
        rows.into_iter().for_each(|row| refusals.add(row.hash, Arc::new(row.refusal)));
        refusals
    }
}

impl From<Refusals> for Vec<Refused> {
    fn from(refusals: Refusals) -> Vec<Refused> {
        let one = |hash| move |refusal: Arc<Refusal>| Refused { hash, refusal: Arc::unwrap_or_clone(refusal) };
        refusals.rows.into_iter().flat_map(|(hash, rows)| rows.into_iter().map(one(hash))).collect()
    }
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
