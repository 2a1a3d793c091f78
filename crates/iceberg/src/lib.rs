// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Apache Iceberg tables as first-class DataFusion tables.

pub mod append;
mod cache;
mod catalog;
mod error;
mod plan;
mod provider;
mod scan;
mod schema;
mod storage;

pub use cache::{CacheKind, CacheLimits, IcebergCaches};
pub use catalog::{CatalogOptions, SqlCatalog, connect};
pub use error::{Error, ErrorKind, Result};
pub use provider::{
    BrokenTable, IcebergCatalogProvider, IcebergSchemaProvider, IcebergTableProvider,
    SnapshotSelector, StatementPins,
};
pub use scan::{ScanMode, ChooseIcebergScan, IcebergParquetSource, IcebergScanExec, ScanSummary};
pub use storage::{ObjectStorageFactory, TableStorage};
