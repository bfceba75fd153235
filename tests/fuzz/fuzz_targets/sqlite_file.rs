//! An SQLite database file.

#![no_main]

use sensei_storage::CsvOptions;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_fuzz::read_file("sqlite", ".db", CsvOptions::default(), bytes));
