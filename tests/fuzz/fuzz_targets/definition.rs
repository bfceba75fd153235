//! Definitions out of catalogs: SQLite's statements, the type texts of every database.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| sensei_storage::testing::foreign::read_definition(text));
