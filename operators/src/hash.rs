//! Keyed hashes of rows and the digests they add up to.

use arrow_array::RecordBatch;
use sensei_storage::{Digest, LogicalType};

use crate::encode::RowEncoder;

/// Hashes rows of one table under one job's key: keyed BLAKE3 over row-v1.
#[derive(Clone, Debug)]
pub struct RowHasher {
    key: [u8; 32],
    types: Vec<LogicalType>,
    identity: Vec<usize>,
    counts_only: bool,
}

impl RowHasher {
    /// `types`: the target columns in order. `identity`: indexes of the columns that tell rows apart (the primary
    /// key); empty where there is none, then the whole row does.
    pub fn new(key: [u8; 32], types: Vec<LogicalType>, identity: Vec<usize>) -> RowHasher {
        RowHasher { key, types, identity, counts_only: false }
    }

    /// Only counts rows: digests compare as equal when their counts do.
    pub fn counting(mut self) -> RowHasher {
        self.counts_only = true;
        self
    }

    /// The digest of all rows of a batch.
    pub fn digest(&self, rows: &RecordBatch) -> Digest {
        if self.counts_only {
            return Digest::of_count(rows.num_rows() as i64);
        }
        let mut digest = Digest::ZERO;
        self.for_each(rows, |_, hash| digest += Digest::of_row(hash));
        digest
    }

    /// Calls `visit(row, hash)` for every row of a batch.
    pub fn for_each(&self, rows: &RecordBatch, mut visit: impl FnMut(usize, [u8; 32])) {
        let encoder = RowEncoder::new(rows, &self.types);
        let mut bytes = Vec::with_capacity(512);
        for row in 0..rows.num_rows() {
            visit(row, self.hash(&encoder, row, &mut bytes));
        }
    }

    fn hash(&self, encoder: &RowEncoder<'_>, row: usize, scratch: &mut Vec<u8>) -> [u8; 32] {
        if encoder.is_large(row) {
            let mut hasher = blake3::Hasher::new_keyed(&self.key);
            encoder.encode_pieces(row, scratch, |piece| {
                hasher.update(piece);
            });
            return *hasher.finalize().as_bytes();
        }
        scratch.clear();
        encoder.encode(row, scratch);
        *blake3::keyed_hash(&self.key, scratch).as_bytes()
    }

    /// The hash of each row's identity. Two versions of one row share it, so they meet in the same bucket.
    pub fn identities(&self, rows: &RecordBatch) -> Vec<[u8; 32]> {
        let encoder = match self.identity.as_slice() {
            [] => RowEncoder::new(rows, &self.types),
            identity => RowEncoder::of_columns(rows, &self.types, identity),
        };
        let mut bytes = Vec::with_capacity(64);
        (0..rows.num_rows()).map(|row| self.hash(&encoder, row, &mut bytes)).collect()
    }

    /// Whether rows have an identity of their own (a key), apart from their whole content.
    pub fn has_identity(&self) -> bool {
        !self.identity.is_empty()
    }

    /// The target columns' types, in order.
    pub fn types(&self) -> &[LogicalType] {
        &self.types
    }

    /// Indexes of the identity columns.
    pub fn identity(&self) -> &[usize] {
        &self.identity
    }
}

/// First eight bytes of a hash, as a number.
pub fn prefix(hash: &[u8; 32]) -> u64 {
    u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}
