// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg catalogs, namespaces and tables as DataFusion's providers.

mod broken;
mod catalog;
mod names;
mod pins;
mod schema;
mod table;
#[cfg(test)]
mod tests;

pub use broken::BrokenTable;
pub use catalog::IcebergCatalogProvider;
pub use pins::StatementPins;
pub use schema::IcebergSchemaProvider;
pub use table::{IcebergTableProvider, SnapshotSelector};
