// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One commit to an online table.

use std::collections::HashSet;

use datafusion::common::{Column, Result, ScalarValue, exec_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use std::sync::Arc;

use crate::names::ENTITY_HASH;
use crate::store::{OnlineStore, OnlineTable};
use crate::summary::Recorded;
use crate::view::OnlineView;

/// What a commit added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) rows: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) snapshot_id: i64,
}

/// Appends rows, which have the view's names, `is_deleted` and `is_pushed`, in one commit that says what it is. A
/// commit without rows is made, too.
pub(crate) async fn append(
    state: &SessionState,
    store: &OnlineStore,
    view: &OnlineView,
    table: &OnlineTable,
    rows: LogicalPlan,
    recorded: &Recorded,
) -> Result<Committed> {
    let known: HashSet<i64> = snapshot_ids(table).collect();
    let rows = table_rows(view, table, rows)?;
    let target = table.provider.with_snapshot_summary(recorded.entries());
    let target = provider_as_source(Arc::new(target));
    let plan = LogicalPlanBuilder::insert_into(rows, table.name(), target, InsertOp::Append)?;
    DataFrame::new(state.clone(), plan.build()?)
        .collect()
        .await?;
    let written = store.reopened(view).await?;
    let commits = written.lineage().commits;
    let ours = commits.iter().find(|(snapshot, said)| {
        !known.contains(&snapshot.snapshot_id())
            && said
                .as_ref()
                .is_some_and(|it| it.write_id == recorded.write_id)
    });
    let Some((snapshot, _)) = ours else {
        return exec_err!(
            "the rows for online table {} were committed, but its snapshot is gone: look at the table's snapshots",
            table.name()
        );
    };
    let said = &snapshot.summary().additional_properties;
    let count = |name: &str| {
        said.get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    Ok(Committed {
        rows: count("added-records"),
        files: count("added-data-files"),
        bytes: count("added-files-size"),
        snapshot_id: snapshot.snapshot_id(),
    })
}

fn snapshot_ids(table: &OnlineTable) -> impl Iterator<Item = i64> {
    let snapshots = table.provider.table().metadata().snapshots();
    snapshots.map(|snapshot| snapshot.snapshot_id())
}

/// The rows in the table's columns, with the hash of their keys.
fn table_rows(view: &OnlineView, table: &OnlineTable, rows: LogicalPlan) -> Result<LogicalPlan> {
    let schema = Arc::clone(rows.schema());
    let keys = view.keys.iter();
    let keys: Vec<Expr> = keys.map(|key| column(&key.name)).collect();
    let columns = table.columns();
    let values = columns.fields().iter().map(|field| {
        let (name, data_type) = (field.name(), field.data_type());
        let value = match name.as_str() {
            ENTITY_HASH => table.hash.clone().expr(keys.clone()),
            name if schema.has_column_with_unqualified_name(name) => {
                column(name).cast_to(data_type, &schema)?
            }
            _ => lit(ScalarValue::try_from(data_type)?),
        };
        Ok(value.alias(name))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    LogicalPlanBuilder::from(rows).project(values)?.build()
}

/// A column of a plan by its name alone.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
