//! PostgreSQL's COPY, as a server might send it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::foreign::read_copy(bytes));
