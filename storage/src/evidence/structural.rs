//! What a certificate says of the target's schema: what was compared, and in what it is not as planned.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// The target's catalog beside the plan, after everything was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructuralFacts {
    /// How much was compared.
    pub compared: StructuralCounts,
    /// In what the target is not as planned; empty if in nothing.
    pub differences: Vec<StructuralDifference>,
}

/// How many planned things were looked for in the target's catalog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructuralCounts {
    /// Tables.
    pub tables: u64,
    /// Columns, each with all it has beyond its type.
    pub columns: u64,
    /// Primary keys.
    pub primary_keys: u64,
    /// Indexes and unique constraints.
    pub indexes: u64,
    /// Foreign keys.
    pub foreign_keys: u64,
    /// Check constraints.
    pub checks: u64,
    /// Objects beside the tables.
    pub objects: u64,
    /// Columns and sequences that number by themselves.
    pub numbers: u64,
}

/// One thing in the target that is not as planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructuralDifference {
    /// The thing, such as `column "b" of table "t"`.
    pub object: String,
    /// How it differs, such as `is missing`.
    pub what: String,
}

impl StructuralFacts {
    /// Whether the target is as planned.
    pub fn verdict(&self) -> Verdict {
        match self.differences.is_empty() {
            true => Verdict::Equivalent,
            false => Verdict::Different,
        }
    }
}
