// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The keys of rows that may be gone from a source.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::common::{Column, JoinType, Result};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use feast_iceberg::IcebergTableProvider;
use futures::TryStreamExt;

use super::Materialization;
use crate::append::column;
use crate::view::OnlineView;

/// Keys, each once.
pub(super) struct Touched {
    keys: Arc<MemTable>,
    /// What they take of the session's memory.
    _memory: MemoryReservation,
}

impl Touched {
    /// The keys of the rows in `removed`; None if there are none.
    pub(super) async fn of(
        state: &SessionState,
        asked: &Materialization<'_>,
        removed: Vec<IcebergTableProvider>,
    ) -> Result<Option<Self>> {
        let view = asked.view;
        let mut all: Option<LogicalPlanBuilder> = None;
        for table in removed {
            let table = provider_as_source(Arc::new(table) as Arc<dyn TableProvider>);
            let rows = LogicalPlanBuilder::scan("removed", table, None)?.build()?;
            let rows = LogicalPlanBuilder::from(view.rows(rows, asked.columns)?);
            let keys = view.keys.iter().zip(names(view));
            let keys = keys.map(|(key, name)| column(&key.name).alias(name));
            let mut rows = rows.project(keys.collect::<Vec<_>>())?;
            for name in names(view) {
                rows = rows.filter(column(&name).is_not_null())?;
            }
            all = Some(match all {
                None => rows,
                Some(others) => others.union(rows.build()?)?,
            });
        }
        let Some(all) = all else {
            return Ok(None);
        };
        let plan = all.distinct()?.build()?;
        let memory = MemoryConsumer::new("keys of rows that are gone")
            .register(&state.runtime_env().memory_pool);
        let mut keys: Vec<RecordBatch> = Vec::new();
        let found = DataFrame::new(state.clone(), plan);
        let mut found = found.execute_stream().await?;
        let schema = found.schema();
        while let Some(batch) = found.try_next().await? {
            memory.try_grow(get_record_batch_memory_size(&batch))?;
            keys.push(batch);
        }
        if keys.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(None);
        }
        Ok(Some(Self {
            keys: Arc::new(MemTable::try_new(schema, vec![keys])?),
            _memory: memory,
        }))
    }

    /// The rows with one of the keys.
    pub(super) fn among(&self, view: &OnlineView, rows: LogicalPlan) -> Result<LogicalPlan> {
        self.joined(view, rows, JoinType::LeftSemi)
    }

    /// The rows with another key, or none.
    pub(super) fn not_among(&self, view: &OnlineView, rows: LogicalPlan) -> Result<LogicalPlan> {
        self.joined(view, rows, JoinType::LeftAnti)
    }

    fn joined(&self, view: &OnlineView, rows: LogicalPlan, kind: JoinType) -> Result<LogicalPlan> {
        let keys = provider_as_source(Arc::clone(&self.keys) as Arc<dyn TableProvider>);
        let keys = LogicalPlanBuilder::scan("touched", keys, None)?.build()?;
        let left = view.keys.iter();
        let left: Vec<_> = left
            .map(|key| Column::new_unqualified(key.name.as_str()))
            .collect();
        let right: Vec<_> = names(view).map(Column::new_unqualified).collect();
        let joined = LogicalPlanBuilder::from(rows).join(keys, kind, (left, right), None)?;
        joined.build()
    }
}

fn names(view: &OnlineView) -> impl Iterator<Item = String> {
    (0..view.keys.len()).map(|at| format!("__feast_touched_{at}"))
}
