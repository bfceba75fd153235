//! Sensei is killed at any instant, and the same command goes on: it ends `equivalent`, and the target holds exactly
//! the source's rows.
//!
//! In reading order: `ground` is one copy to be made and checked by SQL, `killed` kills it at random moments, `changed`
//! also writes to the source meanwhile, `lost` kills the target's server, `journal` stops at every write of the
//! journal, `fenced` lets two runs meet. Choices are drawn from a seed that each test prints; `SENSEI_SEED` repeats it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(clippy::print_stderr, reason = "a failed test shows its seed")]

mod changed;
mod fenced;
mod ground;
mod journal;
mod killed;
mod lost;
