// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The event time below which no row can win any slot any more.
//!
//! ```text
//!   slots of a key    3    5    9
//!   best              2    –    8
//!   needs at least    2    2    8         a row older than 2 is not looked at for this key
//! ```
//!
//! A slot is won by nothing older than what it or an earlier slot of its key has, nor by what is out of its TTL. The floor is the
//! least of these over all slots; while slots are open for the whole history there is none.

use super::slots::SlotLayout;
use super::stripes::SharedSlots;
use super::time::Ttl;

/// The floor, in the feature side's unit, if it is above `known`. Threads may compete meanwhile: they only raise it.
pub(crate) fn floor(layout: &SlotLayout, slots: &SharedSlots, ttl: Ttl, known: i64) -> Option<i64> {
    let mut floor = i64::MAX;
    for (start, end) in layout.groups() {
        let mut leader = i64::MIN;
        for slot in start..end {
            leader = leader.max(slots.best(slot));
            if leader < floor {
                let oldest = ttl.oldest(layout.times[slot]).unwrap_or(i64::MIN);
                floor = floor.min(leader.max(oldest));
                if floor <= known {
                    return None;
                }
            }
        }
    }
    (floor != i64::MAX).then_some(floor)
}

#[cfg(test)]
mod tests {
    use super::super::key_table::KeyTable;
    use super::super::row_format::RowFormat;
    use super::super::time::Unit;
    use super::*;

    /// Two keys: slots at 3, 5, 9 and at 4.
    fn layout() -> SlotLayout {
        SlotLayout {
            table: KeyTable::hashed(),
            times: vec![3, 5, 9, 4],
            offsets: vec![0, 3, 4],
            row_slots: vec![],
        }
    }

    fn ttl(nanos: Option<i128>) -> Ttl {
        Ttl::new(nanos, Unit::Nanosecond, Unit::Nanosecond)
    }

    #[test]
    fn there_is_no_floor_while_a_slot_is_open_for_the_whole_history() {
        let (layout, format) = (layout(), RowFormat::try_new(&[]).unwrap());
        let slots = SharedSlots::new(4, &format);
        assert_eq!(floor(&layout, &slots, ttl(None), i64::MIN), None);
        slots.set_best(0, 2);
        slots.set_best(2, 8);
        assert_eq!(floor(&layout, &slots, ttl(None), i64::MIN), None);
        slots.set_best(3, 4);
        // The slot at 5 has what the one at 3 has.
        assert_eq!(floor(&layout, &slots, ttl(None), i64::MIN), Some(2));
        assert_eq!(floor(&layout, &slots, ttl(None), 2), None);
        slots.set_best(0, 3);
        assert_eq!(floor(&layout, &slots, ttl(None), 2), Some(3));
    }

    #[test]
    fn what_is_out_of_every_ttl_is_below_the_floor() {
        let (layout, format) = (layout(), RowFormat::try_new(&[]).unwrap());
        let slots = SharedSlots::new(4, &format);
        assert_eq!(floor(&layout, &slots, ttl(Some(2)), i64::MIN), Some(1));
        slots.set_best(0, 3);
        assert_eq!(floor(&layout, &slots, ttl(Some(2)), 1), Some(2));
    }
}
