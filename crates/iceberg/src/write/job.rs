// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One write from its beginning to its commit.

use std::sync::Arc;

use datafusion::common::runtime::JoinSet;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, Time};
use iceberg::spec::DataFile;

use super::arrange::Arranged;
use super::files::{Stop, write_files};
use super::layout::Layout;
use super::ledger::Ledger;
use super::plan::in_context;
use super::target::{Begun, Target};
use crate::error::Error;

/// A write.
pub(super) struct Job {
    pub(super) table: Arc<str>,
    pub(super) target: Target,
    pub(super) arranged: Arranged,
    pub(super) context: Arc<TaskContext>,
    pub(super) metrics: JobMetrics,
}

/// What `EXPLAIN ANALYZE` shows of a write.
pub(super) struct JobMetrics {
    rows: Count,
    files: Count,
    bytes: Count,
    commit: Time,
}

impl JobMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet) -> Self {
        let count = |name| MetricBuilder::new(metrics).global_counter(name);
        Self {
            rows: count("rows_written"),
            files: count("files_written"),
            bytes: count("bytes_written"),
            commit: MetricBuilder::new(metrics).subset_time("commit_time", 0),
        }
    }

    fn record(&self, files: &[DataFile]) -> u64 {
        let rows = files.iter().map(DataFile::record_count).sum();
        let bytes: u64 = files.iter().map(DataFile::file_size_in_bytes).sum();
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        self.rows.add(count(rows));
        self.files.add(files.len());
        self.bytes.add(count(bytes));
        rows
    }
}

/// A job under way. When this is dropped, the job stops, deletes its files and ends by itself.
struct UnderWay {
    task: JoinSet<Result<u64>>,
    stop: Stop,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.stop.say();
        self.task.detach_all();
    }
}

impl Job {
    /// Does the write and gives the number of rows. When it is given up, nothing is left of it,
    /// except that a commit that has begun goes on.
    pub(super) async fn run_to_its_end(self) -> Result<u64> {
        let mut job = UnderWay {
            task: JoinSet::new(),
            stop: Stop::default(),
        };
        let stop = job.stop.clone();
        job.task.spawn(async move { self.run(stop).await });
        match job.task.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(cause)) => {
                let text = format!("the write ended before its commit: {cause}");
                Err(DataFusionError::External(text.into()))
            }
            None => datafusion::common::internal_err!("the write did not begin"),
        }
    }

    async fn run(self, stop: Stop) -> Result<u64> {
        let Some(begun) = self
            .target
            .begin()
            .await
            .map_err(|error| self.about(error))?
        else {
            return Ok(0);
        };
        let ledger = Arc::new(Ledger::default());
        let files = match self.write(&begun, &ledger, &stop).await {
            Ok(files) => files,
            Err(error) => {
                ledger.delete_all(begun.table().file_io()).await;
                return match begun.abandon().await {
                    Some(kept) => Err(error.context(kept)),
                    None => Err(error),
                };
            }
        };
        let rows = self.metrics.record(&files);
        let timer = self.metrics.commit.timer();
        let committed = begun.commit(files, &ledger).await;
        timer.done();
        committed.map_err(|error| self.about(error))?;
        Ok(rows)
    }

    async fn write(
        &self,
        begun: &Begun,
        ledger: &Arc<Ledger>,
        stop: &Stop,
    ) -> Result<Vec<DataFile>> {
        let layout = Layout::try_new(begun.table());
        let layout = Arc::new(layout.map_err(|error| self.about(error))?);
        // A catalog may make a table other than it was asked to.
        self.arranged
            .described
            .check(begun.table().metadata())
            .map_err(|error| self.about(error))?;
        let files = write_files(&self.arranged, &layout, ledger, stop, &self.context).await;
        let files = files.map_err(|error| in_context(error, |error| self.named(error)))?;
        stop.check()?;
        Ok(files)
    }

    /// Makes a table without rows; false if there was one and that is no error.
    pub(super) async fn create_empty(target: &Target) -> crate::error::Result<bool> {
        let Some(begun) = target.begin().await? else {
            return Ok(false);
        };
        begun.commit(Vec::new(), &Ledger::default()).await?;
        Ok(true)
    }

    fn about(&self, error: Error) -> DataFusionError {
        self.named(error).into()
    }

    fn named(&self, error: Error) -> Error {
        let doing = match &self.target {
            Target::Append(..) => "insert into",
            Target::Create(_) => "create",
        };
        error.context(format_args!("{doing} table '{}'", self.table))
    }
}
