//! Keyed-hash masking: the same value gives the same mask under the same key, and only the key's holder can link them.

use arrow_array::{Array, ArrayRef, StringArray};
use sensei_storage::{LogicalType, text};
use std::sync::Arc;

/// A keyed hash over a column's canonical text.
#[derive(Clone)]
pub struct Mask {
    key: [u8; 32],
}

/// Never shows the key.
impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mask(keyed hash)")
    }
}

impl Mask {
    /// Derives the hash key from a secret of any length, by BLAKE3's key derivation.
    pub fn keyed_hash(secret: &str) -> Mask {
        Mask { key: blake3::derive_key("sensei 2026-11-21 keyed_hash mask v1", secret.as_bytes()) }
    }

    /// Replaces each value by 64 hex digits; NULL stays NULL.
    pub fn apply(&self, array: &ArrayRef, logical: &LogicalType) -> ArrayRef {
        let mut rendered = String::new();
        let masked = (0..array.len()).map(|row| {
            array.is_valid(row).then(|| {
                rendered.clear();
                text::render(logical, array, row, &mut rendered);
                blake3::keyed_hash(&self.key, rendered.as_bytes()).to_hex().to_string()
            })
        });
        Arc::new(masked.collect::<StringArray>())
    }
}
