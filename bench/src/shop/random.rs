//! A small seeded generator (SplitMix64; Steele, Lea and Flood, 2014): the same numbers on every machine.

/// A stream of numbers fixed by its seed.
pub struct Random(u64);

impl Random {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included. Slightly uneven for huge spans, which does not matter here.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        assert!(low <= high, "an empty range");
        let span = (high - low) as u64 + 1;
        low + (self.bits() % span) as i64
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// One of `choices`.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.between(0, choices.len() as i64 - 1) as usize]
    }

    /// A low number more often than a high one: popular products, loyal customers.
    pub fn skewed(&mut self, low: i64, high: i64) -> i64 {
        self.between(low, high).min(self.between(low, high))
    }

    /// `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }

    /// A version 4 UUID in its usual text form.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.bits(), self.bits());
        let version = (high & 0xFFF) | 0x4000;
        let variant = ((low >> 48) & 0x3FFF) | 0x8000;
        let (first, second, last) = (high >> 32, (high >> 16) & 0xFFFF, low & 0xFFFF_FFFF_FFFF);
        format!("{first:08x}-{second:04x}-{version:04x}-{variant:04x}-{last:012x}")
    }
}
