// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The point-in-time join for any DataFusion session.
//!
//! For each row of an **entity side** and each **view**, the newest row of the view that was known at the entity row's time and is
//! within the view's TTL: never a later one. Any number of views in one operator; memory depends on the entity side, not on
//! the history.
//!
//! ```text
//!   PitSpec ──► PitJoinNode ──(rules)──► PitJoinExec ──► build · probe · gather
//!   what is asked   logical plan              physical plan        kernel
//! ```
//!
//! This crate knows no feature store and no table format: inputs are plans, and what they mean is told by names of columns in
//! a [`PitSpec`]. A session needs [`PitJoinPlanner`] among its extension planners to run the node and should have
//! [`PushLimitThroughPitJoin`] and [`PushFilterThroughPitJoin`] before DataFusion's own rule `push_down_filter`,
//! [`PrunePitJoinFeatures`] before its `optimize_projections`, and [`KeepEntityOrder`] around its `EnforceDistribution`; [`spare_pit_joins`] makes
//! planning joins of dozens of views fast. [`PitJoinExec`] can also be built over finished physical plans. Joins of a session with [`LatePayloads`] may read features only of the rows that win.

mod exec;
mod keep_entity_order;
mod kernel;
mod key_type;
mod late;
mod logical;
mod planner;
mod spec;

pub use exec::{PitJoinExec, PitJoinMode};
pub use keep_entity_order::KeepEntityOrder;
pub use kernel::order::TieEncoder;
pub use key_type::{is_key_type, key_type};
pub use late::{FetchRows, LatePayload, LatePayloads, LateScan, PayloadMode};
pub use logical::{
    PitJoinNode, PrunePitJoinFeatures, PushFilterThroughPitJoin, PushLimitThroughPitJoin,
    spare_pit_joins,
};
pub use planner::PitJoinPlanner;
pub use spec::{PitFeature, PitKey, PitProvenance, PitSpec, PitView, instant, utc};
