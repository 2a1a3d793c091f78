// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The source of a view as it is now: its columns, or why it cannot be read.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use feast_iceberg::{IcebergTableProvider, SnapshotSelector};
use feast_registry::{FeatureView, Source, ViewKind};

use super::drift::{Beside, Problem, unreadable};
use crate::session::FeastScope;

/// The source of a view.
#[derive(Debug)]
pub(super) struct SourceState {
    table: Result<Arc<dyn TableProvider>, String>,
    schema: Option<SchemaRef>,
}

impl SourceState {
    /// Looks it up; a source that cannot be read is an answer, not an error.
    pub(super) async fn of(scope: &FeastScope, view: &FeatureView) -> Self {
        let table = scope
            .source_table(&view.source, SnapshotSelector::Current)
            .await
            .map_err(|error| message(&error));
        let schema = table.as_ref().ok().map(|table| table.schema());
        Self { table, schema }
    }

    /// The view beside its source's columns; `None` if that cannot be read.
    pub(super) fn beside<'a>(&'a self, view: &'a FeatureView) -> Option<Beside<'a>> {
        let schema = self.schema.as_ref()?;
        let metadata = self.iceberg().map(|table| table.table().metadata());
        Some(Beside::new(view, schema, metadata))
    }

    /// What keeps the view from working.
    pub(super) fn problems(&self, view: &FeatureView) -> Vec<Problem> {
        if !matches!(view.kind, ViewKind::Batch | ViewKind::Stream) {
            return Vec::new();
        }
        match (&self.table, self.beside(view)) {
            (_, Some(beside)) => beside.problems(),
            (Err(reason), None) => vec![unreadable(&view.source.source, reason)],
            (Ok(_), None) => Vec::new(),
        }
    }

    /// Why it cannot be read.
    pub(super) fn unreadable(&self) -> Option<&str> {
        self.table.as_ref().err().map(String::as_str)
    }

    /// The source as an Iceberg table, if it is one.
    pub(super) fn iceberg(&self) -> Option<&IcebergTableProvider> {
        self.table.as_ref().ok()?.as_any().downcast_ref()
    }

    /// The snapshot of an Iceberg table and when it was committed, in milliseconds since the epoch.
    pub(super) fn snapshot(&self) -> Option<(i64, i64)> {
        let table = self.iceberg()?;
        let id = table.snapshot_id()?;
        let snapshot = table.table().metadata().snapshot_by_id(id)?;
        Some((id, snapshot.timestamp_ms()))
    }

    /// The newest event time. Of an Iceberg table as its statistics tell it, without reading rows;
    /// files and other tables are read. `None` where that does not say or would run a query.
    pub(super) async fn newest(
        &self,
        scope: &FeastScope,
        view: &FeatureView,
    ) -> Option<ScalarValue> {
        let table = Arc::clone(self.table.as_ref().ok()?);
        let (column, _) = self.beside(view)?.column(&view.source.timestamp_field)?;
        let newest = match view.source.source {
            Source::Query(_) | Source::Other { .. } => None,
            Source::Iceberg(_) => {
                let index = table.schema().index_of(column).ok()?;
                let state = scope.state();
                let scan = table
                    .scan(&state, Some(&vec![index]), &[], None)
                    .await
                    .ok()?;
                let statistics = scan.partition_statistics(None).ok()?;
                match &statistics.column_statistics.first()?.max_value {
                    Precision::Exact(value) | Precision::Inexact(value) => Some(value.clone()),
                    Precision::Absent => None,
                }
            }
            _ => scope.greatest(table, column).await.ok(),
        };
        newest.filter(|value| !value.is_null())
    }
}

/// The error's text in one line, without the words DataFusion puts before it.
pub(super) fn message(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::Plan(message) => message.clone(),
        DataFusionError::External(error) => error.to_string(),
        other => other.strip_backtrace(),
    };
    text.replace('\n', " ")
}
