//! Expected minus actual, as a differential collection. Any abelian group may be a difference; here it is the digest,
//! so that a split's two sides cancel exactly when they hold the same rows.

use differential_dataflow::difference::{Abelian, IsZero, Monoid, Semigroup};
use sensei_storage::Digest;
use serde::{Deserialize, Serialize};

/// A digest as a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Difference(pub Digest);

impl IsZero for Difference {
    fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

impl Semigroup for Difference {
    fn plus_equals(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

impl Monoid for Difference {
    fn zero() -> Self {
        Difference(Digest::ZERO)
    }
}

impl Abelian for Difference {
    fn negate(&mut self) {
        self.0 = -self.0;
    }
}
