//! A Parquet file. The decoder may panic where the product catches it; any other panic is a finding.

#![no_main]

use std::panic;

use sensei_storage::{CsvOptions, parquet};

fn let_caught_panics_pass() {
    let fatal = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !parquet::is_guarded() {
            fatal(info);
        }
    }));
}

libfuzzer_sys::fuzz_target!(
    init: let_caught_panics_pass(),
    |bytes: &[u8]| sensei_fuzz::read_file("parquet", ".parquet", CsvOptions::default(), bytes)
);
