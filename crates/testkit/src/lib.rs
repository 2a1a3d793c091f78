// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the suite checks our answers with, written without a line of the code under test.
//!
//! - [`oracle`]: the point-in-time join as a quadratic loop over plain Rust values.
//! - [`scenario`]: seeded random tables, definitions and calls, with the oracle's answer.
//! - [`cases`]: Feast's observed answers, read from their JSON file.
//! - [`define`]: the SQL text of definitions and of a `feast_pit_join` call.
//! - [`compare`]: exact comparison of result batches, with a readable difference.
//! - [`lock`]: a database that is being written to.
//! - [`manifests`]: the metadata of a table of very many files.
//! - [`relocate`]: fixtures that other engines wrote, copied to where a test can read them.
//! - [`tables`]: seeded random Iceberg tables, with a model that knows their rows.
//! - [`canonical`]: values in the form of the fixtures' `expected.json`.
//! - [`faults`]: object stores that fail, lie, dawdle or hang, under an Iceberg `FileIO`.
//! - [`fuzz`]: inputs nobody would write, by changing a corpus at random.

pub mod canonical;
pub mod cases;
pub mod compare;
pub mod define;
mod dice;
pub mod faults;
pub mod fuzz;
pub mod lock;
pub mod manifests;
pub mod oracle;
pub mod relocate;
pub mod scenario;
pub mod tables;
