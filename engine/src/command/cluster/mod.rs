//! The cluster's commands.

mod access;
mod certs;
mod head;
mod job;
mod pools;
mod show;
mod up;
mod variables;
mod worker;

pub use access::{audit, token};
pub use certs::certs;
pub use head::head;
pub use job::job;
pub use show::pool;
pub use up::up;
pub use worker::{task, worker};
