// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Apache Iceberg tables as first-class DataFusion tables.

pub mod append;
mod cache;
mod catalog;
mod deletes;
mod error;
mod metadata_tables;
mod plan;
mod provider;
mod scan;
mod schema;
mod storage;
mod write;

pub use cache::{CacheKind, CacheLimits, CacheUsage, CachedFile, IcebergCaches};
pub use catalog::{CatalogOptions, SqlCatalog, connect};
pub use error::{Error, ErrorKind, Result};
pub use metadata_tables::{IcebergMetadataTable, MetadataTableKind, at_version};
pub use plan::PointCounts;
pub use provider::{
    BrokenTable, IcebergCatalogProvider, IcebergSchemaProvider, IcebergTableProvider, OpenOptions,
    SnapshotSelector, Staleness, StatementPins, TableChanges,
};
pub use scan::{
    ChooseIcebergScan, IcebergParquetSource, IcebergScanExec, PointPlan, PointRows, RowFetcher,
    ScanMode, ScanSummary, SequencedRows, SplitScan, split_scan,
};
pub use schema::without_field_ids;
pub use storage::{ObjectStorageFactory, TableStorage};
pub use write::{
    CheckIcebergInsert, CommitCheck, IcebergInsertExec, NewIcebergTable, TableDefinition,
};
