//! Repeatable randomness: every test that uses it prints its seed, and `SENSEI_SEED` runs it again with the same one.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::time::Duration;

/// A sequence of numbers that its seed alone decides (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from `$SENSEI_SEED`, from a seed of this process's own if that is `random`, or else from the test's own seed, the
    /// same in every run: what is landed must not depend on luck. Prints it, so that a failure shows it.
    ///
    /// # Panics
    /// If `SENSEI_SEED` is neither a number nor `random`.
    #[expect(clippy::print_stderr, reason = "a failure must show its seed")]
    pub fn announced(test: &str) -> Random {
        let seed = match std::env::var("SENSEI_SEED") {
            Ok(seed) if seed == "random" => RandomState::new().hash_one(test),
            Ok(seed) => seed.parse().unwrap_or_else(|error| panic!("SENSEI_SEED {seed:?}: {error}")),
            Err(_) => BuildHasherDefault::<DefaultHasher>::default().hash_one(test),
        };
        eprintln!("{test}: SENSEI_SEED={seed}");
        Random::of(seed)
    }

    /// Starts from `seed`.
    pub fn of(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; the bias is far below what a test could see.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "nothing lies below 0");
        (self.bits() % bound as u64) as usize
    }

    /// A duration from zero to `longest`, which is less than an age.
    pub fn moment(&mut self, longest: Duration) -> Duration {
        longest.mul_f64((self.bits() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len())]
    }

    /// Puts `items` in any order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let sequence = |seed| {
            let mut random = Random::of(seed);
            let mut items: Vec<usize> = (0..20).collect();
            random.shuffle(&mut items);
            (items, random.bits())
        };
        assert_eq!(sequence(7), sequence(7));
        assert_ne!(sequence(7), sequence(8));
        let mut sorted = sequence(7).0;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
}
