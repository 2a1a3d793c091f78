// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of an online table that count.
//!
//! A row with `is_deleted` hides the rows of its key that were committed before it: those in files
//! with a lesser sequence number, as with Iceberg's equality deletes.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, JoinType, Result};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, not};

use crate::append::column;
use crate::names::{CREATED_TIME, EVENT_TIME, IS_DELETED, IS_PUSHED};
use crate::store::OnlineTable;
use crate::view::OnlineView;

/// The column with the sequence number of a row's commit.
const SEQUENCE: &str = "__feast_sequence";
/// The newest commit that hides a key.
const HIDDEN: &str = "__feast_hidden";
/// A row's file.
const FILE: &str = "__feast_file";
const PATH: &str = "$path";

/// The live rows of the view that pass `filter`, which is about keys: keys, times and the view's
/// columns as far as the table has them.
pub(crate) async fn live_rows(
    table: &OnlineTable,
    view: &OnlineView,
    filter: Option<Expr>,
) -> Result<LogicalPlan> {
    let columns = columns(table, view);
    if table.lineage().may_have_deletes() {
        let rows = with_origin(table, view, filter).await?;
        return LogicalPlanBuilder::from(rows).project(columns)?.build();
    }
    let shown = not(column(IS_DELETED));
    let wanted = match filter {
        Some(filter) => filter.and(shown),
        None => shown,
    };
    LogicalPlanBuilder::scan(view.table_name(), provider_as_source(table.source()), None)?
        .filter(wanted)?
        .project(columns)?
        .build()
}

/// The same rows, each with whether it was pushed.
pub(crate) async fn with_origin(
    table: &OnlineTable,
    view: &OnlineView,
    filter: Option<Expr>,
) -> Result<LogicalPlan> {
    let all = LogicalPlanBuilder::from(with_sequences(table, view, filter).await?);
    let keys: Vec<&str> = view.keys.iter().map(|key| key.name.as_str()).collect();
    let marked: Vec<String> = (0..keys.len())
        .map(|at| format!("__feast_key_{at}"))
        .collect();
    let groups = keys.iter().zip(&marked);
    let markers = all
        .clone()
        .filter(column(IS_DELETED))?
        .aggregate(
            groups.map(|(key, name)| column(key).alias(name)),
            vec![max(column(SEQUENCE)).alias(HIDDEN)],
        )?
        .build()?;
    let rows = all.filter(not(column(IS_DELETED)))?;
    let joined = match keys.is_empty() {
        // The greatest number of all rows, one row.
        true => rows.cross_join(markers)?,
        false => {
            let left = keys
                .iter()
                .map(|key| Column::new_unqualified(*key))
                .collect();
            let right = marked
                .iter()
                .map(Column::new_unqualified)
                .collect::<Vec<_>>();
            rows.join(markers, JoinType::Left, (left, right), None)?
        }
    };
    let shown = column(HIDDEN)
        .is_null()
        .or(column(SEQUENCE).gt_eq(column(HIDDEN)));
    let mut columns = columns(table, view);
    columns.push(column(IS_PUSHED));
    joined.filter(shown)?.project(columns)?.build()
}

/// All rows with the sequence numbers of their commits.
async fn with_sequences(
    table: &OnlineTable,
    view: &OnlineView,
    filter: Option<Expr>,
) -> Result<LogicalPlan> {
    let files = table.provider.data_file_sequences().await?;
    let (paths, sequences): (Vec<String>, Vec<i64>) = files.into_iter().unzip();
    let schema = Arc::new(Schema::new(vec![
        Field::new(FILE, DataType::Utf8, false),
        Field::new(SEQUENCE, DataType::Int64, false),
    ]));
    let files = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(StringArray::from(paths)),
            Arc::new(Int64Array::from(sequences)),
        ],
    )?;
    let files = MemTable::try_new(schema, vec![vec![files]])?;
    let files = LogicalPlanBuilder::scan("files", provider_as_source(Arc::new(files)), None)?;
    let rows = provider_as_source(Arc::new(table.provider.clone().with_path_column()?));
    let mut rows = LogicalPlanBuilder::scan(view.table_name(), rows, None)?;
    if let Some(filter) = filter {
        rows = rows.filter(filter)?;
    }
    let mut columns = columns(table, view);
    columns.extend([column(IS_DELETED), column(IS_PUSHED), column(SEQUENCE)]);
    let on = (
        vec![Column::new_unqualified(PATH)],
        vec![Column::new_unqualified(FILE)],
    );
    rows.join(files.build()?, JoinType::Inner, on, None)?
        .project(columns)?
        .build()
}

/// The view's columns that the table has.
fn columns(table: &OnlineTable, view: &OnlineView) -> Vec<Expr> {
    let keys = view.keys.iter().map(|key| key.name.as_str());
    let kept = view.columns.iter().map(|kept| kept.name.as_str());
    let kept = kept.filter(|name| table.has(name));
    keys.chain([EVENT_TIME, CREATED_TIME])
        .chain(kept)
        .map(|name| column(name).alias(name))
        .collect()
}
