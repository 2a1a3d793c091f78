// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of a materialization: the winner of each key up to now, and all rows after now.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder, lit,
};
use feast_pit::{PitFeature, PitJoinNode, PitSpec};

use super::counted::Counted;
use crate::append::column;
use crate::instant::not_after;
use crate::names::{AS_OF, EVENT_TIME, IS_DELETED, IS_PUSHED};
use crate::view::OnlineView;

/// The plan of the rows, with `is_deleted` and `is_pushed`.
pub(super) fn image(
    view: &OnlineView,
    rows: LogicalPlan,
    counted: &Counted,
    now: i128,
) -> Result<LogicalPlan> {
    let winners = winners(view, rows.clone(), counted)?;
    if !counted.future {
        return Ok(winners);
    }
    let mut later = column(EVENT_TIME).gt(lit(not_after(&view.event_time, now)));
    for key in &view.keys {
        later = later.and(column(&key.name).is_not_null());
    }
    let later = LogicalPlanBuilder::from(rows).filter(later)?;
    let names = row_names(view).map(|name| column(&name).alias(name));
    let later = later.project(names.chain(of_the_source()))?.build()?;
    LogicalPlanBuilder::from(winners).union(later)?.build()
}

/// The winner of each key at the instant that the keys say.
fn winners(view: &OnlineView, rows: LogicalPlan, counted: &Counted) -> Result<LogicalPlan> {
    let keys = MemTable::try_new(counted.keys.schema(), vec![vec![counted.keys.clone()]])?;
    let keys = LogicalPlanBuilder::scan("keys", provider_as_source(Arc::new(keys)), None)?;
    let entity: Vec<String> = view.keys.iter().map(|key| key.name.clone()).collect();
    let taken: Vec<String> = row_names(view).skip(entity.len()).collect();
    let output = |at: usize| format!("__feast_value_{at}");
    let features = taken.iter().enumerate().map(|(at, name)| PitFeature {
        column: name.clone(),
        output: output(at),
    });
    let joined = view.join_view(&entity, |_| true, features.collect());
    let spec = PitSpec {
        event_time: AS_OF.to_owned(),
        views: vec![joined],
    };
    let join = PitJoinNode::try_new(keys.build()?, vec![rows], Arc::new(spec))?;
    let plan = LogicalPlan::Extension(Extension {
        node: Arc::new(join),
    });
    let schema = Arc::clone(plan.schema());
    let wanted = view.row_schema();
    let mut exprs: Vec<Expr> = entity.iter().map(|key| column(key).alias(key)).collect();
    for (at, name) in taken.iter().enumerate() {
        let data_type = wanted.field_with_name(name)?.data_type();
        exprs.push(column(&output(at)).cast_to(data_type, &schema)?.alias(name));
    }
    exprs.extend(of_the_source());
    LogicalPlanBuilder::from(plan).project(exprs)?.build()
}

fn of_the_source() -> [Expr; 2] {
    [lit(false).alias(IS_DELETED), lit(false).alias(IS_PUSHED)]
}

fn row_names(view: &OnlineView) -> impl Iterator<Item = String> {
    let schema = view.row_schema();
    let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    names.into_iter()
}
