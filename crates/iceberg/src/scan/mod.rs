// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The physical scan: a leaf that knows the table, and DataFusion's own Parquet scan which the rule
//! [`ChooseIcebergScan`] puts in its place.

mod build;
mod exec;
mod reader;
mod rule;
mod source;
mod summary;

pub(crate) use build::{ScanRequest, build_scan};
pub use exec::IcebergScanExec;
pub use rule::{ChooseIcebergScan, ScanMode};
pub use source::IcebergParquetSource;
pub use summary::ScanSummary;

#[cfg(test)]
mod tests;
