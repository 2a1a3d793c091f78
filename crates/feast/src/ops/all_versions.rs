// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_all_versions`: every row of the views in a window of event times, as it was written.

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use feast_pit::{PitView, instant, utc};

use super::pit_join::{
    Call, CommonKeys, EVENT_TIMESTAMP, PitJoinRequest, ResolvedViews, Window, check_names,
    input_column, instant_type, resolve, told,
};
use crate::session::FeastScope;

/// Plans the rows in a window. Rows of several views stand below one another, the features of other views NULL.
pub(crate) async fn all_versions(
    scope: &FeastScope,
    window: Window,
    request: &PitJoinRequest,
) -> Result<LogicalPlan> {
    let call = Call::AllVersions;
    let views = resolve(scope, call, request).await?;
    let all: Vec<_> = views.specs.iter().zip(&views.inputs).collect();
    let keys = CommonKeys::of(call, &all)?;
    let time_type = instant_type(&all)?;
    check_names(call, &leading(&keys, &time_type), &views)?;
    let mut rows: Option<LogicalPlanBuilder> = None;
    for (at, (view, input)) in all.into_iter().enumerate() {
        let (time, from) = input_column(input, &view.event_time)?;
        let mut exprs = keys.of_view(view, input)?;
        exprs.push(told(time.clone(), &from, &time_type).alias(EVENT_TIMESTAMP));
        exprs.extend(features(&views, at)?);
        let part = LogicalPlanBuilder::from(input.clone())
            .filter(window.holds(&time, &from))?
            .project(exprs)?;
        rows = Some(match rows {
            None => part,
            Some(others) => others.union(part.build()?)?,
        });
    }
    rows.unwrap_or_else(|| LogicalPlanBuilder::empty(false))
        .build()
}

/// The columns before the features.
fn leading(keys: &CommonKeys, time_type: &DataType) -> Schema {
    let keys = keys.columns.iter().map(|(name, t)| (name.as_str(), t));
    let all = keys.chain([(EVENT_TIMESTAMP, time_type)]);
    Schema::new(
        all.map(|(name, t)| Field::new(name, t.clone(), true))
            .collect::<Vec<_>>(),
    )
}

/// The features and the provenance of all views, in a row of view number `own`.
fn features(views: &ResolvedViews, own: usize) -> Result<Vec<Expr>> {
    let mut exprs = Vec::new();
    for (at, (view, input)) in views.specs.iter().zip(&views.inputs).enumerate() {
        for (name, expr, data_type) in columns(view, input)? {
            let expr = match at == own {
                true => expr,
                false => lit(ScalarValue::try_from(&data_type)?),
            };
            exprs.push(expr.alias(name));
        }
    }
    Ok(exprs)
}

/// The columns a view has in the answer, by name: how its rows fill them, and their type.
fn columns<'a>(view: &'a PitView, input: &LogicalPlan) -> Result<Vec<(&'a str, Expr, DataType)>> {
    let mut columns = Vec::new();
    for feature in &view.features {
        let (expr, from) = input_column(input, &feature.column)?;
        let to = utc(&from);
        columns.push((feature.output.as_str(), told(expr, &from, &to), to));
    }
    if let Some(provenance) = &view.provenance {
        let times = [
            (&provenance.event_time, Some(&view.event_time)),
            (&provenance.created_time, view.created_time.as_ref()),
        ];
        for (name, column) in times {
            let (expr, to) = match column {
                Some(column) => {
                    let (expr, from) = input_column(input, column)?;
                    let to = instant(&from);
                    (told(expr, &from, &to), to)
                }
                None => {
                    let to = instant(&DataType::Null);
                    (lit(ScalarValue::try_from(&to)?), to)
                }
            };
            columns.push((name.as_str(), expr, to));
        }
        for (name, value) in &provenance.constants {
            columns.push((name.as_str(), lit(value.clone()), value.data_type()));
        }
    }
    Ok(columns)
}
