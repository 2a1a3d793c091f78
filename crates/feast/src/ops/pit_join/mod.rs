// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_pit_join`: from definitions to a plan.
//!
//! The SQL form with named arguments, the plain table function and Rust callers all end here. What the retrievals without entities
//! share with it is here too: the arguments, the views a call asks for, the names of the answer's columns.

mod arguments;
mod call;
mod columns;
mod instant;
mod keys;
mod names;
mod request;
mod selection;
mod source;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::cast;
use feast_pit::{PitJoinNode, PitSpec, utc};

pub(crate) use arguments::entries;
pub(crate) use call::Call;
pub(super) use columns::{input_column, told};
pub(crate) use instant::Instant;
pub(super) use instant::Window;
pub(super) use keys::{CommonKeys, Counted, EVENT_TIMESTAMP, instant_type, keyed};
pub(super) use names::check_names;
pub use request::{AsOf, PitJoinRequest};
pub(super) use selection::{Selection, select};
pub(super) use source::{Columns, ResolvedViews, as_duration, resolve};

use crate::session::FeastScope;

/// Plans the join of an entity query with the features asked for.
pub(crate) async fn pit_join(
    scope: &FeastScope,
    entities: LogicalPlan,
    request: &PitJoinRequest,
) -> Result<PitJoinNode> {
    let views = resolve(scope, Call::PitJoin, request).await?;
    let time = event_time(
        entities.schema().as_arrow(),
        request.event_timestamp.as_deref(),
    )?;
    let entities = in_utc(entities, &time)?;
    join(Call::PitJoin, entities, &time, views)
}

/// Joins rows that say who and when with the views of a call.
pub(super) fn join(
    call: Call,
    entities: LogicalPlan,
    time: &str,
    views: ResolvedViews,
) -> Result<PitJoinNode> {
    check_names(call, entities.schema().as_arrow(), &views)?;
    let spec = PitSpec {
        event_time: time.to_owned(),
        views: views.specs,
    };
    PitJoinNode::try_new(entities, views.inputs, Arc::new(spec))
}

/// The entity side's time column: the one named, else `event_timestamp`, else the only timestamp.
fn event_time(entities: &Schema, named: Option<&str>) -> Result<String> {
    let all = || {
        entities
            .fields()
            .iter()
            .map(|f| f.name().as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(name) = named {
        return match entities.column_with_name(name) {
            Some(_) => Ok(name.to_owned()),
            None => plan_err!(
                "feast_pit_join: the entities have no column {name}, named by event_timestamp; their columns are {}",
                all()
            ),
        };
    }
    if entities.column_with_name(EVENT_TIMESTAMP).is_some() {
        return Ok(EVENT_TIMESTAMP.to_owned());
    }
    let times = entities
        .fields()
        .iter()
        .filter(|f| matches!(f.data_type(), DataType::Timestamp(_, _)))
        .map(|f| f.name().as_str())
        .collect::<Vec<_>>();
    match times.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => plan_err!(
            "feast_pit_join: the entities have no timestamp column; their columns are {}; add one called {EVENT_TIMESTAMP}, or name a date \
             column with event_timestamp => '…'",
            all()
        ),
        several => plan_err!(
            "feast_pit_join: the entities have several timestamp columns, {}; choose one with event_timestamp => '…'",
            several.join(", ")
        ),
    }
}

/// The entities with instants told in UTC, and a time given as text read as one.
fn in_utc(entities: LogicalPlan, time: &str) -> Result<LogicalPlan> {
    let schema = Arc::clone(entities.schema());
    let mut changed = false;
    let columns = schema
        .iter()
        .map(|(qualifier, field)| {
            let column = Expr::Column((qualifier, field).into());
            let target = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
                    if field.name() == time =>
                {
                    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
                }
                other => utc(other),
            };
            if &target == field.data_type() {
                column
            } else {
                changed = true;
                cast(column, target).alias(field.name())
            }
        })
        .collect::<Vec<_>>();
    if changed {
        LogicalPlanBuilder::from(entities).project(columns)?.build()
    } else {
        Ok(entities)
    }
}
