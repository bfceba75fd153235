//! A JSON cell: what has a canonical form has one only.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(canonical) = sensei_storage::canonicalize_json_text(text) {
        assert_eq!(sensei_storage::canonicalize_json_text(&canonical).as_ref(), Ok(&canonical));
    }
});
