// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Scans planned by the `iceberg-datafusion` crate, whose providers a host may have registered.
//!
//! ```text
//! IcebergTableScan                 ProjectionExec: the types that the host's provider shows
//!   (one partition, no      ==>      this crate's scan of the same snapshot
//!    statistics)
//! ```
//!
//! Columns are found by field id, so that the host's provider may have been made before a rename.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::prelude::SessionConfig;
use iceberg_datafusion::physical_plan::IcebergTableScan;

use crate::provider::{IcebergTableProvider, SnapshotSelector, wait_for};
use crate::schema::{ReshapeExpr, Shape, field_id};
use crate::storage::TableStorage;

/// The scan of this crate that reads what `scan` reads; None when a column is no longer in the
/// table, which the scan itself reports.
///
/// The rule cannot wait, so planning runs on a thread of its own.
pub(super) fn replacement(
    scan: &IcebergTableScan,
    options: &ConfigOptions,
    runtime: &Arc<RuntimeEnv>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let at = match scan.snapshot_id() {
        Some(id) => SnapshotSelector::SnapshotId(id),
        None => SnapshotSelector::Current,
    };
    let storage = Arc::new(TableStorage::for_table(scan.table()));
    let provider = IcebergTableProvider::try_new(scan.table().clone(), storage, at)?;
    let shown = scan.schema();
    let Some(projection) = indices(&shown, &provider.schema()) else {
        return Ok(None);
    };
    let state = SessionStateBuilder::new()
        .with_config(SessionConfig::from(options.clone()))
        .with_runtime_env(Arc::clone(runtime))
        .build();
    // The filters of the query are still above the scan, and are pushed into it from there.
    let scan = async { Ok(provider.scan(&state, Some(&projection), &[], None).await) };
    Ok(Some(shaped(wait_for(scan)??, &shown)?))
}

/// Where the columns shown are in the provider's schema.
fn indices(shown: &Schema, columns: &Schema) -> Option<Vec<usize>> {
    let by_id: HashMap<i32, usize> = columns
        .fields()
        .iter()
        .enumerate()
        .filter_map(|(index, field)| Some((field_id(field)?, index)))
        .collect();
    let index = |field: &FieldRef| by_id.get(&field_id(field)?).copied();
    shown.fields().iter().map(index).collect()
}

/// `scan` with the fields of `shown`.
fn shaped(scan: Arc<dyn ExecutionPlan>, shown: &Schema) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = scan.schema();
    if schema.fields() == shown.fields() {
        return Ok(scan);
    }
    let columns = shown.fields().iter().zip(schema.fields()).enumerate();
    let shaped: Result<Vec<_>> = columns
        .map(|(index, (shown, read))| {
            Ok(ProjectionExpr {
                expr: column(index, shown, read)?,
                alias: shown.name().clone(),
            })
        })
        .collect();
    Ok(Arc::new(ProjectionExec::try_new(shaped?, scan)?))
}

/// The column that is read, as the field that is shown: another name of the zone, another name or
/// other metadata.
fn column(index: usize, shown: &FieldRef, read: &Field) -> Result<Arc<dyn PhysicalExpr>> {
    let input: Arc<dyn PhysicalExpr> = Arc::new(Column::new(read.name(), index));
    let shape = Shape::plan(shown, read, read.data_type(), &HashMap::new())?;
    Ok(match shape {
        _ if shown.metadata() != read.metadata() => {
            Arc::new(ReshapeExpr::new(input, Arc::new(shape), Arc::clone(shown)))
        }
        Shape::Keep => input,
        // A cast can be pruned through.
        Shape::Cast(to) => Arc::new(CastExpr::new(input, to, None)),
        nested => Arc::new(ReshapeExpr::new(input, Arc::new(nested), Arc::clone(shown))),
    })
}
