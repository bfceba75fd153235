//! A certificate: the file as it is, and a statement that somebody signed. What contradicts itself is never accepted.

#![no_main]

use sensei_storage::evidence::{SigningKey, Statement, contradictions, issue, verify};

/// Any key will do: RFC 8410, section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = verify(bytes, None);
    let Ok(statement) = serde_json::from_slice::<Statement>(bytes) else { return };
    let sound = contradictions(&statement).is_empty();
    let key = SigningKey::from_pem(KEY, "a key").expect("a key");
    if let Ok(file) = issue(statement.predicate, &key) {
        assert!(verify(&file, Some(&key.public())).trusted, "what was issued is accepted");
    } else {
        assert!(!sound, "what is sound is issued");
    }
});
