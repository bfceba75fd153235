//! Fifteen things that hurt the users of tools that move data, each brought about with real databases, and what
//! becomes of it here. The name of each test is the pain; its first lines say how it shows elsewhere.
//!
//! Knows nothing of change streams, which do not exist yet: three of the pains are theirs, and what a snapshot can
//! show of them is shown.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod ground;
mod keys;
mod loss;
mod mariadb;
mod midway;
mod schema;
mod size;
mod time;
mod values;
