//! PostgreSQL's COPY, as a server might send it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::read_copy(bytes));
