// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_pit_join`: from definitions to a plan.
//!
//! The SQL form with named arguments, the plain table function and Rust callers all end here.

mod request;
mod selection;
mod source;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::cast;
use feast_pit::{PitJoinNode, PitSpec, PitView, utc};

pub use request::{AsOf, PitJoinRequest};
pub(crate) use request::{OPTIONS, entries};
use selection::select;

use crate::session::FeastScope;

/// Plans the join of an entity query with the features asked for.
pub(crate) async fn pit_join(
    scope: &FeastScope,
    entities: LogicalPlan,
    request: &PitJoinRequest,
) -> Result<PitJoinNode> {
    let registry = scope.registry().read()?;
    let selections = select(&registry, scope.project(), request)?;
    let time = event_time(
        entities.schema().as_arrow(),
        request.event_timestamp.as_deref(),
    )?;
    let entities = in_utc(entities, &time)?;
    let mut views = Vec::with_capacity(selections.len());
    let mut inputs = Vec::with_capacity(selections.len());
    for selection in &selections {
        let (view, input) = source::resolve(scope, selection, request).await?;
        views.push(view);
        inputs.push(input);
    }
    check_names(
        entities.schema().as_arrow(),
        &views,
        request.full_feature_names,
    )?;
    let spec = PitSpec {
        event_time: time,
        views,
    };
    PitJoinNode::try_new(entities, inputs, Arc::new(spec))
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
    const USUAL: &str = "event_timestamp";
    if entities.column_with_name(USUAL).is_some() {
        return Ok(USUAL.to_owned());
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
            "feast_pit_join: the entities have no timestamp column; their columns are {}; add one called {USUAL}, or name a date \
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

/// No two columns of the answer may share a name; the error names both and the way out.
fn check_names(entities: &Schema, views: &[PitView], full_feature_names: bool) -> Result<()> {
    let mut seen: Vec<(&str, String)> = entities
        .fields()
        .iter()
        .map(|f| (f.name().as_str(), format!("entity column {}", f.name())))
        .collect();
    for view in views {
        for feature in &view.features {
            let what = format!("feature {}:{}", view.name, feature.column);
            if let Some((_, other)) = seen.iter().find(|(name, _)| *name == feature.output) {
                if *other == what {
                    return plan_err!("feast_pit_join: {what} is asked for twice; ask for it once");
                }
                let way_out = if full_feature_names {
                    "use an alias in a feature service, or rename the entity column"
                } else {
                    "set full_feature_names => true, use an alias in a feature service, or rename the entity column"
                };
                return plan_err!(
                    "feast_pit_join: {other} and {what} are both called {} in the answer; {way_out}",
                    feature.output
                );
            }
            seen.push((&feature.output, what));
        }
    }
    Ok(())
}
