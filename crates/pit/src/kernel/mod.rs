// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The join's arithmetic: arrays in, arrays out; no plans, no async.
//!
//! ```text
//!   entity side ─► keys ─► key_table ─► slots ──┐
//!                                               ▼
//!   feature rows ─► keys ─► probe ─► compete ─► stripes ─► winners ─► columns
//!                                 row_source ─►    ▲  row_format, arena    ▲ row_reader
//! ```
//!
//! `time` knows units and TTL, `payload` what is kept of a row, `order` how nested values are ordered.

mod arena;
mod compete;
pub(crate) mod floor;
pub(crate) mod key_table;
pub(crate) mod keys;
pub(crate) mod order;
pub(crate) mod payload;
mod prefetch;
pub(crate) mod probe;
mod retype;
pub(crate) mod row_format;
mod row_reader;
mod row_source;
mod search;
pub(crate) mod slots;
pub(crate) mod stripes;
pub(crate) mod time;
pub(crate) mod winners;
