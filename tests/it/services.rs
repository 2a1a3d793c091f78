// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Against catalogs and S3 servers that run.
//!
//! `tests/services/run` starts them and names them in the environment; `tests/services/README.md`
//! says which. Without them every test here says so and returns, so that `cargo test` needs none.

mod addresses;
mod child;
mod far;
mod faults;
mod files;
mod keys;
mod lake;
mod online;
mod online_readers;
mod outages;
mod peers;
mod proxy;
mod reading;
mod registry;
mod rows;
mod secrets;
mod session;
mod shop;
mod slow;
mod writers;
mod writing;
