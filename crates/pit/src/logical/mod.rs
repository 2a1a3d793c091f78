// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join in logical plans: the node and the rules that move work across it.

mod node;
mod push_filter;
mod push_limit;

pub use node::PitJoinNode;
pub(crate) use node::describe_views;
pub use push_filter::PushFilterThroughPitJoin;
pub use push_limit::PushLimitThroughPitJoin;
