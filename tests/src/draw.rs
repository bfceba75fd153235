//! Random choices that can be made again: a test prints its seed, and the seed repeats the test.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Variable that holds the seed to repeat.
const SEED: &str = "SENSEI_SEED";

/// A seeded stream of choices (SplitMix64: Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Draw {
        Draw { state: seed }
    }

    /// A seed to print: `$SENSEI_SEED`, or another one each time.
    ///
    /// # Panics
    /// If the variable holds no number.
    pub fn seed() -> u64 {
        match std::env::var(SEED) {
            Ok(seed) => seed.parse().unwrap_or_else(|error| panic!("{SEED}: {error}")),
            Err(_) => RandomState::new().build_hasher().finish() % 1_000_000,
        }
    }

    /// A number from 0 up to, not including, `bound`, which is small beside 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// A duration from zero to `longest`, to the microsecond.
    pub fn moment(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).expect("tests take less than an age");
        Duration::from_micros(self.below(micros + 1))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices() {
        let choices = |seed| {
            let mut draw = Draw::new(seed);
            (0..100).map(|_| draw.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
        assert!((0..10).all(|digit| choices(7).contains(&digit)));
    }
}
