//! A record of a journal.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::foreign::read_journal(bytes));
