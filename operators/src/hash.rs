//! Keyed hashes of rows and the digests they add up to.

use arrow_array::{Array, BinaryArray, RecordBatch};
use sensei_storage::{Digest, LogicalType, packed};

use crate::blake::{Hashes, Inputs};
use crate::encode::RowEncoder;

/// Bytes of rows that are encoded before they are hashed together: they stay in the processor's cache, and most rows find
/// enough others of their length.
const WINDOW_BYTES: usize = 64 << 10;
/// Rows that are hashed together at the most.
const WINDOW_ROWS_MAX: usize = 512;

/// Hashes rows of one table under one job's key: keyed BLAKE3 over row-v2.
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

    /// Whether rows are counted and nothing more.
    pub fn counts_only(&self) -> bool {
        self.counts_only
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

    /// Calls `visit(row, hash)` for every row of a batch, in order.
    pub fn for_each(&self, rows: &RecordBatch, visit: impl FnMut(usize, [u8; 32])) {
        if let Some(canonical) = packed::canonical(rows) {
            return self.hash_packed(canonical, visit);
        }
        self.hash(&RowEncoder::new(rows, &self.types), rows.num_rows(), visit);
    }

    fn hash(&self, encoder: &RowEncoder<'_>, row_count: usize, mut visit: impl FnMut(usize, [u8; 32])) {
        if encoder.has_large() {
            let mut scratch = Vec::new();
            return (0..row_count).for_each(|row| visit(row, self.hash_in_pieces(encoder, row, &mut scratch)));
        }
        let (mut hashes, mut visited) = (Hashes::new(self.key), 0);
        let (mut bytes, mut offsets) = (Vec::new(), vec![0_i64]);
        for row in 0..row_count {
            encoder.encode(row, &mut bytes);
            offsets.push(bytes.len() as i64);
            if bytes.len() >= WINDOW_BYTES || offsets.len() > WINDOW_ROWS_MAX || row + 1 == row_count {
                hashes.of(Inputs { bytes: &bytes, offsets: &offsets }, |hash| {
                    visit(visited, hash);
                    visited += 1;
                });
                bytes.clear();
                offsets.truncate(1);
            }
        }
    }

    /// Of canonical bytes that are there already.
    fn hash_packed(&self, canonical: &BinaryArray, mut visit: impl FnMut(usize, [u8; 32])) {
        let (bytes, offsets) = (canonical.value_data(), canonical.value_offsets());
        let (mut hashes, mut visited) = (Hashes::new(self.key), 0);
        for start in (0..canonical.len()).step_by(WINDOW_ROWS_MAX) {
            let end = canonical.len().min(start + WINDOW_ROWS_MAX);
            hashes.of(Inputs { bytes, offsets: &offsets[start..=end] }, |hash| {
                visit(visited, hash);
                visited += 1;
            });
        }
    }

    /// Without a copy of large values.
    fn hash_in_pieces(&self, encoder: &RowEncoder<'_>, row: usize, scratch: &mut Vec<u8>) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        encoder.encode_pieces(row, scratch, |piece| {
            hasher.update(piece);
        });
        *hasher.finalize().as_bytes()
    }

    /// Calls `visit(row, identity, hash)` for every row of a batch, in order. Two versions of one row share the hash of
    /// their identity; a row without a key is its own.
    pub fn for_each_identified(&self, rows: &RecordBatch, mut visit: impl FnMut(usize, &[u8; 32], &[u8; 32])) {
        if self.identity.is_empty() {
            return self.for_each(rows, |row, hash| visit(row, &hash, &hash));
        }
        let identities = self.identities(rows);
        self.for_each(rows, |row, hash| visit(row, &identities[row], &hash));
    }

    /// The hash of each row's identity.
    pub fn identities(&self, rows: &RecordBatch) -> Vec<[u8; 32]> {
        let mut identities = Vec::with_capacity(rows.num_rows());
        let whole = || packed::canonical(rows).filter(|_| self.identity.is_empty());
        if let Some(canonical) = packed::identity(rows).or_else(whole) {
            self.hash_packed(canonical, |_, hash| identities.push(hash));
            return identities;
        }
        let encoder = match self.identity.as_slice() {
            [] => RowEncoder::new(rows, &self.types),
            identity => RowEncoder::of_columns(rows, &self.types, identity),
        };
        self.hash(&encoder, rows.num_rows(), |_, hash| identities.push(hash));
        identities
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
