// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The running maximum over each key's slots, some slots at a time.

use std::sync::Arc;

use super::super::payload::Payload;
use super::super::probe::ViewProbe;
use super::super::slots::{NO_SLOT, SlotLayout};
use super::super::time::Ttl;
use super::{Winners, is_filled};

/// No row leads yet.
const NOBODY: (i64, u32) = (i64::MIN, NO_SLOT);

/// Winners of which only the first slots know theirs.
#[derive(Debug)]
pub(crate) struct Deciding {
    winners: Winners,
    layout: Arc<SlotLayout>,
    ttl: Ttl,
    /// The next slot, its key, and what leads among the key's slots before it: event time and slot.
    slot: usize,
    key: usize,
    leader: (i64, u32),
}

impl Deciding {
    /// Once every row has competed.
    pub(crate) fn new(probe: ViewProbe) -> Self {
        let ViewProbe {
            layout,
            ttl,
            payload,
            slots,
            ..
        } = probe;
        let Payload { format, .. } = payload;
        let (stripes, best, shift) = slots.into_parts();
        Self {
            winners: Winners {
                format,
                stripes,
                shift,
                holders: vec![NO_SLOT; best.len()],
                best,
                filled: 0,
                expired: 0,
            },
            layout,
            ttl,
            slot: 0,
            key: 0,
            leader: NOBODY,
        }
    }

    /// Decides so many slots; tells whether there are more.
    pub(crate) fn decide(&mut self, slots: usize) -> bool {
        let all = self.winners.best.len();
        let end = self.slot.saturating_add(slots).min(all);
        while self.slot < end {
            let of_key = self.layout.offsets[self.key + 1] as usize;
            self.decide_to(of_key.min(end));
            if self.slot == of_key {
                self.key += 1;
                self.leader = NOBODY;
            }
        }
        self.slot < all
    }

    /// Slots of one key.
    fn decide_to(&mut self, end: usize) {
        let Self {
            winners,
            layout,
            ttl,
            ..
        } = self;
        let (mut leader, mut filled, mut expired) = (self.leader, 0, 0);
        for slot in self.slot..end {
            let here = winners.best[slot];
            // A slot without a row has the least time: only a row of that very time needs a look.
            if here > leader.0
                || (here == leader.0
                    && is_filled(&winners.stripes, winners.shift, &winners.format, slot))
            {
                leader = (here, slot as u32);
            }
            if leader.1 == NO_SLOT {
                continue;
            }
            if ttl.expired(layout.times[slot], leader.0) {
                expired += 1;
            } else {
                winners.holders[slot] = leader.1;
                filled += 1;
            }
        }
        winners.filled += filled;
        winners.expired += expired;
        (self.slot, self.leader) = (end, leader);
    }

    /// The winners, once there are no more slots to decide.
    pub(crate) fn finish(self) -> Winners {
        self.winners
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, TimestampSecondArray};
    use arrow::datatypes::DataType;
    use arrow::record_batch::RecordBatch;

    use super::super::super::key_table::KeyTable;
    use super::super::super::keys::KeyEncoder;
    use super::super::super::probe::Scratch;
    use super::super::super::row_format::RowFormat;
    use super::super::super::slots::LayoutBuilder;
    use super::super::super::stripes::SharedSlots;
    use super::super::super::time::{Times, Unit};
    use super::*;

    fn columns(keys: Vec<i64>, times: Vec<i64>) -> (ArrayRef, ArrayRef) {
        let times = TimestampSecondArray::from(times);
        (Arc::new(Int64Array::from(keys)), Arc::new(times))
    }

    /// Slots of keys 0 to 6, none of 3 and 4; rows of some of them at 4, 11 and 20; TTL 10.
    fn probed() -> ViewProbe {
        let encoder = KeyEncoder::try_new(&[DataType::Int64]).unwrap();
        let asked = [0, 1, 2, 5, 6];
        let keys = asked.iter().flat_map(|key| [*key; 4]).collect::<Vec<_>>();
        let table = KeyTable::direct(0, 6, keys.len()).unwrap();
        let (keys, times) = columns(keys, [5, 9, 15, 30].repeat(asked.len()));
        let mut builder = LayoutBuilder::try_new(table, keys.len()).unwrap();
        let times = Times::try_new(&times, "").unwrap();
        let encoded = encoder.encode(&[Arc::clone(&keys)], keys.len()).unwrap();
        builder.push(&encoded, &times);
        let layout = builder.finish(&mut || Ok(())).unwrap();
        let payload = Payload {
            columns: vec![],
            format: RowFormat::try_new(&[]).unwrap(),
            order: vec![],
            asked: vec![],
        };
        let probe = ViewProbe {
            slots: SharedSlots::new(layout.times.len(), &payload.format),
            layout: Arc::new(layout),
            encoder: Arc::new(encoder),
            keys: vec![0],
            event: 1,
            created: None,
            cutoff: false,
            entity_unit: Unit::Second,
            ttl: Ttl::new(Some(10_000_000_000), Unit::Second, Unit::Second),
            payload,
        };
        let (keys, times) = columns(vec![0, 1, 1, 2, 5, 6], vec![4, 4, 11, 20, i64::MIN, 11]);
        let rows = RecordBatch::try_from_iter([("key", keys), ("at", times)]).unwrap();
        probe.absorb(&mut Scratch::default(), &rows).unwrap();
        probe
    }

    #[test]
    fn pieces_of_any_size_decide_alike() {
        const NO: u32 = NO_SLOT;
        #[rustfmt::skip]
        let holders = [
            0, 0, NO, NO,
            4, 4, 6, NO,
            NO, NO, NO, 11,
            NO, NO, NO, NO,
            NO, NO, 18, NO,
        ];
        for size in [1, 2, 3, 4, 7, 20, usize::MAX] {
            let mut deciding = Deciding::new(probed());
            let mut pieces = 1;
            while deciding.decide(size) {
                pieces += 1;
            }
            let winners = deciding.finish();
            assert_eq!(winners.holders, holders, "pieces of {size}");
            assert_eq!((winners.filled, winners.expired), (7, 4));
            assert_eq!(pieces, holders.len().div_ceil(size));
        }
    }
}
