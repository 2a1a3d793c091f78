// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Definitions and calls as SQL text. Every name is quoted, so that it keeps its case.

mod call;
mod create;
mod text;

pub use call::{Features, JoinCall, SnapshotCall};
pub use create::{EntityDefinition, ServiceDefinition, ServiceItem, ViewDefinition};
pub use text::{interval, list, name, names, string};
