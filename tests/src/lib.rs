//! What the end-to-end tests stand on: real servers and the real binary, started for one test and gone after it.
//!
//! In reading order: [`Sensei`] runs the binary in a folder of its own, [`postgres::Server`] and [`mysql::Server`]
//! are a PostgreSQL and a MariaDB on private sockets, [`s3::Server`] an S3 API on loopback, [`corpora`] finds databases that others wrote, [`tpch`]
//! makes large tables, [`cluster::Cluster`] is heads and workers that may be killed, [`head::Head`] is a head as a client
//! sees it, [`Random`] makes choices that a seed repeats, and a [`Finding`] is what a comparison says of a row.
//!
//! **Invariant:** nothing here outlives the process that started it, even when that process is killed, and nothing
//! waits without a [`Deadline`].

mod account;
pub mod cluster;
pub mod corpora;
mod deadline;
mod finding;
pub mod head;
mod keeper;
pub mod mysql;
pub mod postgres;
mod process;
mod random;
pub mod s3;
mod sensei;
pub mod simulation;
pub mod tpch;

pub use deadline::Deadline;
pub use finding::{Finding, read_report};
pub use random::Random;
pub use sensei::{Outcome, Running, Sensei};
