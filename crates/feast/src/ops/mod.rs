// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What can be done, one function a verb. Statements, table functions and Rust calls all end here.
//!
//! [`lower`] turns a statement into a plan, [`table_functions`] are the same verbs as functions; both
//! end in [`Operation`], which runs when the plan is executed ([`provider`]). Definitions live in the
//! registry behind [`RegistryHandle`].

mod apply;
mod apply_json;
mod change;
mod columns;
mod create_table;
mod describe;
mod entity;
mod error;
mod feature_service;
mod feature_view;
mod functions;
mod iceberg_scan;
mod list;
mod lower;
mod objects;
mod operation;
pub(crate) mod pit_join;
mod provider;
mod registry_handle;
mod remove;
mod show_create;
mod source_columns;
mod value_types;
mod view_source;

#[cfg(test)]
mod tests;

use apply::Apply;
pub(crate) use create_table::create_table;
pub(crate) use error::from_registry;
pub(crate) use functions::{FunctionSignature, function_signatures, table_functions};
pub(crate) use iceberg_scan::{milliseconds, version};
pub(crate) use list::List;
pub(crate) use lower::lower;
use objects::RegistryObject;
use operation::now;
pub(crate) use operation::{BoundOperation, Operation, RegistryList};
pub(crate) use provider::{Effect, OpTableProvider};
pub(crate) use registry_handle::RegistryHandle;
