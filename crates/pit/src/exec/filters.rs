// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Dynamic filters: what the entity side tells about the feature rows that can matter.
//!
//! ```text
//!   key between min and max of the entity side's keys        (each key column by itself)
//!   event time <= the latest entity time
//!   event time >= the earliest entity time - TTL             (where the view has one)
//!   created time <= the latest entity time                   (under the created cutoff)
//! ```
//!
//! They only prune: a row that passes is still judged by the kernel, so a bound may be rounded outward and is left out where a
//! type has none.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, DynamicFilterPhysicalExpr, lit};

use super::view::ViewPlan;
use crate::kernel::time::{Ttl, Unit, convert_floor};

/// The filter of one view, shared with its scan.
#[derive(Debug, Clone)]
pub(super) struct ViewFilter {
    filter: Arc<DynamicFilterPhysicalExpr>,
}

/// What the build phase knows of a key set.
#[derive(Debug, Default)]
pub(super) struct KeySetBounds {
    /// The smallest and greatest value of each key column, compared as the key set's types.
    pub(super) keys: Vec<Option<(ScalarValue, ScalarValue)>>,
    /// The earliest and latest entity time, in the entity side's unit.
    pub(super) times: Option<(i64, i64)>,
}

impl ViewFilter {
    pub(super) fn new(plan: &ViewPlan, schema: &Schema) -> Self {
        let columns = plan
            .keys
            .iter()
            .map(|k| k.view)
            .chain([plan.event])
            .chain(plan.created);
        let children = columns.map(|i| column(schema, i)).collect();
        Self {
            filter: Arc::new(DynamicFilterPhysicalExpr::new(children, lit(true))),
        }
    }

    pub(super) fn expr(&self) -> Arc<dyn PhysicalExpr> {
        Arc::clone(&self.filter) as Arc<dyn PhysicalExpr>
    }

    /// Publishes what the build phase found.
    pub(super) fn publish(
        &self,
        plan: &ViewPlan,
        schema: &Schema,
        bounds: &KeySetBounds,
    ) -> Result<()> {
        let mut parts = Vec::new();
        for (key, range) in plan.keys.iter().zip(&bounds.keys) {
            if let Some((low, high)) = range {
                between(&mut parts, schema, key.view, low, high);
            }
        }
        if let Some((earliest, latest)) = bounds.times {
            time_at_most(&mut parts, schema, plan.event, latest, plan.entity_unit);
            if let Some(oldest) =
                Ttl::new(plan.ttl_nanos, plan.entity_unit, plan.view_unit).oldest(earliest)
            {
                push_time(&mut parts, schema, plan.event, Operator::GtEq, oldest);
            }
            if let Some(created) = plan.created.filter(|_| plan.cutoff) {
                time_at_most(&mut parts, schema, created, latest, plan.entity_unit);
            }
        }
        let filter = parts
            .into_iter()
            .reduce(|a, b| Arc::new(BinaryExpr::new(a, Operator::And, b)) as Arc<dyn PhysicalExpr>)
            .unwrap_or_else(|| lit(true));
        self.filter.update(filter)?;
        self.filter.mark_complete();
        Ok(())
    }
}

/// The smallest and greatest value of a key column over all batches, or none where the type has no order here.
pub(super) fn key_range(columns: &[ArrayRef]) -> Result<Option<(ScalarValue, ScalarValue)>> {
    let mut range: Option<(ScalarValue, ScalarValue)> = None;
    for column in columns {
        let sorted = arrow::compute::SortOptions {
            descending: false,
            nulls_first: false,
        };
        if column.is_empty() || column.null_count() == column.len() {
            continue;
        }
        let (low, high) = extremes(column, sorted)?;
        range = Some(match range {
            None => (low, high),
            Some((a, b)) => (
                if low < a { low } else { a },
                if high > b { high } else { b },
            ),
        });
    }
    Ok(range)
}

fn extremes(
    column: &ArrayRef,
    options: arrow::compute::SortOptions,
) -> Result<(ScalarValue, ScalarValue)> {
    let lowest = arrow::compute::sort_to_indices(column, Some(options), Some(1))?;
    let descending = arrow::compute::SortOptions {
        descending: true,
        nulls_first: false,
    };
    let highest = arrow::compute::sort_to_indices(column, Some(descending), Some(1))?;
    let at = |index: u32| ScalarValue::try_from_array(column, index as usize);
    Ok((at(lowest.value(0))?, at(highest.value(0))?))
}

fn column(schema: &Schema, index: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(schema.field(index).name(), index))
}

fn between(
    parts: &mut Vec<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
    index: usize,
    low: &ScalarValue,
    high: &ScalarValue,
) {
    let data_type = schema.field(index).data_type();
    for (operator, bound) in [(Operator::GtEq, low), (Operator::LtEq, high)] {
        // A bound outside of the column's own range bounds nothing.
        if let Ok(bound) = bound.cast_to(data_type)
            && !bound.is_null()
        {
            push(parts, schema, index, operator, bound);
        }
    }
}

fn time_at_most(
    parts: &mut Vec<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
    index: usize,
    latest: i64,
    entity_unit: Unit,
) {
    if let Ok(unit) = Unit::of(schema.field(index).data_type(), "") {
        // Rounding down keeps every row: an instant of the column's unit is at most `latest` exactly when it is at most that.
        push_time(
            parts,
            schema,
            index,
            Operator::LtEq,
            convert_floor(latest, entity_unit, unit),
        );
    }
}

/// Compares a time column with a value in its own unit. Ends of the range bound nothing.
fn push_time(
    parts: &mut Vec<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
    index: usize,
    operator: Operator,
    value: i64,
) {
    if value == i64::MIN || value == i64::MAX {
        return;
    }
    let bound = match schema.field(index).data_type() {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            ScalarValue::TimestampSecond(Some(value), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Millisecond, zone) => {
            ScalarValue::TimestampMillisecond(Some(value), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            ScalarValue::TimestampMicrosecond(Some(value), zone.clone())
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            ScalarValue::TimestampNanosecond(Some(value), zone.clone())
        }
        DataType::Date32 => match i32::try_from(value.div_euclid(86_400)) {
            Ok(days) => ScalarValue::Date32(Some(days)),
            Err(_) => return,
        },
        DataType::Date64 => ScalarValue::Date64(Some(value)),
        _ => return,
    };
    push(parts, schema, index, operator, bound);
}

fn push(
    parts: &mut Vec<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
    index: usize,
    operator: Operator,
    bound: ScalarValue,
) {
    let literal = lit(bound);
    parts.push(Arc::new(BinaryExpr::new(
        column(schema, index),
        operator,
        literal,
    )));
}
