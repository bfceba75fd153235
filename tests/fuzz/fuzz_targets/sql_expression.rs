//! Expressions out of catalogs: defaults, checks, generated columns, and what becomes of them in another system.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_planner::foreign::read_expression(bytes));
