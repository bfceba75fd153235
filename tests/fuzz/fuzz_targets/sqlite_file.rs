//! An SQLite database file.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_fuzz::read_file("sqlite", ".db", bytes));
