//! The timely and differential operators, and the graphs made of them. In reading order: what travels (`event`), where
//! it enters and leaves (`port`), the operators, and the graphs: `cell` copies and verifies splits, `compare` compares
//! what two sides hold, `references` finds rows that refer to nothing, and `mesh` has several processes do so together.
//!
//! **Invariant:** no type of timely or differential appears in what this module exports.

mod cell;
mod compare;
mod difference;
mod digest;
mod event;
mod feed;
mod mesh;
mod port;
mod project;
mod readback;
mod references;
mod verdict;
mod write;

pub use cell::Cell;
pub use compare::{BUCKETS_PER_TABLE, Buckets, Comparer, Finding, Pass, RowHash, Side, SideFeed, Tally};
pub use event::{Committed, Counts, Feed, Lease, Outcome, Permit, Request, Rows};
pub use mesh::{Mesh, Rounds, Seat};
pub use port::{Inlet, InletSender, Outlet, inlet};
pub use references::{KeyColumns, KeyDealer, KeysSeen, OrphanFinding, OrphanSearch, Reference, Round};
