// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Bytes that decide.

/// Takes decisions from bytes; zeros once there are none left.
#[derive(Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    /// Less than `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }

    /// True of so many of 256 bytes.
    pub(super) fn chance(&mut self, of: u8) -> bool {
        self.byte() >= 255 - of
    }

    pub(super) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// Mostly a small number, so that numbers meet; now and then any, and the ends of the range.
    pub(super) fn number(&mut self) -> i64 {
        match self.byte() {
            small @ 0..=229 => i64::from(small % 7) - 1,
            230..=235 => i64::MIN,
            236..=241 => i64::MAX,
            242..=248 => i64::MIN + i64::from(self.byte()),
            _ => i64::from_le_bytes(std::array::from_fn(|_| self.byte())),
        }
    }

    /// Some of the items, in another order.
    pub(super) fn some<T: Clone>(&mut self, items: &[T]) -> Vec<T> {
        let mut left = items.to_vec();
        let mut taken = Vec::new();
        for _ in 0..self.below(items.len() + 1) {
            taken.push(left.remove(self.below(left.len())));
        }
        taken
    }
}
