// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is known about the values of columns in containers (manifests or files), and which
//! containers a predicate keeps.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::pruning::PruningPredicate;

use super::transforms::BucketRange;
use crate::schema::{TableColumn, TableColumns};

/// How many of a container's rows are NULL in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Nulls {
    #[default]
    Unknown,
    Count(u64),
    All,
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
        if self.nulls == Nulls::Unknown {
            self.nulls = other.nulls;
        }
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

    fn outside(&self, value: &ScalarValue) -> bool {
        let below = self.min.as_ref().is_some_and(|min| value < min);
        let above = self.max.as_ref().is_some_and(|max| value > max);
        below || above || self.buckets.iter().any(|bucket| bucket.excludes(value))
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

/// Facts about the columns that a predicate names, one row for each container.
#[derive(Debug)]
pub(crate) struct Containers {
    rows: Vec<Option<u64>>,
    columns: HashMap<String, (DataType, Vec<ColumnFacts>)>,
}

impl Containers {
    /// Collects the facts of each of `items` for each column that `predicate` names.
    pub(crate) fn collect<T>(
        items: &[T],
        predicate: &Arc<dyn PhysicalExpr>,
        columns: &TableColumns,
        rows: impl Fn(&T) -> Option<u64>,
        facts: impl Fn(&T, &TableColumn) -> ColumnFacts,
    ) -> Self {
        let named = collect_columns(predicate).into_iter().filter_map(|column| {
            let known = columns.column(column.name())?;
            let facts = items
                .iter()
                .map(|item| facts(item, known).checked())
                .collect();
            Some((column.name().to_string(), (known.data_type.clone(), facts)))
        });
        Self {
            columns: named.collect(),
            rows: items.iter().map(rows).collect(),
        }
    }

    fn values(
        &self,
        column: &Column,
        value: impl Fn(&ColumnFacts) -> Option<&ScalarValue>,
    ) -> Option<ArrayRef> {
        let (data_type, facts) = self.columns.get(column.name())?;
        if facts.iter().all(|f| value(f).is_none()) {
            return None;
        }
        let null = ScalarValue::try_new_null(data_type).ok()?;
        let values = facts.iter().map(|f| value(f).unwrap_or(&null).clone());
        ScalarValue::iter_to_array(values).ok()
    }
}

impl PruningStatistics for Containers {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |facts| facts.min.as_ref())
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, |facts| facts.max.as_ref())
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let (_, facts) = self.columns.get(column.name())?;
        let counts = facts
            .iter()
            .zip(&self.rows)
            .map(|(facts, rows)| match facts.nulls {
                Nulls::Unknown => None,
                Nulls::Count(count) => Some(count),
                Nulls::All => *rows,
            });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self, _column: &Column) -> Option<ArrayRef> {
        Some(Arc::new(self.rows.iter().copied().collect::<UInt64Array>()))
    }

    fn contained(&self, column: &Column, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        let (data_type, facts) = self.columns.get(column.name())?;
        if values.iter().any(|v| v.data_type() != *data_type) {
            return None;
        }
        let none_of = |f: &ColumnFacts| values.iter().all(|v| v.is_null() || f.outside(v));
        Some(
            facts
                .iter()
                .map(|f| if none_of(f) { Some(false) } else { None })
                .collect(),
        )
    }
}

/// For each container whether it may hold rows that `predicate` selects.
pub(crate) fn may_match(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    containers: &Containers,
) -> Vec<bool> {
    let mut kept = vec![true; containers.num_containers()];
    for conjunct in split_conjunction(predicate) {
        let pruned = PruningPredicate::try_new(Arc::clone(conjunct), Arc::clone(schema))
            .and_then(|p| p.prune(containers));
        if let Ok(pruned) = pruned {
            kept.iter_mut()
                .zip(pruned)
                .for_each(|(kept, may)| *kept &= may);
        }
    }
    kept
}
