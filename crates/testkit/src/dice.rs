// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Chance, from a seed.

use std::ops::RangeInclusive;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// A seeded source of chance.
#[derive(Debug)]
pub(crate) struct Dice(StdRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// True in so many of a hundred throws.
    pub(crate) fn percent(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    pub(crate) fn within(&mut self, range: RangeInclusive<usize>) -> usize {
        self.0.random_range(range)
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.0.random_range(0..items.len())]
    }

    /// One of the items; each is so likely as its weight says.
    pub(crate) fn weighted<T: Clone>(&mut self, items: &[(u32, T)]) -> T {
        let total: u32 = items.iter().map(|(weight, _)| weight).sum();
        let mut left = self.0.random_range(0..total);
        for (weight, item) in items {
            if left < *weight {
                return item.clone();
            }
            left -= weight;
        }
        items[0].1.clone()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }

    /// Between `least` and all of the items, in any order.
    pub(crate) fn some<T: Clone>(&mut self, items: &[T], least: usize) -> Vec<T> {
        let mut items = items.to_vec();
        self.shuffle(&mut items);
        let count = self.within(least.min(items.len())..=items.len());
        items.truncate(count);
        items
    }

    /// How often a column is NULL, in percent.
    pub(crate) fn null_share(&mut self) -> u32 {
        self.weighted(&[(45, 0), (30, 10), (20, 35), (5, 100)])
    }
}
