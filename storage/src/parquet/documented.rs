//! Parquet's share in the table of types.

use crate::types::LogicalType;

/// Which values of `logical` Parquet cannot hold, so that their rows are rejected; `None` if it holds all.
pub fn refuses(logical: &LogicalType) -> Option<&'static str> {
    match logical {
        LogicalType::Decimal { .. } => Some("NaN, where it is stored as a number"),
        _ => None,
    }
}
