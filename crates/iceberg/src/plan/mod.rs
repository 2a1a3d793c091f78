// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which files a read has to open: manifests and files are pruned by partition values, column
//! bounds and NULL counts. What a writer did not say, or said in a way not understood, prunes
//! nothing.

mod avro;
mod avro_type;
mod bound_arrays;
mod bounds;
mod containers;
mod counts;
mod decode;
mod decode_tuple;
mod delete_file;
mod delete_index;
mod distinct;
mod entry_columns;
mod entry_layout;
mod facts;
mod files;
mod header;
mod lists;
mod manifests;
mod partitions;
mod point_keys;
mod points;
mod prunable;
mod reach;
mod refused;
mod scope;
mod select;
mod statistics;
mod transforms;

pub(crate) use counts::FileCounts;
pub(crate) use delete_file::{DeleteFile, FileDeletes};
pub(crate) use distinct::{add_distinct_counts, distinct_counts};
pub(crate) use entry_columns::ColumnTypes;
pub(crate) use files::{FilePlan, PlannedFile, Read, plan_files};
pub(crate) use manifests::{all_entries, column_types, load_list};
pub(crate) use point_keys::{PointColumn, PointKeys, Ranges};
pub use points::PointCounts;
pub(crate) use points::{PointFile, plan_points};
pub(crate) use prunable::decided;
pub(crate) use statistics::{file_statistics, table_statistics};

#[cfg(test)]
mod tests;
