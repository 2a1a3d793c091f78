// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is known about the values of one column in one container (a manifest, a partition or a
//! file).

use std::cmp::Ordering;

use datafusion::common::ScalarValue;

use super::transforms::BucketRange;

/// How many of a container's rows are NULL in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Nulls {
    #[default]
    Unknown,
    Count(u64),
    All,
}

impl Nulls {
    /// Both are true.
    pub(crate) fn and(self, other: Self) -> Self {
        match self {
            Self::Unknown => other,
            known => known,
        }
    }
}

/// What is known about one column in one container. Every part is a bound that no row breaks.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnFacts {
    pub(crate) min: Option<ScalarValue>,
    pub(crate) max: Option<ScalarValue>,
    pub(crate) nulls: Nulls,
    pub(crate) buckets: Vec<BucketRange>,
}

impl ColumnFacts {
    /// Both are true: the tighter bound of each holds.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.min = tighter(self.min, other.min, |a, b| a > b);
        self.max = tighter(self.max, other.max, |a, b| a < b);
        self.nulls = self.nulls.and(other.nulls);
        self.buckets.extend(other.buckets);
        self
    }

    /// Bounds that contradict each other say nothing.
    pub(crate) fn checked(mut self) -> Self {
        let ordered = match (&self.min, &self.max) {
            (Some(min), Some(max)) => min.partial_cmp(max).is_some_and(Ordering::is_le),
            _ => true,
        };
        if !ordered {
            self.min = None;
            self.max = None;
        }
        self
    }
}

fn tighter(
    left: Option<ScalarValue>,
    right: Option<ScalarValue>,
    prefer_left: impl Fn(&ScalarValue, &ScalarValue) -> bool,
) -> Option<ScalarValue> {
    match (left, right) {
        (Some(left), Some(right)) if prefer_left(&left, &right) => Some(left),
        (_, Some(right)) => Some(right),
        (left, None) => left,
    }
}
