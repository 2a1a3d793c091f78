// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of some keys, read without a query plan.
//!
//! ```text
//!   keys ──► manifests ──► files ──────────► row groups ────────► pages ──► rows with these keys
//!            kept          partition, bounds  statistics, blooms   index
//! ```
//!
//! Everything before the rows is kept in the session's caches, so that what is known of a snapshot is asked for once: a
//! lookup in a known snapshot then reads pages and nothing else, those of all files at the same time. Columns are found
//! and typed by the same adapter as in scans.

mod index;
mod known;
mod near;
mod pages;
mod projection;
mod read;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::error::{Error, ErrorKind};
use crate::plan::{PointCounts, PointFile, PointKeys};
use crate::schema::{FieldIdAdapterFactory, TableColumns};
use crate::storage::TableStorage;
use read::Reading;

/// Where the rows of some keys may be, in one snapshot of a table; made by
/// [`IcebergTableProvider::point_plan`](crate::IcebergTableProvider::point_plan).
pub struct PointPlan {
    pub(crate) name: Arc<str>,
    pub(crate) storage: Arc<TableStorage>,
    pub(crate) columns: Arc<TableColumns>,
    pub(crate) adapter: Arc<FieldIdAdapterFactory>,
    pub(crate) keys: PointKeys,
    pub(crate) files: Vec<PointFile>,
    pub(crate) counts: PointCounts,
}

/// Rows of one data file.
#[derive(Debug, Clone)]
pub struct SequencedRows {
    /// The sequence number of the rows: of two commits, the later one has the greater number.
    pub sequence: i64,
    /// The rows.
    pub rows: RecordBatch,
}

/// The rows of keys.
#[derive(Debug, Clone)]
pub struct PointRows {
    /// Their columns, in the order asked for.
    pub schema: SchemaRef,
    /// The rows, in no particular order.
    pub batches: Vec<SequencedRows>,
    /// How they were found.
    pub counts: PointCounts,
}

impl PointPlan {
    /// How the files were chosen.
    pub fn counts(&self) -> PointCounts {
        self.counts
    }

    /// Reads these columns of the rows whose values are, column by column, among those of the keys; so a row may combine
    /// parts of two keys.
    ///
    /// # Errors
    ///
    /// A column that the table does not have; those of reading files, with the file's name.
    pub async fn read(&self, runtime: &RuntimeEnv, columns: &[&str]) -> Result<PointRows> {
        let mut wanted = Vec::with_capacity(columns.len());
        for column in columns {
            let Some(index) = self.columns.index_of(column) else {
                let message = format!("table {} has no column '{column}'", self.name);
                return Err(Error::new(ErrorKind::NotFound, message).into());
            };
            wanted.push(index);
        }
        let fields = wanted
            .iter()
            .map(|i| Arc::clone(&self.columns.arrow().fields()[*i]));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let reading = Reading::try_new(self, runtime, wanted, Arc::clone(&schema))?;
        let mut counts = self.counts;
        let batches = reading.all(&mut counts).await?;
        Ok(PointRows {
            schema,
            batches,
            counts,
        })
    }
}

impl fmt::Debug for PointPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PointPlan")
            .field("table", &self.name)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
