// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a table's metadata says, as tables: `t$snapshots`, `t$files` and so on.
//!
//! Columns are called as in other engines. Only the columns and manifests that a query asks for
//! are read, manifest by manifest.

mod entries;
mod exec;
mod files;
mod history;
mod kind;
mod manifests;
mod maps;
mod metrics;
mod partition_type;
mod partitions;
mod prune;
mod read;
mod references;
mod rows;
mod snapshots;
mod table;
#[cfg(test)]
mod tests;
mod version;
mod work;

pub use kind::MetadataTableKind;
pub use table::IcebergMetadataTable;
pub use version::at_version;
