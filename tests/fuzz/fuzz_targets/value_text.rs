//! The text of a value of any type, as CSV, SQLite and arrays hold it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::foreign::read_value(bytes));
