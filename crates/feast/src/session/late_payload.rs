// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Late payload of the join over the Parquet scans of Iceberg tables and files.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use feast_iceberg::{RowFetcher, SplitScan, split_scan};
use feast_pit::{FetchRows, LatePayload, LatePayloads, LateScan, PayloadMode};

/// Splits the scans that the Iceberg crate can split.
#[derive(Debug)]
struct ParquetScans;

/// Rows of a scan that was split.
#[derive(Debug)]
struct ParquetRows(Arc<RowFetcher>);

/// What joins of a session whose options tell the mode are given.
pub(super) fn late_payloads(mode: fn(&ConfigOptions) -> PayloadMode) -> LatePayloads {
    LatePayloads::new(Arc::new(ParquetScans), mode)
}

impl LatePayload for ParquetScans {
    fn split(&self, scan: &Arc<dyn ExecutionPlan>, narrow: &[usize]) -> Result<Option<LateScan>> {
        let split = split_scan(scan, narrow)?;
        Ok(split.map(|SplitScan { narrow, rows }| LateScan {
            narrow,
            fetch: Arc::new(ParquetRows(rows)),
        }))
    }
}

impl FetchRows for ParquetRows {
    fn fetch(
        &self,
        references: Arc<[u64]>,
        columns: &[usize],
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.fetch(references, columns, &context)
    }
}
