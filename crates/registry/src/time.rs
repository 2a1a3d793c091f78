// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Instants and spans as the registry has them: seconds and nanoseconds.

use crate::edit::Draft;
use crate::message::Message;
use crate::wire::WireError;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant in UTC: whole seconds since 1970 and nanoseconds after them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds after them, 0 to 999,999,999.
    pub nanos: i32,
}

impl Timestamp {
    /// An instant from seconds and nanoseconds.
    pub fn new(seconds: i64, nanos: i32) -> Self {
        Self { seconds, nanos }
    }

    /// An instant from microseconds since 1970.
    pub fn from_micros(micros: i64) -> Self {
        let nanos = (micros.rem_euclid(1_000_000) * 1_000) as i32;
        Self {
            seconds: micros.div_euclid(1_000_000),
            nanos,
        }
    }

    /// Microseconds since 1970, if they fit.
    pub fn to_micros(self) -> Option<i64> {
        self.seconds
            .checked_mul(1_000_000)?
            .checked_add(i64::from(self.nanos) / 1_000)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        Ok(Self {
            seconds: message.int64(1)?,
            nanos: message.int32(2)?,
        })
    }

    pub(crate) fn encode(self) -> Result<Vec<u8>, WireError> {
        seconds_and_nanos(self.seconds, self.nanos)
    }
}

/// How long a feature value counts, as the registry has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds after them, of the same sign.
    pub nanos: i32,
}

impl Ttl {
    /// A span from seconds and nanoseconds.
    pub fn new(seconds: i64, nanos: i32) -> Self {
        Self { seconds, nanos }
    }

    /// A span from nanoseconds.
    pub fn from_nanos(nanos: i64) -> Self {
        Self {
            seconds: nanos / NANOS_PER_SECOND,
            nanos: (nanos % NANOS_PER_SECOND) as i32,
        }
    }

    /// Nanoseconds, if they fit.
    pub fn to_nanos(self) -> Option<i64> {
        self.seconds
            .checked_mul(NANOS_PER_SECOND)?
            .checked_add(i64::from(self.nanos))
    }

    /// Whether it is 0, which in Feast means no limit.
    pub fn is_zero(self) -> bool {
        self.seconds == 0 && self.nanos == 0
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        Ok(Self {
            seconds: message.int64(1)?,
            nanos: message.int32(2)?,
        })
    }

    pub(crate) fn encode(self) -> Result<Vec<u8>, WireError> {
        seconds_and_nanos(self.seconds, self.nanos)
    }
}

fn seconds_and_nanos(seconds: i64, nanos: i32) -> Result<Vec<u8>, WireError> {
    let mut draft = Draft::default();
    draft.varint(1, seconds as u64)?;
    draft.varint(2, i64::from(nanos) as u64)?;
    Ok(draft.into_bytes())
}

/// Sets when an object was created (once) and last updated; the fields' numbers differ by object.
pub(crate) fn stamp(
    meta: &mut Draft,
    created: u32,
    updated: u32,
    now: Timestamp,
) -> Result<(), WireError> {
    let now = now.encode()?;
    if meta.get(created)?.is_none() {
        meta.message(created, &now)?;
    }
    meta.message(updated, &now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_round_trip_before_and_after_1970() {
        for micros in [0, 1, -1, 1_767_323_045_678_901, -62_135_596_800_000_000] {
            let instant = Timestamp::from_micros(micros);
            assert!((0..1_000_000_000).contains(&instant.nanos));
            assert_eq!(instant.to_micros(), Some(micros));
            assert_eq!(
                Timestamp::decode(&instant.encode().unwrap()).unwrap(),
                instant
            );
        }
    }

    #[test]
    fn spans_round_trip() {
        for nanos in [0, 1, 86_400_500_000_000, -1_500_000_000] {
            let ttl = Ttl::from_nanos(nanos);
            assert_eq!(ttl.to_nanos(), Some(nanos));
            assert_eq!(Ttl::decode(&ttl.encode().unwrap()).unwrap(), ttl);
        }
        assert_eq!(Ttl::new(i64::MAX, 0).to_nanos(), None);
    }
}
