//! Shapes, in MySQL's own form and as EWKB.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sensei_storage::testing::foreign::read_shape(bytes));
