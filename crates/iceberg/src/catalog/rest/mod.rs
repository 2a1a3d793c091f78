// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! REST catalogs.
//!
//! ```text
//! RestCatalog ── Connection ── Requests   a runtime of its own
//!      │              └─────── Http       tokens, times, repeats, errors
//!      └──────── Tables ────── Vended     credentials for a table's files, asked for anew
//! ```

mod answers;
mod auth;
mod call;
mod catalog;
mod commits;
mod connection;
mod failures;
mod http;
mod paths;
mod requests;
mod settings;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use catalog::RestCatalog;
