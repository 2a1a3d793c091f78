// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Dynamic filters: what the entity side tells about the feature rows that can matter.
//!
//! ```text
//!   key in (…)                                               (where there are few keys, each key column by itself)
//!   key between min and max of the entity side's keys        (each key column by itself)
//!   event time <= the latest entity time
//!   event time >= the earliest entity time - TTL             (where the view has one)
//!   created time <= the latest entity time                   (under the created cutoff)
//!   event time >= the floor                                  (rises while rows compete)
//! ```
//!
//! They only prune: a row that passes is still judged by the kernel, so a bound may be rounded outward and is left out where a
//! type has none.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, DynamicFilterPhysicalExpr, in_list, lit,
};

use super::bounds::KeySetBounds;
use super::view::ViewPlan;
use crate::kernel::time::{Ratio, Ttl, Unit};

/// The filter of one view, shared with its scan.
#[derive(Debug)]
pub(super) struct ViewFilter {
    filter: Arc<DynamicFilterPhysicalExpr>,
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

    /// Whether any scan has taken the filter.
    pub(super) fn is_used(&self) -> bool {
        self.filter.is_used()
    }

    pub(super) fn update(&self, filter: Arc<dyn PhysicalExpr>) -> Result<()> {
        self.filter.update(filter)?;
        self.filter.mark_complete();
        Ok(())
    }
}

/// What a row of the view must be to win a slot.
pub(super) fn necessary(
    plan: &ViewPlan,
    schema: &Schema,
    bounds: &KeySetBounds,
) -> Arc<dyn PhysicalExpr> {
    let mut parts = Vec::new();
    for (key, known) in plan.keys.iter().zip(&bounds.keys) {
        listed(&mut parts, schema, key.view, &known.listed);
        if let Some((low, high)) = &known.range {
            between(&mut parts, schema, key.view, low, high);
        }
    }
    if let Some((earliest, latest)) = bounds.times {
        time_at_most(&mut parts, schema, plan.event, latest, plan.entity_unit);
        let ttl = Ttl::new(plan.ttl_nanos, plan.entity_unit, plan.view_unit);
        if let Some(oldest) = ttl.oldest(earliest) {
            push_time(&mut parts, schema, plan.event, Operator::GtEq, oldest);
        }
        if let Some(created) = plan.created.filter(|_| plan.cutoff) {
            time_at_most(&mut parts, schema, created, latest, plan.entity_unit);
        }
    }
    all(parts)
}

/// The same, of rows that are not older than `floor`, which counts in the unit of the event time column.
pub(super) fn above(
    necessary: &Arc<dyn PhysicalExpr>,
    plan: &ViewPlan,
    schema: &Schema,
    floor: i64,
) -> Arc<dyn PhysicalExpr> {
    let mut parts = vec![Arc::clone(necessary)];
    push_time(&mut parts, schema, plan.event, Operator::GtEq, floor);
    all(parts)
}

fn all(parts: Vec<Arc<dyn PhysicalExpr>>) -> Arc<dyn PhysicalExpr> {
    parts
        .into_iter()
        .reduce(|a, b| Arc::new(BinaryExpr::new(a, Operator::And, b)))
        .unwrap_or_else(|| lit(true))
}

/// One of these values. Where the column's type does not hold one of them, the range alone has to do: rows may hold what their type
/// does not, such as decimals of too many digits.
fn listed(
    parts: &mut Vec<Arc<dyn PhysicalExpr>>,
    schema: &Schema,
    index: usize,
    values: &[ScalarValue],
) {
    let data_type = schema.field(index).data_type();
    let values = values
        .iter()
        .map(|value| value.cast_to(data_type).ok().filter(|v| !v.is_null()))
        .collect::<Option<Vec<_>>>();
    let values = values.unwrap_or_default().into_iter().map(lit);
    let values = values.collect::<Vec<_>>();
    if !values.is_empty()
        && let Ok(filter) = in_list(column(schema, index), values, &false, schema)
    {
        parts.push(filter);
    }
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
        // What the column's own type does not hold bounds nothing. Some casts fail then, others give another value.
        if let Ok(here) = bound.cast_to(data_type)
            && here.cast_to(&bound.data_type()).ok().as_ref() == Some(bound)
        {
            push(parts, schema, index, operator, here);
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
            Ratio::of(entity_unit, unit).floor(latest),
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

#[cfg(test)]
mod tests;
