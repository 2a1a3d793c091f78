// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tasks that end with the query: dropping one aborts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result, exec_err};
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

/// Tells threads that cannot be aborted that nobody waits for them any more, once it is dropped.
#[derive(Debug, Default)]
pub(super) struct EndOnDrop(Arc<AtomicBool>);

/// What a thread looks at from time to time.
#[derive(Debug, Clone)]
pub(super) struct Ended(Arc<AtomicBool>);

impl EndOnDrop {
    pub(super) fn signal(&self) -> Ended {
        Ended(Arc::clone(&self.0))
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Ended {
    /// An error when nobody waits any more; nobody sees it.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => exec_err!("the query has ended"),
            false => Ok(()),
        }
    }
}
