// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A materialization that takes the place of what was materialized before.

use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};

use super::Materialization;
use super::changes::iceberg;
use super::touched::Touched;
use crate::append::column;
use crate::live::with_origin;
use crate::names::{IS_DELETED, IS_PUSHED};
use crate::store::OnlineTable;
use crate::summary::{Lineage, Operation, Recorded};
use crate::view::OnlineView;

/// Whether rows that were materialized before may not be in the source any more, or mean something
/// else: unless all of them are by this definition and from snapshots that were only appended to
/// since.
///
/// What was materialized before the last full or incremental materialization was seen to then.
pub(super) fn must_replace(
    asked: &Materialization<'_>,
    lineage: &Lineage,
    definition: &str,
) -> bool {
    let source = iceberg(&asked.source);
    let still_there = |said: &Recorded| {
        let there = source
            .zip(said.source_snapshot)
            .and_then(|(source, id)| source.appended_after(id));
        said.definition.as_deref() == Some(definition) && there.is_some()
    };
    for (_, said) in &lineage.commits {
        let Some(said) = said else {
            // Somebody else's commit: what it did to the rows is not known.
            return true;
        };
        if said.operation != Operation::Materialize {
            continue;
        }
        if !still_there(said) {
            return true;
        }
        if said.mode.as_deref() != Some("window") {
            return false;
        }
    }
    !lineage.whole
}

/// The rows of a materialization and what hides the earlier ones, of the keys that were touched or of
/// all. Pushed rows that still count are written again beside them.
pub(super) async fn replaced(
    table: &OnlineTable,
    view: &OnlineView,
    image: LogicalPlan,
    touched: Option<&Touched>,
) -> Result<LogicalPlan> {
    let live = with_origin(table, view, None).await?;
    let live = match touched {
        Some(touched) => touched.among(view, live)?,
        None => live,
    };
    let names: Vec<String> = image
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    let is_key = |name: &str| view.keys.iter().any(|key| key.name == name);
    let mut marker = Vec::with_capacity(names.len());
    let mut copied = Vec::with_capacity(names.len());
    for name in &names {
        let data_type = image
            .schema()
            .field_with_unqualified_name(name)?
            .data_type();
        let none = lit(ScalarValue::try_from(data_type)?);
        let (marked, kept) = match name.as_str() {
            IS_DELETED => (lit(true), lit(false)),
            IS_PUSHED => (lit(false), lit(true)),
            name if is_key(name) => (column(name), column(name)),
            name if table.has(name) => (none, column(name)),
            _ => (none.clone(), none),
        };
        marker.push(marked.alias(name));
        copied.push(kept.alias(name));
    }
    let keys: Vec<Expr> = view.keys.iter().map(|key| column(&key.name)).collect();
    let hidden = LogicalPlanBuilder::from(live.clone());
    let hidden = match keys.is_empty() {
        true => hidden.limit(0, Some(1))?,
        false => hidden.aggregate(keys, Vec::<Expr>::new())?,
    };
    let markers = hidden.project(marker)?.build()?;
    let pushed = LogicalPlanBuilder::from(live)
        .filter(column(IS_PUSHED))?
        .project(copied)?
        .build()?;
    LogicalPlanBuilder::from(image)
        .union(markers)?
        .union(pushed)?
        .build()
}
