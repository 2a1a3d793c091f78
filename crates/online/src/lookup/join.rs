// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join of a lookup: who won, for each row of the request.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt64Array, new_null_array,
};
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use datafusion::common::{Result, exec_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::{ExecutionPlan, collect};
use feast_pit::{PitFeature, PitJoinExec, PitJoinNode, PitSpec};

use super::{LookupSession, LookupView};
use crate::instant::{not_after, not_before};
use crate::names::{AS_OF, EVENT_TIME};

const ROW: &str = "__feast_row";
const EVENT: &str = "__feast_event";

/// What gives the rows that compete.
pub(super) enum Competing {
    /// A plan.
    Plan(Box<LogicalPlan>),
    /// The rows themselves.
    Batch(RecordBatch),
}

/// The rows that compete.
pub(super) struct Rows {
    pub(super) competing: Competing,
    /// The view's columns that they have.
    has: Vec<String>,
}

impl Rows {
    pub(super) fn new(competing: Competing, has: &[&str]) -> Self {
        Self {
            competing,
            has: has.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

/// The winners, a row for each of the request's.
pub(super) struct Joined {
    /// The winner's event time; NULL where there is none.
    pub(super) event: ArrayRef,
    /// Before this event time a value is too old.
    pub(super) oldest: Option<ArrayRef>,
    /// The features in the order asked for; None for one that was never written.
    pub(super) values: Vec<Option<ArrayRef>>,
}

impl Joined {
    pub(super) async fn of(
        session: &dyn LookupSession,
        wanted: &LookupView,
        rows: Rows,
        keys: &[ArrayRef],
        count: usize,
        as_of: i128,
    ) -> Result<Self> {
        let view = &wanted.view;
        let names: Vec<String> = (0..keys.len())
            .map(|at| format!("__feast_key_{at}"))
            .collect();
        let entity = entity_side(wanted, keys, &names, count, as_of)?;
        let has = |name: &str| rows.has.iter().any(|it| it == name);
        let mut features = vec![PitFeature {
            column: EVENT_TIME.to_owned(),
            output: EVENT.to_owned(),
        }];
        for (at, feature) in wanted.features.iter().enumerate() {
            if has(&feature.name) {
                features.push(PitFeature {
                    column: feature.name.clone(),
                    output: output(at),
                });
            }
        }
        let spec = PitSpec {
            event_time: AS_OF.to_owned(),
            views: vec![view.join_view(&names, has, features)],
        };
        let (schema, found) = match rows.competing {
            Competing::Plan(plan) => planned(session.state(), entity, *plan, spec).await?,
            Competing::Batch(rows) => joined(session.context(), entity, rows, spec).await?,
        };
        let found = in_order(concat_batches(&schema, &found)?, count)?;
        let named = |name: &str| found.column_by_name(name).cloned();
        let event = match named(EVENT) {
            Some(event) => cast(&event, &view.event_time)?,
            None => new_null_array(&view.event_time, count),
        };
        let types = wanted.features.iter().enumerate().map(|(at, feature)| {
            let kept = view.columns.iter().find(|kept| kept.name == feature.name);
            match (named(&output(at)), kept) {
                (Some(values), Some(kept)) => Ok(Some(cast(&values, &kept.data_type)?)),
                _ => Ok(None),
            }
        });
        let oldest = view.ttl.and_then(|ttl| i128::try_from(ttl.as_nanos()).ok());
        let oldest =
            oldest.map(|ttl| not_before(&view.event_time, as_of.saturating_sub(ttl)).to_array());
        Ok(Self {
            values: types.collect::<Result<_>>()?,
            oldest: oldest.transpose()?,
            event,
        })
    }
}

fn output(at: usize) -> String {
    format!("__feast_value_{at}")
}

fn entity_side(
    wanted: &LookupView,
    keys: &[ArrayRef],
    names: &[String],
    count: usize,
    as_of: i128,
) -> Result<RecordBatch> {
    let at = not_after(&wanted.view.event_time, as_of);
    let rows: Int64Array = (0..count as i64).collect();
    let mut fields: Vec<Field> = names
        .iter()
        .zip(keys)
        .map(|(name, key)| Field::new(name, key.data_type().clone(), true))
        .collect();
    fields.push(Field::new(ROW, rows.data_type().clone(), false));
    fields.push(Field::new(AS_OF, at.data_type(), false));
    let mut columns: Vec<ArrayRef> = keys.to_vec();
    columns.push(Arc::new(rows));
    columns.push(at.to_array_of_size(count)?);
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

/// The join over a plan.
async fn planned(
    state: SessionState,
    entity: RecordBatch,
    rows: LogicalPlan,
    spec: PitSpec,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let table = MemTable::try_new(entity.schema(), vec![vec![entity]])?;
    let entity = LogicalPlanBuilder::scan("keys", provider_as_source(Arc::new(table)), None)?;
    let join = PitJoinNode::try_new(entity.build()?, vec![rows], Arc::new(spec))?;
    let plan = LogicalPlan::Extension(Extension {
        node: Arc::new(join),
    });
    let schema = Arc::clone(plan.schema().inner());
    Ok((schema, DataFrame::new(state, plan).collect().await?))
}

/// The same operator over rows that are there: nothing is left to plan.
async fn joined(
    context: Arc<TaskContext>,
    entity: RecordBatch,
    rows: RecordBatch,
    spec: PitSpec,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let given = |rows: RecordBatch| -> Result<Arc<dyn ExecutionPlan>> {
        let schema = rows.schema();
        Ok(MemorySourceConfig::try_new_exec(
            &[vec![rows]],
            schema,
            None,
        )?)
    };
    let join = PitJoinExec::try_new(given(entity)?, vec![given(rows)?], Arc::new(spec))?;
    let schema = join.schema();
    Ok((schema, collect(Arc::new(join), context).await?))
}

/// The rows in the order of the request.
fn in_order(found: RecordBatch, count: usize) -> Result<RecordBatch> {
    let Some(rows) = found.column_by_name(ROW) else {
        return exec_err!("a lookup lost the numbers of its rows");
    };
    let rows = rows.as_primitive::<Int64Type>();
    if rows.len() != count {
        return exec_err!("a lookup of {count} rows found {}", rows.len());
    }
    if rows.values().is_sorted() {
        return Ok(found);
    }
    let mut at: Vec<u64> = vec![0; count];
    for (place, row) in (0_u64..).zip(rows.values()) {
        if let Some(slot) = usize::try_from(*row).ok().and_then(|row| at.get_mut(row)) {
            *slot = place;
        }
    }
    let at = UInt64Array::from(at);
    let columns = found.columns().iter().map(|column| take(column, &at, None));
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(found.schema(), columns)?)
}
