// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Time travel of whatever is about an Iceberg table.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::Result;

use super::table::IcebergMetadataTable;
use crate::provider::{IcebergTableProvider, SnapshotSelector};

/// An Iceberg table, or a metadata table of one, at another snapshot of the same version of the
/// table; None if `table` is neither.
pub fn at_version(
    table: &dyn TableProvider,
    at: SnapshotSelector,
) -> Result<Option<Arc<dyn TableProvider>>> {
    if let Some(table) = table.as_any().downcast_ref::<IcebergTableProvider>() {
        return Ok(Some(Arc::new(table.at(at)?)));
    }
    match table.as_any().downcast_ref::<IcebergMetadataTable>() {
        Some(table) => Ok(Some(Arc::new(table.at(&at)?))),
        None => Ok(None),
    }
}
