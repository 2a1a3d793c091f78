// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A feature store as a DataFusion extension.

mod ddl;
mod functions;
mod ops;
mod session;
mod statement;
mod views;
