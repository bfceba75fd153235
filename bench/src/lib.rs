//! What the measurements and the quickstart stand on.
//!
//! In reading order: [`shop`] writes the shop database that the quickstart copies; [`kernels`] are the hot loops alone;
//! `scenario` says what is run beside what, on the servers and data of `ground`, with the tools `peers` finds; `measure`
//! runs a command; [`record`] is what was measured, `render`, `chart` and `plot` make pages of it; [`run`] is the command line.
//!
//! **Invariant:** pages are made of records alone, so a scenario measured later leaves the others as they were.

mod chart;
mod command;
mod ground;
pub mod kernels;
mod measure;
mod peers;
mod plot;
pub mod record;
mod render;
mod scenario;
pub mod shop;

pub use command::{Arguments, run};
