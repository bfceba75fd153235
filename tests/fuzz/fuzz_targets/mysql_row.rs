//! Rows of MySQL's binary protocol, as a server might send them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::foreign::read_mysql_rows(bytes));
