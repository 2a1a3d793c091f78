// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns by Iceberg field id: the schema a table shows, and how each data file's columns become
//! that schema's columns. Names and positions decide only for files that carry no field ids.

mod adapter;
mod columns;
mod ids;
mod keys;
mod literal;
mod reshape;
mod shape;
mod unread;
mod without_ids;

pub(crate) use adapter::FieldIdAdapterFactory;
pub(crate) use columns::{TableColumn, TableColumns, field_id};
pub(crate) use ids::{has_ids, mapped_ids};
pub(crate) use keys::{KeyColumn, key_columns};
pub(crate) use literal::{bound_scalar, literal_scalar};
pub(crate) use reshape::ReshapeExpr;
pub(crate) use shape::{Shape, child_of, read_scalar};
pub(crate) use unread::check_defaults;
pub use without_ids::without_field_ids;

#[cfg(test)]
mod tests;
