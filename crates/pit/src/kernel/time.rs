// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Instants as integers: units, exact conversion between them, and the TTL rule.
//!
//! Every time column stays in its own unit. A feature row's availability is expressed in the entity side's unit by
//! rounding **up**, so `availability <= t` has the same truth as the comparison of the exact instants. Nothing overflows: before
//! the range every instant of the other unit is later, after it none is.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion::common::{Result, plan_err};

/// The unit a time column counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl Unit {
    /// The unit of a column of this type; an error for a type that is no instant.
    pub(crate) fn of(data_type: &DataType, what: &str) -> Result<Self> {
        Ok(match data_type {
            DataType::Timestamp(TimeUnit::Second, _) | DataType::Date32 => Self::Second,
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => Self::Millisecond,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Microsecond,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Self::Nanosecond,
            other => {
                return plan_err!(
                    "{what} has type {other}, expected a timestamp or a date; cast it in the query that produces it"
                );
            }
        })
    }

    pub(crate) fn nanos(self) -> i128 {
        match self {
            Self::Second => 1_000_000_000,
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1_000,
            Self::Nanosecond => 1,
        }
    }
}

/// A time column as integers in its own unit.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    pub(crate) unit: Unit,
    pub(crate) values: ScalarBuffer<i64>,
    pub(crate) nulls: Option<NullBuffer>,
}

impl Times {
    pub(crate) fn try_new(array: &ArrayRef, what: &str) -> Result<Self> {
        let unit = Unit::of(array.data_type(), what)?;
        let values = match array.data_type() {
            DataType::Date32 => array
                .as_primitive::<Date32Type>()
                .values()
                .iter()
                .map(|days| i64::from(*days) * 86_400)
                .collect::<Vec<_>>()
                .into(),
            DataType::Date64 => array.as_primitive::<Date64Type>().values().clone(),
            DataType::Timestamp(TimeUnit::Second, _) => {
                array.as_primitive::<TimestampSecondType>().values().clone()
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => array
                .as_primitive::<TimestampMillisecondType>()
                .values()
                .clone(),
            DataType::Timestamp(TimeUnit::Microsecond, _) => array
                .as_primitive::<TimestampMicrosecondType>()
                .values()
                .clone(),
            _ => array
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .clone(),
        };
        let nulls = array.nulls().filter(|n| n.null_count() > 0).cloned();
        Ok(Self {
            unit,
            values,
            nulls,
        })
    }

    #[inline(always)]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.nulls.as_ref().is_none_or(|n| n.is_valid(row))
    }
}

/// How a unit relates to another: the same, finer or coarser by a factor of at most 10^9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ratio {
    Same,
    Finer(i64),
    Coarser(i64),
}

impl Ratio {
    pub(crate) fn of(from: Unit, to: Unit) -> Self {
        match from.nanos().cmp(&to.nanos()) {
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Finer((from.nanos() / to.nanos()) as i64),
            Ordering::Less => Self::Coarser((to.nanos() / from.nanos()) as i64),
        }
    }

    /// `value` in the other unit, rounded up; none when it lies after every instant of that unit.
    #[inline(always)]
    pub(crate) fn ceil(self, value: i64) -> Option<i64> {
        match self {
            Self::Same => Some(value),
            Self::Finer(step) if value < 0 => Some(value.saturating_mul(step)),
            Self::Finer(step) => value.checked_mul(step),
            Self::Coarser(step) => {
                Some(value.div_euclid(step) + i64::from(value.rem_euclid(step) != 0))
            }
        }
    }

    /// `value` in the other unit, rounded down, saturating at the ends of the range.
    pub(crate) fn floor(self, value: i64) -> i64 {
        match self {
            Self::Same => value,
            Self::Finer(step) => value.saturating_mul(step),
            Self::Coarser(step) => value.div_euclid(step),
        }
    }
}

/// How long a feature row stays valid after its event time: `event + ttl >= t`, inclusive and exact.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ttl {
    nanos: Option<i128>,
    /// The TTL in whole units when both sides count in one unit: an age is a whole number of units.
    same_unit: Option<i64>,
    entity: Unit,
    feature: Unit,
}

impl Ttl {
    pub(crate) fn new(nanos: Option<i128>, entity: Unit, feature: Unit) -> Self {
        let nanos = nanos.filter(|n| *n > 0);
        let same_unit = nanos
            .filter(|_| entity == feature)
            .and_then(|n| i64::try_from(n / entity.nanos()).ok());
        Self {
            nanos,
            same_unit,
            entity,
            feature,
        }
    }

    /// Whether the TTL, if there is one, is a number of units that both sides count in.
    pub(crate) fn is_in_units(&self) -> bool {
        self.nanos.is_none() || self.same_unit.is_some()
    }

    /// The TTL in units, where [`Self::is_in_units`].
    pub(crate) fn in_units(&self) -> Option<i64> {
        self.same_unit
    }

    /// Whether a row of this event time is too old for an entity row at `time`.
    #[inline(always)]
    pub(crate) fn expired(&self, time: i64, event: i64) -> bool {
        let Some(ttl) = self.nanos else {
            return false;
        };
        match (self.same_unit, time.checked_sub(event)) {
            (Some(ttl), Some(age)) => age > ttl,
            _ => {
                let age = i128::from(time) * self.entity.nanos()
                    - i128::from(event) * self.feature.nanos();
                age > ttl
            }
        }
    }

    /// The oldest event time that can still serve an entity row at `time`, in the feature side's unit, rounded down where that is
    /// another one.
    pub(crate) fn oldest(&self, time: i64) -> Option<i64> {
        let ttl = self.nanos?;
        if let Some(ttl) = self.same_unit {
            return Some(time.saturating_sub(ttl));
        }
        let nanos = (i128::from(time) * self.entity.nanos()).saturating_sub(ttl);
        let value = nanos.div_euclid(self.feature.nanos());
        Some(i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_keeps_the_truth_of_the_comparison() {
        for feature in [-1_001_i64, -1_000, -999, -1, 0, 1, 999, 1_000, 1_001] {
            for entity in [-2_i64, -1, 0, 1, 2] {
                let exact = i128::from(feature) <= i128::from(entity) * 1_000;
                let converted = Ratio::of(Unit::Nanosecond, Unit::Microsecond).ceil(feature);
                assert_eq!(converted.is_some_and(|c| c <= entity), exact);
            }
        }
    }

    #[test]
    fn instants_outside_of_the_other_unit_are_before_all_or_after_all() {
        assert_eq!(
            Ratio::of(Unit::Second, Unit::Nanosecond).ceil(i64::MAX),
            None
        );
        assert_eq!(
            Ratio::of(Unit::Second, Unit::Nanosecond).ceil(i64::MIN),
            Some(i64::MIN)
        );
        assert_eq!(
            Ratio::of(Unit::Second, Unit::Nanosecond).floor(i64::MAX),
            i64::MAX
        );
    }

    #[test]
    fn ttl_is_inclusive_and_exact_across_units() {
        let ttl = Ttl::new(Some(1_500), Unit::Microsecond, Unit::Nanosecond);
        assert!(!ttl.expired(2, 500));
        assert!(ttl.expired(2, 499));
        let same = Ttl::new(Some(2_999), Unit::Microsecond, Unit::Microsecond);
        assert!(!same.expired(10, 8));
        assert!(same.expired(10, 7));
    }

    #[test]
    fn ttl_does_not_overflow_at_the_ends_of_the_range() {
        let ttl = Ttl::new(Some(1_000), Unit::Microsecond, Unit::Microsecond);
        assert!(ttl.expired(i64::MAX, i64::MIN));
        let long = Ttl::new(
            Some(i128::from(i64::MAX) + 1),
            Unit::Nanosecond,
            Unit::Nanosecond,
        );
        assert!(!long.expired(0, i64::MIN));
        assert!(long.expired(1, i64::MIN));
        assert_eq!(ttl.oldest(i64::MIN), Some(i64::MIN));
    }

    #[test]
    fn no_ttl_never_expires() {
        assert!(!Ttl::new(None, Unit::Second, Unit::Second).expired(i64::MAX, i64::MIN));
        assert!(!Ttl::new(Some(0), Unit::Second, Unit::Second).expired(i64::MAX, i64::MIN));
    }
}
