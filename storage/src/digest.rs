//! The digest of a set of rows: a count and a sum of keyed hashes.
//!
//! It is MSet-Add-Hash of Clarke, Devadas, van Dijk, Gassend and Suh, "Incremental Multiset Hash Functions and Their
//! Application to Memory Integrity Checking", ASIACRYPT 2003, with keyed BLAKE3 as the hash. A sum keeps duplicates
//! apart, where XOR would cancel them, and subtracts, so `expected - actual` is zero exactly when both sides hold the
//! same rows.

use std::fmt;
use std::ops::{AddAssign, Neg, SubAssign};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Count and sum modulo 2^256 of row hashes. The difference of two digests is one too, with a signed count.
///
/// ```
/// use sensei_storage::Digest;
/// let (a, b) = (Digest::of_row([1; 32]), Digest::of_row([2; 32]));
/// let mut both = a;
/// both += b;
/// both -= a;
/// assert_eq!(both, b);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    /// Rows; negative in a difference where the subtracted side had more.
    pub rows: i64,
    /// Sum of the row hashes, little-endian limbs.
    sum: [u64; 4],
}

impl Digest {
    /// The digest of no rows.
    pub const ZERO: Digest = Digest { rows: 0, sum: [0; 4] };

    /// The digest of one row with this hash.
    pub fn of_row(hash: [u8; 32]) -> Digest {
        let mut sum = [0; 4];
        for (limb, bytes) in sum.iter_mut().zip(hash.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*bytes);
        }
        Digest { rows: 1, sum }
    }

    /// A digest that knows a count and nothing of the rows; compares counts only.
    pub fn of_count(rows: i64) -> Digest {
        Digest { rows, ..Digest::ZERO }
    }

    /// Whether this is the digest of no rows, so that two subtracted digests were equal.
    pub fn is_zero(&self) -> bool {
        *self == Digest::ZERO
    }

    /// The 32 bytes of the sum, least significant first, as hex.
    pub fn sum_hex(&self) -> String {
        let bytes: Vec<u8> = self.sum.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        hex::encode(bytes)
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Digest) {
        self.rows = self.rows.wrapping_add(other.rows);
        let mut carry = false;
        for (limb, add) in self.sum.iter_mut().zip(other.sum) {
            let (partial, first) = limb.overflowing_add(add);
            let (total, second) = partial.overflowing_add(u64::from(carry));
            *limb = total;
            carry = first || second;
        }
    }
}

impl Neg for Digest {
    type Output = Digest;

    fn neg(self) -> Digest {
        // Two's complement: invert, then add one.
        let mut negated = Digest { rows: self.rows.wrapping_neg(), sum: self.sum.map(|limb| !limb) };
        negated += Digest { rows: 0, sum: [1, 0, 0, 0] };
        negated
    }
}

impl SubAssign for Digest {
    fn sub_assign(&mut self, other: Digest) {
        *self += -other;
    }
}

/// `rows:hex`, the hex being the 32 bytes of the sum, least significant first.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rows, self.sum_hex())
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let parsed = text.split_once(':').and_then(|(rows, sum)| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(sum, &mut bytes).ok()?;
            Some(Digest { rows: rows.parse().ok()?, ..Digest::of_row(bytes) })
        });
        parsed.ok_or_else(|| "a digest is written as `rows:64 hex digits`".to_owned())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_across_limbs_and_wraps_at_256_bits() {
        let mut digest = Digest::of_row([0xff; 32]);
        digest += Digest { rows: 1, sum: [1, 0, 0, 0] };
        assert_eq!(digest, Digest { rows: 2, sum: [0; 4] });
    }

    #[test]
    fn a_digest_and_its_negative_cancel() {
        let mut digest = Digest::of_row([7; 32]);
        digest += -digest;
        assert!(digest.is_zero());
    }

    #[test]
    fn text_form_round_trips() {
        let digest = Digest::of_row(std::array::from_fn(|i| i as u8));
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
}
