// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tasks that end with the query: dropping one aborts it.
//!
//! An aborted task ends where it gives its thread back, and so does the task that would abort it. So whoever works long takes a
//! [`Turn`] from time to time, or does the work in a thread that may take its time and looks at [`Ended`].

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

/// So many rows are worked on in one turn.
pub(super) const TURN: usize = 1 << 15;

/// A task's turn on its thread.
#[derive(Debug, Default)]
pub(super) struct Turn {
    rows: usize,
}

impl Turn {
    /// Counts rows that were worked on; once there are enough, lets others have their turn.
    pub(super) async fn after(&mut self, rows: usize) {
        self.rows += rows;
        if self.rows >= TURN {
            self.rows = 0;
            tokio::task::yield_now().await;
        }
    }
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
