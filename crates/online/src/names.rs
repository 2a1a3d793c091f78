// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The columns that every online table has.

/// Which part of the table a key belongs to.
pub(crate) const ENTITY_HASH: &str = "entity_hash";
/// When the row became true.
pub(crate) const EVENT_TIME: &str = "event_timestamp";
/// When the row was written at its source.
pub(crate) const CREATED_TIME: &str = "created_timestamp";
/// Whether the row hides those of its key that were committed before it.
pub(crate) const IS_DELETED: &str = "is_deleted";
/// Whether the row was pushed: it is in no source, and a materialization does not take its place.
pub(crate) const IS_PUSHED: &str = "is_pushed";

/// All of them: no key and no feature may have these names.
pub(crate) const RESERVED: [&str; 5] =
    [ENTITY_HASH, EVENT_TIME, CREATED_TIME, IS_DELETED, IS_PUSHED];

/// The column of joins that says as of when.
pub(crate) const AS_OF: &str = "__feast_as_of";
