// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join in logical plans: the node, and the rules that move filters and limits across it and leave unused features out.

mod below;
mod describe;
mod expression_rules;
mod node;
mod prune_features;
mod push_filter;
mod push_limit;

pub(crate) use describe::describe_views;
pub use expression_rules::spare_pit_joins;
pub use node::PitJoinNode;
pub use prune_features::PrunePitJoinFeatures;
pub use push_filter::PushFilterThroughPitJoin;
pub use push_limit::PushLimitThroughPitJoin;
