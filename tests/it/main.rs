// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The suite: one binary, a module per behaviour.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot be set up should stop where it cannot, and says what it ran"
)]

mod bare;
mod cancel;
mod composition;
mod feast_cases;
mod feast_repos;
mod foreign_scan;
mod fuzz;
mod iceberg;
mod invariants;
mod join_memory;
mod late_payload;
mod listing;
mod online;
mod pit_counts;
mod pit_fuzz;
mod pit_golden;
mod pit_oracle;
mod pit_repeat;
mod place;
mod reference;
mod retrievals;
mod seeds;
mod services;
mod slt;
mod tables;
