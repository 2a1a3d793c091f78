// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Bytes of strings and the like, apart from the rows that point at them.
//!
//! ```text
//!   length (8 bytes) │ bytes │ length │ bytes │ …
//!                              ▲ a row's cell holds this place
//! ```
//!
//! Bytes are only added; those that no row points at any more are left behind when the owner copies the others to a new arena.

const LENGTH: usize = size_of::<u64>();
/// So many bytes may be waste before an arena is looked at.
const SLACK: usize = 1 << 12;

/// The bytes of a stripe's rows.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    pub(crate) bytes: Vec<u8>,
    /// Bytes that rows point at.
    live: usize,
}

impl Arena {
    /// Adds a record, and tells where it is.
    pub(crate) fn push(&mut self, value: &[u8]) -> u64 {
        let place = self.bytes.len() as u64;
        self.bytes
            .extend_from_slice(&(value.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(value);
        self.live += LENGTH + value.len();
        place
    }

    /// No row points at this record any more.
    pub(crate) fn release(&mut self, place: u64) {
        self.live -= LENGTH + record(&self.bytes, place).len();
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.live = 0;
    }

    /// Whether more than half is waste.
    pub(crate) fn is_wasteful(&self) -> bool {
        self.bytes.len() > 2 * self.live + SLACK
    }
}

/// The record at a place.
#[inline(always)]
pub(crate) fn record(bytes: &[u8], place: u64) -> &[u8] {
    let start = place as usize + LENGTH;
    let mut length = [0; LENGTH];
    length.copy_from_slice(&bytes[start - LENGTH..start]);
    &bytes[start..start + u64::from_le_bytes(length) as usize]
}
