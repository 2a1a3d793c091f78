// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The online store: from a key to its newest features, straight from Iceberg.
//!
//! One Iceberg table a feature view, which any engine can read. It is only ever appended to: a
//! [materialization](materialize) adds the winners of each key, a [push](write_online) adds rows, and
//! a [deletion](delete_online) adds rows that hide what was committed before them. What a key's value
//! is, is decided when it is [looked up](lookup()): by the point-in-time join of feast-pit over
//! the table, so that serving and training cannot disagree.
//!
//! ```text
//!   source ──► materialize ──► append ──┐
//!   rows   ──► write_online ──► append ─┤  {project}__{view}  ──► live rows ──► point-in-time join ──► answer
//!   keys   ──► delete_online ─► append ─┘                          (keys, hash)     (keys, as of)
//! ```
//!
//! Plans are run by the session that is given: it has to know the join
//! ([`PitJoinPlanner`](feast_pit::PitJoinPlanner)). Read `view` first, then `layout`.

mod append;
mod delete;
mod evolve;
mod instant;
mod key;
mod layout;
mod live;
mod lookup;
mod materialize;
mod names;
mod parity;
mod progress;
mod status;
mod store;
mod summary;
mod view;
mod write;

pub use delete::delete_online;
pub use key::{EntityHash, EntityKeyEncoder, KeyType, murmur3_x86_32};
pub use layout::{PartitionStrategy, TableLayout};
pub use lookup::{
    LookupAnswer, LookupFeature, LookupOptions, LookupSession, LookupSource, LookupView,
    ONLINE_LOOKUP, Origin, ViewReport, explain_lookup, lookup, lookup_in, lookup_schema,
};
pub use materialize::{Materialization, MaterializeMode, Materialized, materialize};
pub use parity::{parity_schema, verify_parity};
pub use progress::{MaterializeProgress, Progress, ProgressTo};
pub use status::OnlineStatus;
pub use store::{OnlineStore, OnlineTable};
pub use summary::{Operation, Recorded};
pub use view::{
    OnlineColumn, OnlineKey, OnlineView, SourceColumns, ViewDefinition, online_table_name,
};
pub use write::{Written, write_online};
