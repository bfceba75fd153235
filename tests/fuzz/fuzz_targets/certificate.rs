//! A certificate.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = sensei_storage::evidence::verify(bytes, None);
});
