//! What the table of types says of a system beyond what its own code tells: which native types to list, and which values
//! of a logical type it cannot hold.

use crate::types::LogicalType;

/// A native type as the table of types lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentedType {
    /// The type in its system's own words, an example where it has parameters.
    pub native: &'static str,
    /// What its columns are read as; `None` if they are not supported.
    pub logical: Option<LogicalType>,
    /// What else there is to say, as a clause; empty for nothing.
    pub note: &'static str,
}

impl DocumentedType {
    /// A type about which the system's code says all.
    pub(crate) fn new(native: &'static str, logical: Option<LogicalType>) -> DocumentedType {
        DocumentedType { native, logical, note: "" }
    }

    /// With a remark.
    pub(crate) fn note(self, note: &'static str) -> DocumentedType {
        DocumentedType { note, ..self }
    }
}
