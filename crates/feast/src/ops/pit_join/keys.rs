// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The keys that the views of a call have in common, and which of them their rows hold.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use feast_pit::{PitKey, PitView, key_type, utc};

use super::{Call, ResolvedViews, Window, input_column, told};

/// The time column of the rows that a retrieval without entities gives.
pub(crate) const EVENT_TIMESTAMP: &str = "event_timestamp";

/// The key columns of an answer: names in the first view's order, and a type that holds the keys of all views.
#[derive(Debug)]
pub(crate) struct CommonKeys {
    pub(crate) columns: Vec<(String, DataType)>,
}

/// Which rows of a view count for its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Their event times.
    pub(crate) event: Window,
    /// Their created times, where the created cutoff is on and the view has them.
    pub(crate) created: Option<Window>,
}

impl CommonKeys {
    /// The keys of these views, or an error that names two that have different ones.
    pub(crate) fn of(call: Call, views: &[(&PitView, &LogicalPlan)]) -> Result<Self> {
        let Some(((first, _), others)) = views.split_first() else {
            return Ok(Self { columns: vec![] });
        };
        let names = |view: &PitView| -> BTreeSet<String> {
            view.keys.iter().map(|key| key.entity.clone()).collect()
        };
        if let Some((other, _)) = others.iter().find(|(view, _)| names(view) != names(first)) {
            return plan_err!(
                "{}: feature view {} has {} and feature view {} has {}; ask for views with different keys in calls of their own",
                call.name(),
                first.name,
                described(first),
                other.name,
                described(other)
            );
        }
        let mut columns = Vec::with_capacity(first.keys.len());
        for key in &first.keys {
            if key.entity == EVENT_TIMESTAMP {
                return plan_err!(
                    "{}: join key {EVENT_TIMESTAMP} of feature view {} is called as the time column of the answer; give it another \
                     name with ON ({} = …) in a feature service",
                    call.name(),
                    first.name,
                    key.view
                );
            }
            columns.push((key.entity.clone(), common_type(call, &key.entity, views)?));
        }
        Ok(Self { columns })
    }

    /// A view's keys, as columns of the answer.
    pub(crate) fn of_view(&self, view: &PitView, input: &LogicalPlan) -> Result<Vec<Expr>> {
        let column = |(name, data_type): &(String, DataType)| {
            let (expr, from) = input_column(input, key_of(view, name)?)?;
            Ok(told(expr, &from, data_type).alias(name))
        };
        self.columns.iter().map(column).collect()
    }

    /// The rows of a view that count and have every key.
    pub(crate) fn counted(
        &self,
        view: &PitView,
        input: &LogicalPlan,
        counted: Counted,
    ) -> Result<LogicalPlan> {
        let (event, data_type) = input_column(input, &view.event_time)?;
        let mut condition = counted.event.holds(&event, &data_type);
        if let (Some(window), Some(created)) = (counted.created, &view.created_time) {
            let (created, data_type) = input_column(input, created)?;
            condition = condition.and(window.holds(&created, &data_type));
        }
        for (name, _) in &self.columns {
            let (key, _) = input_column(input, key_of(view, name)?)?;
            condition = condition.and(key.is_not_null());
        }
        LogicalPlanBuilder::from(input.clone())
            .filter(condition)?
            .build()
    }

    /// The columns by name, to project or sort by.
    pub(crate) fn exprs(&self) -> impl Iterator<Item = Expr> {
        self.columns
            .iter()
            .map(|(name, _)| Expr::Column(Column::from_name(name)))
    }
}

/// Whose rows tell which keys there are: the views that have keys; where none has, all of them.
pub(crate) fn keyed(views: &ResolvedViews) -> Vec<(&PitView, &LogicalPlan)> {
    let all = || views.specs.iter().zip(&views.inputs);
    let keyed: Vec<_> = all().filter(|(view, _)| !view.keys.is_empty()).collect();
    if keyed.is_empty() {
        all().collect()
    } else {
        keyed
    }
}

/// The type that holds a key of every view.
fn common_type(call: Call, name: &str, views: &[(&PitView, &LogicalPlan)]) -> Result<DataType> {
    let mut common: Option<(&str, DataType)> = None;
    for (view, input) in views {
        let (_, data_type) = input_column(input, key_of(view, name)?)?;
        let data_type = utc(&data_type);
        common = Some(match common {
            None => (view.name.as_str(), data_type),
            Some((first, other)) if other == data_type => (first, other),
            Some((first, other)) => match key_type(name, &other, name, &data_type) {
                Ok(common) => (first, common),
                Err(_) => {
                    return plan_err!(
                        "{}: join key {name} is {other} in feature view {first} and {data_type} in feature view {}; ask for them in calls \
                         of their own",
                        call.name(),
                        view.name
                    );
                }
            },
        });
    }
    Ok(common.map_or(DataType::Null, |(_, data_type)| data_type))
}

fn key_of<'a>(view: &'a PitView, name: &str) -> Result<&'a str> {
    match view.keys.iter().find(|key| key.entity == name) {
        Some(PitKey { view, .. }) => Ok(view),
        None => plan_err!("feature view {} has no join key {name}", view.name),
    }
}

fn described(view: &PitView) -> String {
    let names: Vec<_> = view.keys.iter().map(|key| key.entity.as_str()).collect();
    match names.as_slice() {
        [] => "no join key".to_owned(),
        [one] => format!("join key {one}"),
        several => format!("join keys {}", several.join(", ")),
    }
}

/// The event time of a view as an instant in UTC, in the finest unit among these views.
pub(crate) fn instant_type(views: &[(&PitView, &LogicalPlan)]) -> Result<DataType> {
    let mut finest = TimeUnit::Second;
    for (view, input) in views {
        let unit = match input_column(input, &view.event_time)?.1 {
            DataType::Timestamp(unit, _) => unit,
            DataType::Date64 => TimeUnit::Millisecond,
            _ => TimeUnit::Second,
        };
        finest = finest.max(unit);
    }
    Ok(DataType::Timestamp(finest, Some("UTC".into())))
}
