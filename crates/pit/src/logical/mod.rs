// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join in logical plans: the node and the rule that moves filters across it.

mod node;
mod push_filter;

pub use node::PitJoinNode;
pub(crate) use node::describe_views;
pub use push_filter::PushFilterThroughPitJoin;
