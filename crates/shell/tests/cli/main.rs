// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The command line from the outside: exit codes, order, output, errors, the demo.

mod arguments;
mod demo;
mod output;
mod place;
mod repository;
mod running;
