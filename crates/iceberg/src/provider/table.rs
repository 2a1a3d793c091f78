// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An Iceberg table, at one snapshot, as a DataFusion table.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::DFSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{PhysicalExpr, conjunction};
use datafusion::physical_plan::ExecutionPlan;
use iceberg::spec::{
    DEFAULT_SCHEMA_NAME_MAPPING, NameMapping, SchemaRef as IcebergSchemaRef, SnapshotRef,
    TableMetadata,
};
use iceberg::table::Table;

use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Read, plan_files};
use crate::scan::{ScanRequest, ScanSummary, build_scan};
use crate::schema::{FieldIdAdapterFactory, TableColumns};
use crate::storage::TableStorage;

/// Which snapshot of a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SnapshotSelector {
    /// The current one, with the table's current schema.
    #[default]
    Current,
    /// The one with this id, with its own schema.
    SnapshotId(i64),
    /// The one that was current at this instant (milliseconds since 1970), with its own schema.
    Timestamp(i64),
}

/// A DataFusion table over one snapshot of an Iceberg table.
#[derive(Debug)]
pub struct IcebergTableProvider {
    table: Table,
    name: Arc<str>,
    storage: Arc<TableStorage>,
    snapshot: Option<SnapshotRef>,
    columns: Arc<TableColumns>,
    adapter: Arc<FieldIdAdapterFactory>,
}

impl IcebergTableProvider {
    /// The snapshot of `table` that `at` selects, its files read through `storage`.
    pub fn try_new(
        table: Table,
        storage: Arc<TableStorage>,
        at: SnapshotSelector,
    ) -> DataFusionResult<Self> {
        let name: Arc<str> = table.identifier().to_string().into();
        let metadata = table.metadata();
        let snapshot = select(&name, metadata, at)?;
        let schema = match (&snapshot, at) {
            (Some(snapshot), SnapshotSelector::SnapshotId(_) | SnapshotSelector::Timestamp(_)) => {
                snapshot_schema(&name, metadata, snapshot)?
            }
            _ => Arc::clone(metadata.current_schema()),
        };
        let columns = Arc::new(TableColumns::try_new(&name, &schema)?);
        let adapter = Arc::new(FieldIdAdapterFactory::new(
            Arc::clone(&name),
            Arc::clone(&columns),
            name_mapping(&name, metadata)?,
        ));
        Ok(Self {
            table,
            name,
            storage,
            snapshot,
            columns,
            adapter,
        })
    }

    /// The table's name with its namespace.
    pub fn table_name(&self) -> &str {
        &self.name
    }

    /// The id of the snapshot that is read, None when nobody has written to the table.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.snapshot
            .as_ref()
            .map(|snapshot| snapshot.snapshot_id())
    }

    /// The same version of the table, read at another snapshot.
    pub fn at(&self, at: SnapshotSelector) -> DataFusionResult<Self> {
        Self::try_new(self.table.clone(), Arc::clone(&self.storage), at)
    }

    /// The Iceberg table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The filters that prune, as one expression. The others are applied above the scan only.
    fn predicate(&self, session: &dyn Session, filters: &[Expr]) -> Option<Arc<dyn PhysicalExpr>> {
        let schema = DFSchema::try_from(self.columns.arrow().as_ref().clone()).ok()?;
        let filters = filters.iter().cloned().map(unnormalize_col);
        let usable: Vec<_> = filters
            .filter_map(|filter| session.create_physical_expr(filter, &schema).ok())
            .collect();
        if usable.is_empty() {
            None
        } else {
            Some(conjunction(usable))
        }
    }
}

#[async_trait]
impl TableProvider for IcebergTableProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(self.columns.arrow())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let predicate = self.predicate(state, filters);
        let filtered = !filters.is_empty();
        let limit = limit.filter(|_| !filtered);
        let planned = plan_files(&Read {
            table: &self.table,
            name: &self.name,
            snapshot: self.snapshot.as_ref(),
            columns: &self.columns,
            predicate: predicate.as_ref(),
            limit,
        })
        .await?;
        let name = self.name.to_string();
        let summary = Arc::new(ScanSummary::new(name, self.snapshot_id(), planned.counts));
        let request = ScanRequest {
            session: state,
            columns: &self.columns,
            adapter: Arc::clone(&self.adapter),
            storage: &self.storage,
            location: self.table.metadata().location(),
            summary,
            projection,
            predicate,
            filtered,
            limit,
        };
        build_scan(&request, &planned.files)
    }
}

fn select(
    name: &str,
    metadata: &TableMetadata,
    at: SnapshotSelector,
) -> Result<Option<SnapshotRef>> {
    let id = match at {
        SnapshotSelector::Current => return Ok(metadata.current_snapshot().cloned()),
        SnapshotSelector::SnapshotId(id) => id,
        SnapshotSelector::Timestamp(instant) => current_at(name, metadata, instant)?,
    };
    match metadata.snapshot_by_id(id) {
        Some(snapshot) => Ok(Some(Arc::clone(snapshot))),
        None => Err(not_found(format!(
            "table {name} has no snapshot {id}: it has {}",
            known_snapshots(metadata)
        ))),
    }
}

/// The snapshot that was current at an instant, by the table's log.
fn current_at(name: &str, metadata: &TableMetadata, instant: i64) -> Result<i64> {
    let mut log: Vec<(i64, i64)> = metadata
        .history()
        .iter()
        .map(|e| (e.timestamp_ms(), e.snapshot_id))
        .collect();
    if log.is_empty() {
        log = lineage(metadata);
    }
    if let Some((_, id)) = log.iter().rev().find(|(since, _)| *since <= instant) {
        return Ok(*id);
    }
    let earliest = match log.first() {
        Some((since, id)) => format!("its earliest snapshot is {id} of {}", text(*since)),
        None => "it has no snapshot".to_string(),
    };
    Err(not_found(format!(
        "table {name} has no snapshot at or before {}: {earliest}",
        text(instant)
    )))
}

/// The current snapshot and its ancestors, oldest first, for metadata without a log.
fn lineage(metadata: &TableMetadata) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    let mut next = metadata.current_snapshot();
    while let Some(snapshot) = next {
        found.push((snapshot.timestamp_ms(), snapshot.snapshot_id()));
        let parent = snapshot
            .parent_snapshot_id()
            .and_then(|id| metadata.snapshot_by_id(id));
        next = parent.filter(|_| found.len() <= metadata.snapshots().len());
    }
    found.reverse();
    found
}

fn known_snapshots(metadata: &TableMetadata) -> String {
    let mut known: Vec<_> = metadata
        .snapshots()
        .map(|s| (s.timestamp_ms(), s.snapshot_id()))
        .collect();
    known.sort_unstable();
    match known.as_slice() {
        [] => "none".to_string(),
        [(since, id)] => format!("{id} of {}", text(*since)),
        [(since, first), .., (until, last)] => format!(
            "{} of them, from {first} of {} to {last} of {}",
            known.len(),
            text(*since),
            text(*until)
        ),
    }
}

fn snapshot_schema(
    name: &str,
    metadata: &TableMetadata,
    snapshot: &SnapshotRef,
) -> Result<IcebergSchemaRef> {
    let Some(id) = snapshot.schema_id() else {
        return Ok(Arc::clone(metadata.current_schema()));
    };
    metadata.schema_by_id(id).cloned().ok_or_else(|| {
        let snapshot = snapshot.snapshot_id();
        let message = format!(
            "snapshot {snapshot} of table {name} was written with schema {id}, which the table's \
             metadata does not have"
        );
        Error::new(ErrorKind::Damaged, message)
    })
}

fn name_mapping(name: &str, metadata: &TableMetadata) -> Result<Option<NameMapping>> {
    let Some(text) = metadata.properties().get(DEFAULT_SCHEMA_NAME_MAPPING) else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|e| {
        let message =
            format!("property {DEFAULT_SCHEMA_NAME_MAPPING} of table {name} is no name mapping");
        Error::new(ErrorKind::Damaged, message).with_source(e)
    })
}

fn not_found(message: String) -> Error {
    Error::new(ErrorKind::NotFound, message)
}

/// An instant as people write it.
fn text(milliseconds: i64) -> String {
    match DateTime::from_timestamp_millis(milliseconds) {
        Some(instant) => instant.to_rfc3339(),
        None => format!("{milliseconds} ms since 1970"),
    }
}
