// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Equality deletes: a row is gone when a delete written after its data file has its key.

mod floats;
mod keys;
mod rows;
mod set;

pub(super) use rows::{EqualityRows, read};
pub(crate) use set::EqualityDeletes;
