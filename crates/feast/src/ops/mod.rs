// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What can be done, one function a verb. Statements, table functions and Rust calls all end here.
//!
//! [`lower`] turns a statement into a plan, [`table_functions`] are the same verbs as functions; both
//! end in [`Operation`], which runs when the plan is executed ([`provider`]). Definitions live in the
//! registry behind [`RegistryHandle`].

mod all_versions;
mod alter;
mod apply;
mod apply_json;
mod arrow_types;
mod change;
mod columns;
mod create_table;
mod describe;
mod drift;
mod entity;
mod error;
mod export_python;
mod feature_service;
mod feature_view;
mod functions;
mod iceberg_scan;
mod infer;
mod list;
mod lower;
mod materialize;
mod objects;
mod observed_times;
mod online_get;
mod online_lookup;
mod online_status;
mod online_view;
mod operation;
pub(crate) mod pit_join;
mod properties;
mod provider;
mod record;
mod register;
mod registry_handle;
mod remove;
pub(crate) mod retrieval;
mod show_create;
mod signatures;
mod snapshot_at;
mod source_columns;
mod source_state;
mod validate;
mod value_types;
mod verify_parity;
mod view_source;
mod write_online;

#[cfg(test)]
mod tests;

use apply::Apply;
pub(crate) use create_table::create_table;
pub(crate) use error::from_registry;
use export_python::ExportPython;
pub(crate) use functions::table_functions;
pub(crate) use iceberg_scan::{milliseconds, version};
pub(crate) use list::List;
pub(crate) use lower::lower;
use objects::RegistryObject;
pub(crate) use online_get::{ONLINE_GET, OnlineGets};
pub(crate) use online_lookup::{LookupKeys, lookup_views, online_lookup};
pub(crate) use online_status::OnlineStatusRows;
use operation::now;
pub(crate) use operation::{BoundOperation, Operation, RegistryList};
pub(crate) use provider::{Effect, OpTableProvider};
use register::Register;
pub(crate) use registry_handle::RegistryHandle;
pub(crate) use signatures::{FunctionSignature, function_signatures};
pub(crate) use write_online::{Push, PushOnline};
