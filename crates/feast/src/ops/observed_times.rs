// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_observed_times`: every key and time at which one of the views has a row, with the features as of it.

use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use feast_pit::PitJoinNode;

use super::pit_join::{
    Call, CommonKeys, Counted, EVENT_TIMESTAMP, PitJoinRequest, Window, input_column, instant_type,
    join, keyed, resolve, told,
};
use super::snapshot_at::sorted;
use crate::session::FeastScope;

/// Plans the join of all keys and times that the views have rows of in a window.
pub(crate) async fn observed_times(
    scope: &FeastScope,
    window: Window,
    request: &PitJoinRequest,
) -> Result<PitJoinNode> {
    let call = Call::ObservedTimes;
    let views = resolve(scope, call, request).await?;
    let keyed = keyed(&views);
    let keys = CommonKeys::of(call, &keyed)?;
    let time_type = instant_type(&keyed)?;
    let counted = Counted {
        event: window,
        created: None,
    };
    let mut observed: Option<LogicalPlanBuilder> = None;
    for (view, input) in keyed {
        let (time, from) = input_column(input, &view.event_time)?;
        let mut exprs = keys.of_view(view, input)?;
        exprs.push(told(time, &from, &time_type).alias(EVENT_TIMESTAMP));
        let rows = LogicalPlanBuilder::from(keys.counted(view, input, counted)?);
        let rows = rows.project(exprs)?;
        observed = Some(match observed {
            None => rows,
            Some(others) => others.union(rows.build()?)?,
        });
    }
    let observed = observed.unwrap_or_else(|| LogicalPlanBuilder::empty(false));
    let time = Expr::Column(Column::from_name(EVENT_TIMESTAMP));
    let rows = sorted(observed.distinct()?, keys.exprs().chain([time]))?;
    join(call, rows.build()?, EVENT_TIMESTAMP, views)
}
