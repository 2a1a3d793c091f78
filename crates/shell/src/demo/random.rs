// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Numbers that look random and are the same every time (SplitMix64).

/// A fixed sequence of numbers.
#[derive(Debug)]
pub(super) struct Sequence(u64);

impl Sequence {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A whole number in `0..bound`.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        // The high bits scaled down: at most 2^32 * bound, whose upper half is below bound.
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }

    /// A number in `low..high` with four decimals.
    pub(super) fn rate(&mut self, low: f64, high: f64) -> f64 {
        let fraction = f64::from(self.below(1_000_000)) / 1_000_000.0;
        ((low + fraction * (high - low)) * 10_000.0).round() / 10_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_fixed_and_bounded() {
        let (mut one, mut two) = (Sequence::new(7), Sequence::new(7));
        for _ in 0..1_000 {
            let number = one.below(10);
            assert_eq!(number, two.below(10));
            assert!(number < 10);
            let rate = one.rate(0.25, 0.75);
            assert_eq!(rate, two.rate(0.25, 0.75));
            assert!((0.25..=0.75).contains(&rate));
        }
    }
}
