// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writing Iceberg tables: rows of a plan become data files as they come, and one commit at the end
//! makes them part of the table.
//!
//! [`plan`] and [`check`] see that rows fit before anything is written; [`arrange`] brings them into
//! the table's partitions and order; [`files`] writes them, a [`task`] for each partition of the
//! plan, in the [`layout`] that the table wants; [`target`] begins and [`commit`] ends the write,
//! with the [`job`] in between. The files of a write that fails or is given up are in its
//! [`ledger`], and go.

mod arrange;
mod attempts;
mod batches;
mod bounds;
mod check;
mod commit;
mod commit_note;
mod data_file;
mod exact;
mod exact_function;
mod exec;
mod field_value;
mod files;
mod job;
mod layout;
mod ledger;
mod locations;
mod metrics;
mod metrics_modes;
mod nans;
mod new_table;
mod parquet_settings;
mod partition_value;
mod plan;
mod properties;
mod recorded;
mod rows;
mod storable;
mod table_shape;
mod target;
mod task;
#[cfg(test)]
mod tests;
mod transform;
mod writable;

pub(crate) use batches::append_batches;
pub use check::CheckIcebergInsert;
pub use commit_note::CommitCheck;
pub use exec::IcebergInsertExec;
pub use new_table::{NewIcebergTable, TableDefinition};
pub(crate) use plan::InsertInto;
pub(crate) use rows::with_ids;
pub(crate) use target::WriteCatalog;
pub(crate) use writable::Writable;
