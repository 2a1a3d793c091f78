// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg catalogs, namespaces and tables as DataFusion's providers.

mod broken;
mod catalog;
mod changes;
mod known;
mod metadata_file;
mod metadata_name;
mod names;
mod newest;
mod open;
mod pins;
mod refused;
mod schema;
mod select;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod written;

pub use broken::BrokenTable;
pub use catalog::IcebergCatalogProvider;
pub use changes::TableChanges;
pub use known::Staleness;
pub(crate) use metadata_file::{
    inline_manifests, parse_metadata, read_metadata, read_whole_metadata,
};
pub(crate) use names::wait_for;
pub use open::OpenOptions;
pub use pins::StatementPins;
pub use schema::IcebergSchemaProvider;
pub use select::SnapshotSelector;
pub(crate) use select::{Selected, lineage, references, select};
pub use table::IcebergTableProvider;
pub(crate) use written::written;
