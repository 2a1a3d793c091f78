// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which containers can hold one of many values.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, BooleanArray, DynComparator, make_comparator};
use arrow::compute::{SortOptions, sort};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use iceberg::spec::Transform;

use super::transforms::BucketRange;

/// The values of an IN list in order.
pub(super) struct SortedList {
    values: ArrayRef,
}

impl SortedList {
    /// None when the values are not of the column's type.
    pub(super) fn try_new(values: &HashSet<ScalarValue>, data_type: &DataType) -> Option<Self> {
        if values.iter().any(|v| v.data_type() != *data_type) {
            return None;
        }
        let known: Vec<_> = values.iter().filter(|v| !v.is_null()).cloned().collect();
        if known.is_empty() {
            return None;
        }
        let values = ScalarValue::iter_to_array(known).ok()?;
        let values = sort(&values, None).ok()?;
        Some(Self { values })
    }

    /// False for each container that holds none of the values, by its bounds and buckets.
    pub(super) fn contained(
        &self,
        min: &ArrayRef,
        max: &ArrayRef,
        buckets: &[Vec<BucketRange>],
    ) -> Option<BooleanArray> {
        let options = SortOptions::default();
        let to_min = make_comparator(&self.values, min, options).ok()?;
        let to_max = make_comparator(&self.values, max, options).ok()?;
        let mut hashed = Hashed::new(self);
        let may = |row: usize| {
            let from = match min.is_valid(row) {
                true => self.first(&to_min, row, Ordering::is_lt),
                false => 0,
            };
            let to = match max.is_valid(row) {
                true => self.first(&to_max, row, Ordering::is_le),
                false => self.values.len(),
            };
            let ranges = buckets.get(row).map(Vec::as_slice).unwrap_or_default();
            from < to && hashed.any(from..to, ranges)
        };
        let rows = (0..min.len()).map(may);
        Some(
            rows.map(|may| if may { None } else { Some(false) })
                .collect(),
        )
    }

    /// The first value that is not `before` the one at `row`.
    fn first(&self, compare: &DynComparator, row: usize, before: fn(Ordering) -> bool) -> usize {
        let (mut low, mut high) = (0, self.values.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if before(compare(middle, row)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The buckets of the values, for each number of buckets that is asked for.
struct Hashed<'a> {
    list: &'a SortedList,
    buckets: HashMap<Transform, Vec<Option<i32>>>,
}

impl<'a> Hashed<'a> {
    fn new(list: &'a SortedList) -> Self {
        let buckets = HashMap::new();
        Self { list, buckets }
    }

    /// Whether one of the values lies in all of the ranges. A value whose bucket cannot be told may.
    fn any(&mut self, values: std::ops::Range<usize>, ranges: &[BucketRange]) -> bool {
        for range in ranges {
            let all = &self.list.values;
            self.buckets.entry(range.transform()).or_insert_with(|| {
                let value = |row| ScalarValue::try_from_array(all, row).ok();
                let bucket = |row| range.bucket(&value(row)?);
                (0..all.len()).map(bucket).collect()
            });
        }
        values.into_iter().any(|value| {
            ranges.iter().all(|range| {
                let bucket = self.buckets.get(&range.transform());
                bucket.and_then(|b| b[value]).is_none_or(|b| range.holds(b))
            })
        })
    }
}
