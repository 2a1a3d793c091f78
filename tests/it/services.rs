// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Against catalogs and S3 servers that run.
//!
//! `tests/services/run` starts them and names them in the environment; `tests/services/README.md`
//! says which. Without them every test here says so and returns, so that `cargo test` needs none.

mod addresses;
mod child;
mod faults;
mod keys;
mod lake;
mod peers;
mod proxy;
mod reading;
mod rows;
mod session;
mod slow;
mod writers;
mod writing;
