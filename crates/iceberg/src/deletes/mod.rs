// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Delete files: which rows of a data file are gone.
//!
//! Positions, of deletion vectors and of position delete files, become the row groups and rows that
//! DataFusion's Parquet reader is told to read. Equality deletes become a set of keys that batches
//! are filtered by. A delete file that cannot be read right is an error, never a skipped delete.

mod access_plan;
mod equality;
mod load_once;
mod loader;
mod location;
mod origin;
mod parquet_file;
mod positions;
mod puffin;
mod vector;

pub(crate) use access_plan::access_plan;
pub(crate) use equality::EqualityDeletes;
pub(crate) use loader::DeleteLoader;
pub(crate) use location::same_file_key;

#[cfg(test)]
mod tests;
