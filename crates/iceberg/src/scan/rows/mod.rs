// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A scan read in two passes: some columns of all rows first, each row with a reference to where it is; later the other columns
//! of a few rows, fetched by their references.
//!
//! ```text
//!   narrow plan                            fetch
//!   key  time  …  reference                references ──► file, positions ──► the row groups, pages and rows they are in
//!   A    5        file 0, row 3
//!   B    2        file 1, row 0
//! ```
//!
//! Both passes read files by DataFusion's Parquet source as the scan itself does: field ids, defaults, promoted types and
//! partition constants come out the same. It has no column of row positions, so the narrow pass decides by itself which row
//! groups and pages the filters leave, tells the source to read exactly these, and counts. Deleted rows are left out by the
//! narrow pass; a row that it did not give has no reference.

mod fetch;
mod leaf;
mod opener;
mod prune;
mod reference;
mod source;
mod split;

pub use fetch::RowFetcher;
pub(super) use prune::readable;
pub use split::{SplitScan, split_scan};
