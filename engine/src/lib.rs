//! Making it happen: lowers a plan onto timely, owns threads, budgets, retries and clocks; the `sensei` command line.
//!
//! In reading order: [`job`] (one run from plan to certificate) with `copying` (grants, outcomes, checkpoints) and `course` (how a split is read), the
//! `runtime` below it, `verify` and `compare` (two sides as they stand), `rejects` and `retry` (what was left behind),
//! `certify` and `report` (what is concluded), `assessment` (what can be known before all that), and the thin command
//! line.
//!
//! **Invariant:** nothing here looks into a row.

mod assessment;
mod cell;
mod certify;
mod cli;
mod clock;
pub mod cluster;
mod command;
mod compare;
mod context;
mod copying;
mod course;
mod crew;
mod dialect;
mod difference;
mod enumerator;
mod failure;
pub mod head;
mod inspect;
mod interrupt;
mod job;
mod large;
mod limits;
mod localise;
mod lower;
mod numbering;
mod pages;
mod plan_text;
mod progress;
mod proto;
mod random;
mod recount;
mod references;
mod rejects;
mod report;
mod retry;
mod runtime;
mod say;
mod schema;
mod state;
mod trace;
mod type_table;
mod verify;
mod walk;
mod worker;

pub use command::main;
pub use failure::Exit;
pub use pages::{codes, page};
