//! Owns threads and tasks: timely workers on threads of their own, everything that waits for I/O on tokio. In reading
//! order: the memory [`budget`], what is [`timed`], the [`lane`] that carries one split, [`isolate`] for a split that was refused, the
//! [`worker`] that keeps its lanes busy.

mod budget;
mod isolate;
mod lane;
mod panic;
mod timed;
mod worker;

pub use budget::{LaneBudget, LargeBudget};
pub use lane::{LaneContext, ReadBack, SplitWork, pump};
pub use panic::end_process_on_panic;
pub use timed::{Booking, timed};
pub use worker::{Event, Workers};
