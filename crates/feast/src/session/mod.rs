// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Sessions: the context users hold, and what is installed into a session that is theirs already.

mod bridge;
mod builder;
mod context;
mod deep_schemas;
mod install;
mod late_payload;
mod lookup;
mod online;
mod online_lookup;
mod open;
mod path_tables;
mod prepared;
mod query_planner;
mod query_source;
mod retrievals;
mod scope;
mod settings;
mod staleness;
mod statement_catalogs;
mod stores;

pub(crate) use bridge::wait;
pub use builder::FeastContextBuilder;
pub use context::FeastContext;
pub(crate) use context::{parse_one, plan};
pub use install::{FeastOptions, SessionStateBuilderExt};
pub use online_lookup::{OnlineLookupRequest, PreparedOnlineLookup};
pub(crate) use path_tables::is_path;
pub(crate) use scope::{FeastScope, FeastShared};
pub use settings::FeastSettings;
pub use stores::StoresOnDemand;
