// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writing Iceberg tables: making them, adding columns and appending rows.
//!
//! Everything is written before one commit makes it visible; when anything fails before that,
//! the table is as it was.

mod columns;
mod create;
mod rows;
#[cfg(test)]
mod tests;
mod write;

pub use columns::add_column;
pub use create::{PartitionBy, create_table};
pub use write::append;
