// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From a feature row to the one slot of its key that it may lead.
//!
//! ```text
//!   slots of the key   3 ────── 5 ────── 9
//!   row available at 4          ▲ the first that is not before it
//! ```
//!
//! Whether a row has a slot, and is young enough for it, is as good as random from one row to the next. So the usual walk has no
//! branch that depends on it: every row writes its candidate, and only those that stay move the end on.

use super::prefetch::prefetch;
use super::probe::{Candidate, Hit};
use super::time::Ttl;

/// How many rows ahead cache lines are asked for.
pub(super) const AHEAD: usize = 16;
/// Keys with fewer slots are searched in [`STEPS`].
const FEW: usize = 16;
const STEPS: [usize; 4] = [8, 4, 2, 1];

/// Rows whose key has slots, and what the walk writes.
pub(super) struct Walk<'a> {
    pub(super) times: &'a [i64],
    pub(super) hits: &'a [Hit],
    pub(super) events: &'a [i64],
    pub(super) candidates: &'a mut Vec<Candidate>,
}

impl Walk<'_> {
    /// The walk where a row is available at its event time, counted in the unit of the slots. Rows older than `ttl` before their slot
    /// are dropped; returns how many.
    pub(super) fn by_event(self, ttl: Option<i64>) -> usize {
        let Self {
            times,
            hits,
            events,
            candidates,
        } = self;
        let Some(last) = times.len().checked_sub(1) else {
            return 0;
        };
        candidates.resize(hits.len(), Candidate::default());
        let (mut kept, mut expired) = (0, 0);
        for (at, hit) in hits.iter().enumerate() {
            if let Some(next) = hits.get(at + AHEAD) {
                // A key's slots may lie in two cache lines.
                prefetch(times, next.start as usize);
                prefetch(times, next.end as usize - 1);
            }
            let event = events[hit.row as usize];
            let slot = first_at_or_after(times, hit, event);
            let found = slot < hit.end;
            let oldest = match ttl {
                Some(ttl) => times[(slot as usize).min(last)].saturating_sub(ttl),
                None => i64::MIN,
            };
            let old = event < oldest;
            expired += usize::from(found & old);
            candidates[kept] = Candidate { slot, row: hit.row };
            kept += usize::from(found & !old);
        }
        candidates.truncate(kept);
        expired
    }

    /// The walk where rows become available at any instant, or never.
    pub(super) fn by(self, ttl: &Ttl, available: impl Fn(usize) -> Option<i64>) -> usize {
        let mut expired = 0;
        for (at, hit) in self.hits.iter().enumerate() {
            if let Some(next) = self.hits.get(at + AHEAD) {
                prefetch(self.times, next.start as usize);
            }
            let Some(available) = available(hit.row as usize) else {
                continue;
            };
            let slot = first_at_or_after(self.times, hit, available);
            if slot >= hit.end {
                continue;
            }
            if ttl.expired(self.times[slot as usize], self.events[hit.row as usize]) {
                expired += 1;
                continue;
            }
            self.candidates.push(Candidate { slot, row: hit.row });
        }
        expired
    }
}

/// The first of a key's slots whose time is not before `available`; the end of its slots if all are before it.
#[inline(always)]
fn first_at_or_after(times: &[i64], hit: &Hit, available: i64) -> u32 {
    let slots = hit.end - hit.start;
    if slots as usize >= FEW {
        let slots = &times[hit.start as usize..hit.end as usize];
        return hit.start + slots.partition_point(|time| *time < available) as u32;
    }
    let last = times.len() - 1;
    let mut before = 0_u32;
    for step in STEPS {
        let next = before + step as u32;
        // No other line is touched than those of the key's slots, which were asked for.
        let at = ((hit.start + next.min(slots)) as usize)
            .wrapping_sub(1)
            .min(last);
        let goes_on = (next <= slots) & (times[at] < available);
        before += u32::from(goes_on) * step as u32;
    }
    hit.start + before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_agrees_with_counting() {
        let times: Vec<i64> = (0..400).map(|t| t * 10).collect();
        for start in [0_u32, 1, 380] {
            for slots in 1..=20_u32 {
                let hit = Hit {
                    row: 0,
                    start,
                    end: start + slots,
                };
                let own = &times[start as usize..(start + slots) as usize];
                let low = i64::from(start) * 10;
                let around = (low - 11..low + i64::from(slots) * 10 + 11).step_by(1);
                for available in around.chain([i64::MIN, i64::MAX]) {
                    let before = own.iter().filter(|t| **t < available).count();
                    let found = first_at_or_after(&times, &hit, available);
                    assert_eq!(found, start + before as u32, "{slots} slots, {available}");
                }
            }
        }
    }
}
