//! Values of any storage class in SQLite columns of any type.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::foreign::read_sqlite_rows(bytes));
