//! What happens to data in flight.
//!
//! In reading order: the canonical bytes of a row ([`encode`]) and their digests ([`RowHasher`]), the transformation of
//! one table's rows ([`Projection`]: [`Expression`], [`Mask`], [`Cast`], checks), and the dataflow graphs made of them
//! ([`Cell`] to copy and verify, [`Comparer`] to compare, [`OrphanSearch`] to find what refers to nothing).
//!
//! **Invariant:** nothing here knows of SQL dialects, plans, files or clocks, and no type of timely or differential
//! appears in a public interface.

mod blake;
mod cast;
mod chain;
mod check;
mod clean;
pub mod encode;
mod expression;
mod fault;
mod flow;
mod hash;
mod mask;
mod pick;
mod present;
mod project;
mod refusal;
mod reject;
mod times;

pub use cast::Cast;
pub use clean::Cleaning;
pub use expression::{Expression, ExpressionError};
pub use flow::{
    BUCKETS_PER_TABLE, Buckets, Cell, Committed, Comparer, Counts, Feed, Finding, Inlet, InletSender, KeyColumns,
    KeyDealer, KeysSeen, Lease, Mesh, OrphanFinding, OrphanSearch, Outcome, Outlet, Pass, Permit, Reference, Request,
    Round, Rounds, RowHash, Rows, Seat, Side, SideFeed, Tally, inlet,
};
pub use hash::RowHasher;
pub use mask::Mask;
pub use pick::KeyPicker;
pub use project::{ColumnSpec, Input, Projected, Projection};
pub use refusal::{Refusal, Refusals};
pub use reject::{Rejected, RowImage};
pub use times::{Clock, Step, Times};
