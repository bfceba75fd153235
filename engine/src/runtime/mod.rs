//! Owns threads and tasks: timely workers on threads of their own, everything that waits for I/O on tokio. In reading
//! order: the memory [`budget`], the [`lane`] that carries one split, [`isolate`] for a split that was refused, the
//! [`worker`] that keeps its lanes busy.

mod budget;
mod isolate;
mod lane;
mod panic;
mod worker;

pub use budget::{LaneBudget, LargeBudget};
pub use lane::{LaneContext, SplitWork, pump};
pub use panic::end_process_on_panic;
pub use worker::{Event, Workers};
