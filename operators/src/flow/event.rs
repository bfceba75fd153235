//! What travels along the edges of the graph, and what enters and leaves it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use sensei_storage::{Batch, Commit, Digest};
use serde::{Deserialize, Serialize};

use crate::refusal::Refusals;
use crate::reject::Rejected;

/// Number of a lease, the graph's timestamp: one split handed to this worker. Increases per worker.
pub type Lease = u64;

/// Held by every batch in flight; its budget is free again when the last holder drops it.
pub type Permit = Arc<dyn Any + Send + Sync>;

/// What a reader outside the graph sends in.
pub enum Feed {
    /// A lease begins. Leases of one worker open in ascending order.
    Open {
        /// The lease.
        lease: Lease,
        /// Index of the split's table.
        table: u32,
        /// Rows the target is known to refuse.
        refused: Refusals,
    },
    /// Rows of an open lease.
    Rows {
        /// The lease.
        lease: Lease,
        /// The rows.
        batch: Batch,
        /// Budget of these rows.
        permit: Permit,
    },
    /// No more rows for this lease. A feed that ends without it never counts as complete.
    Close {
        /// The lease.
        lease: Lease,
    },
}

/// Rows, or the record that closes a split in band.
#[derive(Clone)]
pub(crate) enum Event {
    Rows { table: u32, rows: Rows },
    Close { table: u32, counts: Counts },
}

/// A batch with its budget.
#[derive(Clone)]
pub struct Rows {
    /// The rows.
    pub batch: RecordBatch,
    /// Their budget.
    pub permit: Permit,
}

/// What became of the rows of one split between reading and writing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows the `where` condition left out.
    pub filtered: u64,
    /// Rows that had to be carried: passed on or rejected.
    pub read: u64,
    /// Rows that do not fit the target.
    pub rejected: u64,
    /// Rows sent to the writer.
    pub passed: u64,
    /// Rows changed by declared lossy rules, by target column.
    pub lossy: BTreeMap<String, u64>,
}

/// What the graph asks of the world outside.
pub enum Request {
    /// Write these rows.
    Write {
        /// The lease.
        lease: Lease,
        /// The rows.
        rows: Rows,
    },
    /// Every row of the lease was sent: commit, if the target took exactly this many.
    Commit {
        /// The lease.
        lease: Lease,
        /// Rows sent.
        rows: u64,
    },
    /// Read back what this lease committed and feed it to the read-back inlet.
    ReadBack {
        /// The lease.
        lease: Lease,
        /// What to read.
        commit: Commit,
    },
    /// Rows that were rejected.
    Reject {
        /// The lease.
        lease: Lease,
        /// Why, row by row.
        rejected: Vec<Rejected>,
        /// Budget of the batch they came from.
        permit: Permit,
    },
    /// The lease is complete.
    Done(Outcome),
    /// The lease is complete, and nothing came of it: the target refused a row.
    Refused {
        /// The lease.
        lease: Lease,
    },
}

/// Answer to [`Request::Commit`].
pub struct Committed {
    /// The lease.
    pub lease: Lease,
    /// The commit; `None` if the target refused a row, so that there is none.
    pub commit: Option<Commit>,
    /// The actual digest where it is known already, so that nothing is read back: a split verified earlier whose
    /// source is read once more.
    pub known: Option<Digest>,
    /// What the commit's rows sum up to, where somebody else read them from the source and wrote them, and nothing came in
    /// under this lease.
    pub owed: Option<Digest>,
}

/// Everything counted about one completed lease.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The lease.
    pub lease: Lease,
    /// Rows on the way in.
    pub counts: Counts,
    /// The commit.
    pub commit: Commit,
    /// Digest of what should be in the target.
    pub expected: Digest,
    /// Digest of what is there, read back.
    pub actual: Digest,
    /// `expected - actual`, as the difference operator found it; zero means equal.
    pub difference: Digest,
}
