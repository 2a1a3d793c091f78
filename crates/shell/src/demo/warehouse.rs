// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writes the demo's tables: a SQLite catalog, Parquet files, several snapshots.

use super::place::DemoDir;
use crate::failure::Failure;

/// Builds the catalog, its tables and the file of trips.
pub(super) async fn build(_demo: &DemoDir) -> Result<(), Failure> {
    Ok(())
}
