// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The physical scan: a leaf that knows the table, and DataFusion's own Parquet scan which the rule
//! [`ChooseIcebergScan`] puts in its place, beside it one that leaves deleted rows out.

mod build;
mod deleted_rows;
mod exec;
mod foreign;
mod key_filter;
mod merge_on_read;
mod merge_opener;
mod named_error;
mod namesakes;
mod path_column;
mod points;
mod reader;
mod recipe;
mod rows;
mod rule;
mod source;
mod summary;

pub(crate) use build::{ScanRequest, build_scan};
pub use exec::IcebergScanExec;
pub(crate) use path_column::{PATH_COLUMN, with_path};
pub use points::{PointPlan, PointRows, SequencedRows};
pub use rows::{RowFetcher, SplitScan, split_scan};
pub use rule::{ChooseIcebergScan, ScanMode};
pub use source::IcebergParquetSource;
pub use summary::ScanSummary;

#[cfg(test)]
mod tests;
