// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The point-in-time join, as slow and as plain as it can be written.
//!
//! Every entity row looks at every feature row; five rules decide ([`rule`]). Instants are 128-bit
//! nanoseconds, so nothing overflows; keys and features are [`Value`]s, so no Arrow kernel, hash
//! table or sort of the code under test has a second life here.

mod answer;
mod build;
mod read;
pub mod rule;
mod value;

pub use answer::{PitQuery, PitView, answer, output_type, winners};
pub use build::array_from_values;
pub use read::{column_values, instant_at, value_at};
pub use value::Value;
