// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tasks that end with the query: dropping one aborts it.

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use futures::future::try_join_all;

/// The task's answer; a task that panicked panics here.
pub(super) async fn joined<T: Send + 'static>(task: SpawnedTask<Result<T>>) -> Result<T> {
    task.join_unwind()
        .await
        .map_err(|e| DataFusionError::External(Box::new(e)))?
}

/// All answers in order, or the first error as soon as there is one; the other tasks are aborted then.
pub(super) async fn all_joined<T: Send + 'static>(
    tasks: Vec<SpawnedTask<Result<T>>>,
) -> Result<Vec<T>> {
    try_join_all(tasks.into_iter().map(joined)).await
}

/// Whether an error says that there was no memory left.
pub(super) fn is_out_of_memory(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}
