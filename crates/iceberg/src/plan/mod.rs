// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which files a read has to open: manifests and files are pruned by partition values, column
//! bounds and NULL counts. What a writer did not say, or said in a way not understood, prunes
//! nothing.

mod bounds;
mod deletes;
mod facts;
mod files;
mod header;
mod manifests;
mod partitions;
mod statistics;
mod transforms;

pub(crate) use files::{FileCounts, PlannedFile, Read, plan_files};
pub(crate) use statistics::{file_statistics, table_statistics};

#[cfg(test)]
mod tests;
