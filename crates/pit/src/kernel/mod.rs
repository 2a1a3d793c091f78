// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join's arithmetic: arrays in, row references out; no plans, no async.
//!
//! `time` knows units and TTL, `keys` compares keys of both sides, `key_table` finds a key's slots, `slots` lays the entity
//! side out, `probe` lets feature rows compete for slots, `winners` keeps the rows that lead, `order` breaks ties.

pub(crate) mod key_table;
pub(crate) mod keys;
pub(crate) mod order;
mod prefetch;
pub(crate) mod probe;
pub(crate) mod slots;
pub(crate) mod time;
pub(crate) mod winners;
