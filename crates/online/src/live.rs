// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of an online table that count.
//!
//! A row with `is_deleted` hides the rows of its key that were committed before it: those in files
//! with a lesser sequence number, as with Iceberg's equality deletes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::{and, cast, filter_record_batch, not as not_kernel};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::{Column, JoinType, Result, exec_datafusion_err, exec_err};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, not};
use feast_iceberg::SequencedRows;

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

/// The rows that nothing hides, of those of some keys, all of which are given.
pub(crate) fn shown(view: &OnlineView, rows: &[SequencedRows]) -> Result<Vec<RecordBatch>> {
    let mut hidden: HashMap<Option<OwnedRow>, i64> = HashMap::new();
    let types = view.keys.iter().map(|key| key.key_type.arrow());
    let converter = RowConverter::new(types.map(SortField::new).collect())?;
    for batch in rows {
        let marks = deleted(&batch.rows)?;
        if marks.true_count() == 0 {
            continue;
        }
        let keys = keys_of(view, &batch.rows, &converter)?;
        for row in (0..marks.len()).filter(|row| marks.is_valid(*row) && marks.value(*row)) {
            let since = hidden.entry(keys(row)).or_insert(batch.sequence);
            *since = (*since).max(batch.sequence);
        }
    }
    let mut live = Vec::with_capacity(rows.len());
    for batch in rows {
        let mut kept = not_kernel(deleted(&batch.rows)?)?;
        if !hidden.is_empty() {
            let keys = keys_of(view, &batch.rows, &converter)?;
            let newer = |row: usize| {
                hidden
                    .get(&keys(row))
                    .is_none_or(|it| batch.sequence >= *it)
            };
            let newer: BooleanArray = (0..kept.len()).map(newer).map(Some).collect();
            kept = and(&kept, &newer)?;
        }
        live.push(filter_record_batch(&batch.rows, &kept)?);
    }
    Ok(live)
}

fn deleted(rows: &RecordBatch) -> Result<&BooleanArray> {
    let marks = rows
        .column_by_name(IS_DELETED)
        .and_then(|marks| marks.as_boolean_opt());
    marks.ok_or_else(|| exec_datafusion_err!("rows of an online table came without {IS_DELETED}"))
}

/// The key of each row; None where the view has no keys.
fn keys_of(
    view: &OnlineView,
    rows: &RecordBatch,
    converter: &RowConverter,
) -> Result<impl Fn(usize) -> Option<OwnedRow>> {
    let mut columns = Vec::with_capacity(view.keys.len());
    for key in &view.keys {
        let Some(column) = rows.column_by_name(&key.name) else {
            return exec_err!(
                "rows of an online table came without their key {}",
                key.name
            );
        };
        columns.push(cast(column, &key.key_type.arrow())?);
    }
    let encoded = match columns.is_empty() {
        true => None,
        false => Some(converter.convert_columns(&columns)?),
    };
    Ok(move |row: usize| Some(encoded.as_ref()?.row(row).owned()))
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
