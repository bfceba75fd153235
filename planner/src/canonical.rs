//! One way to write a JSON value, whatever order its keys came in, so that equal values have equal hashes.

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The same value with the keys of every object sorted by code point.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// Canonical JSON of `value`: keys sorted, no white space.
pub(crate) fn text(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("plain data with text keys has a JSON form");
    sorted(value).to_string()
}

/// SHA-256 of the canonical JSON of `value`, in hexadecimal.
pub(crate) fn sha256(value: &impl Serialize) -> String {
    hex::encode(Sha256::digest(text(value)))
}
