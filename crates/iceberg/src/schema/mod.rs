// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns by Iceberg field id: the schema a table shows, and how each data file's columns become
//! that schema's columns. Names and positions decide only for files that carry no field ids.

mod adapter;
mod columns;
mod ids;
mod literal;
mod reshape;
mod shape;

pub(crate) use adapter::FieldIdAdapterFactory;
pub(crate) use columns::{TableColumn, TableColumns};
pub(crate) use literal::{bound_scalar, literal_scalar};

#[cfg(test)]
mod tests;
