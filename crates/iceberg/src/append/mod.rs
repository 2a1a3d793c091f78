// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writing Iceberg tables: making them, changing columns and appending rows.
//!
//! Everything is written before one commit makes it visible; when anything fails before that,
//! the table is as it was.

mod columns;
mod create;
#[cfg(test)]
mod tests;
mod widen;
mod write;

pub use columns::{add_column, update_columns};
pub(crate) use create::partition_spec;
pub use create::{PartitionBy, create_table};
pub use iceberg::spec::Transform;
pub use write::append;
