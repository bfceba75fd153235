//! The unit of work, of commit, of verification and of resume.

use serde::{Deserialize, Serialize};

/// A split's number within its job, dense from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SplitId(pub u32);

/// One disjoint piece of one source table. The splits of a table cover every row, also rows added later at either end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Number within the job.
    pub id: SplitId,
    /// Index of the table in the plan.
    pub table: u32,
    /// Which rows.
    pub range: Range,
    /// Rows, estimated; orders the work and feeds progress only.
    pub rows_estimate: u64,
    /// Encoded bytes, estimated likewise.
    pub bytes_estimate: u64,
}

/// Which rows of a table, in terms of its own system. Lower bounds are inclusive, upper bounds exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Range {
    /// The whole table.
    Whole,
    /// Rows whose key columns, compared as a row value in the system's own order, lie between two keys.
    Keys {
        /// Key columns in key order.
        columns: Vec<String>,
        /// First key, as text the system casts to the column's type; `None` for open.
        lower: Option<Vec<String>>,
        /// Key after the last; `None` for open.
        upper: Option<Vec<String>>,
    },
    /// PostgreSQL heap blocks.
    Blocks {
        /// First block.
        start: u64,
        /// Block after the last; `None` for all that follow.
        end: Option<u64>,
    },
    /// SQLite rowids.
    RowIds {
        /// First rowid; `None` for open.
        start: Option<i64>,
        /// Rowid after the last; `None` for open.
        end: Option<i64>,
    },
    /// Row groups of one Parquet file.
    RowGroups {
        /// File, relative to the endpoint.
        file: String,
        /// First row group.
        start: u64,
        /// Row group after the last.
        end: u64,
    },
    /// Bytes of one CSV file; both ends are record boundaries.
    Bytes {
        /// File, relative to the endpoint.
        file: String,
        /// Offset of the first record's first byte.
        start: u64,
        /// Offset after the last record's end.
        end: u64,
        /// Number of the first record's line in the file, from 1, for messages.
        first_line: u64,
    },
}

/// Places of a table that a sample is taken from at the most: enough to meet what changed over its life, few enough to
/// cost little more than reading as many rows in one go.
pub const SAMPLE_PLACES_MAX: u64 = 8;

/// How large splits should be.
#[derive(Clone, Copy, Debug)]
pub struct Sizing {
    /// Encoded bytes a split should hold.
    pub split_bytes: u64,
    /// Splits of one table at the most.
    pub splits_max: u32,
}

impl Sizing {
    /// How many splits a table of `bytes` should have: one for a small table, and for a table worth cutting enough
    /// that none holds much more than a twentieth (so that the last one does not leave workers idle).
    pub fn split_count(&self, bytes: u64) -> u32 {
        if bytes <= self.split_bytes / 4 {
            return 1;
        }
        let by_size = bytes.div_ceil(self.split_bytes.max(1));
        let count = if by_size > 1 { by_size.max(20) } else { 1 };
        u32::try_from(count).unwrap_or(u32::MAX).min(self.splits_max)
    }
}

/// One range with its estimated size, as a connector proposes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which rows.
    pub range: Range,
    /// Rows, estimated.
    pub rows_estimate: u64,
    /// Encoded bytes, estimated.
    pub bytes_estimate: u64,
}
