//! A worker of a cluster: an agent that says what runs here and brings about what should, and the processes it starts,
//! one for each part in a job, since dataflow cannot outlive a panic.
//!
//! In reading order: [`agent`] and [`child`] (one process per worker), then what a child is: [`task`], its [`link`] to the head,
//! [`leases`] (splits under leases), [`conduct`] (it walks a job's stages), [`copy`] (it copies splits) and [`mesh`] (it checks
//! references together with others).
//!
//! **Invariant:** a process that cannot hold on to its leases ends, before they are given to others.

mod agent;
mod brief;
mod child;
mod conduct;
mod copy;
mod leases;
mod link;
mod mesh;
mod task;

pub use agent::{WorkerOptions, work};
pub(crate) use brief::Brief;
pub use mesh::{MeetOptions, check_host};
pub use task::{TaskOptions, carry_out};
