// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Facts about many containers, column by column, and which containers a predicate keeps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{kernels::cmp, nullif, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::pruning::PruningPredicate;

use super::facts::{ColumnFacts, Nulls};
use super::lists::SortedList;
use super::prunable::prunable;
use super::transforms::BucketRange;
use crate::schema::{TableColumn, TableColumns};

/// Facts about one column, one row for each container.
#[derive(Debug, Clone)]
pub(crate) struct ContainerColumn {
    pub(super) data_type: DataType,
    pub(super) min: Option<ArrayRef>,
    pub(super) max: Option<ArrayRef>,
    pub(super) nulls: Vec<Nulls>,
    /// Empty when no container has any.
    pub(super) buckets: Vec<Vec<BucketRange>>,
}

impl ContainerColumn {
    pub(super) fn of_facts(data_type: &DataType, facts: Vec<ColumnFacts>) -> Self {
        let values = |value: fn(&ColumnFacts) -> Option<&ScalarValue>| {
            let null = ScalarValue::try_new_null(data_type).ok()?;
            if facts.iter().all(|f| value(f).is_none()) {
                return None;
            }
            let values = facts.iter().map(|f| value(f).unwrap_or(&null).clone());
            ScalarValue::iter_to_array(values).ok()
        };
        let (min, max) = (values(|f| f.min.as_ref()), values(|f| f.max.as_ref()));
        let nulls = facts.iter().map(|f| f.nulls).collect();
        let any = facts.iter().any(|f| !f.buckets.is_empty());
        let buckets = if any {
            facts.into_iter().map(|f| f.buckets).collect()
        } else {
            Vec::new()
        };
        Self {
            data_type: data_type.clone(),
            min,
            max,
            nulls,
            buckets,
        }
    }

    /// The rows at `indices`, without their buckets.
    pub(super) fn rows(&self, indices: &UInt32Array) -> Self {
        let rows = |values: &Option<ArrayRef>| take(values.as_ref()?, indices, None).ok();
        Self {
            data_type: self.data_type.clone(),
            min: rows(&self.min),
            max: rows(&self.max),
            nulls: indices
                .values()
                .iter()
                .map(|i| self.nulls[*i as usize])
                .collect(),
            buckets: Vec::new(),
        }
    }

    /// Both are true: the tighter bound of each holds.
    pub(super) fn and(self, other: Self) -> Self {
        let nulls = self.nulls.iter().zip(&other.nulls);
        Self {
            min: tighter(self.min, other.min, |a, b| cmp::gt(&a, &b)),
            max: tighter(self.max, other.max, |a, b| cmp::lt(&a, &b)),
            nulls: nulls.map(|(one, other)| one.and(*other)).collect(),
            ..self
        }
    }

    /// Bounds that contradict each other say nothing.
    pub(super) fn checked(mut self) -> Self {
        let (Some(min), Some(max)) = (&self.min, &self.max) else {
            return self;
        };
        let crossed = cmp::gt(min, max).ok();
        let without = |values: &ArrayRef| nullif(values, crossed.as_ref()?).ok();
        (self.min, self.max) = (without(min), without(max));
        self
    }
}

type ArrowResult = Result<BooleanArray, ArrowError>;

/// The values of each row that hold more tightly; `prefer` says that the first one does.
fn tighter(
    one: Option<ArrayRef>,
    other: Option<ArrayRef>,
    prefer: impl Fn(ArrayRef, ArrayRef) -> ArrowResult,
) -> Option<ArrayRef> {
    let (Some(one), Some(other)) = (&one, &other) else {
        return one.or(other);
    };
    let preferred = prefer(Arc::clone(one), Arc::clone(other)).ok()?;
    let first = (0..one.len()).map(|row| {
        let chosen = preferred.is_valid(row) && preferred.value(row);
        Some(chosen || other.is_null(row))
    });
    let first: BooleanArray = first.collect();
    arrow::compute::kernels::zip::zip(&first, one, other).ok()
}

/// Facts about the columns that a predicate names, one row for each container.
#[derive(Debug)]
pub(crate) struct Containers {
    rows: Vec<Option<u64>>,
    columns: HashMap<String, ContainerColumn>,
}

impl Containers {
    pub(super) fn new(rows: Vec<Option<u64>>, columns: HashMap<String, ContainerColumn>) -> Self {
        Self { rows, columns }
    }

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
            let facts = items.iter().map(|item| facts(item, known).checked());
            let column = (
                column.name().to_string(),
                ContainerColumn::of_facts(&known.data_type, facts.collect()),
            );
            Some(column)
        });
        Self {
            columns: named.collect(),
            rows: items.iter().map(rows).collect(),
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<&ContainerColumn> {
        self.columns.get(name)
    }
}

impl PruningStatistics for Containers {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(column.name())?.min.clone()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.columns.get(column.name())?.max.clone()
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let nulls = &self.columns.get(column.name())?.nulls;
        let counts = nulls
            .iter()
            .zip(&self.rows)
            .map(|(nulls, rows)| match nulls {
                Nulls::Unknown => None,
                Nulls::Count(count) => Some(*count),
                Nulls::All => *rows,
            });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self, _column: &Column) -> Option<ArrayRef> {
        Some(Arc::new(self.rows.iter().copied().collect::<UInt64Array>()))
    }

    fn contained(&self, column: &Column, values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        let column = self.columns.get(column.name())?;
        let list = SortedList::try_new(values, &column.data_type)?;
        let none = |rows| new_null_array(&column.data_type, rows);
        let absent = || none(self.rows.len());
        let min = column.min.clone().unwrap_or_else(absent);
        let max = column.max.clone().unwrap_or_else(absent);
        list.contained(&min, &max, &column.buckets)
    }
}

/// For each container whether it may hold rows that `predicate` selects.
pub(crate) fn may_match(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    containers: &Containers,
) -> Vec<bool> {
    let mut kept = vec![true; containers.num_containers()];
    let Some(predicate) = prunable(predicate, schema) else {
        return kept;
    };
    for conjunct in split_conjunction(&predicate) {
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
