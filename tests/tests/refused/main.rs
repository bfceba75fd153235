//! Rows that the target refuses: found one by one, kept in the rejects folder, counted everywhere, tried again.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod ground;
mod interrupted;
mod isolated;
mod masked;
mod retried;
