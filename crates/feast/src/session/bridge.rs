// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Waiting for async work where DataFusion's planning hooks are sync.

use std::future::Future;

use datafusion::common::{DataFusionError, Result};

/// Runs a future to its end on a thread of its own.
///
/// DataFusion calls relation planners and table functions from async code and gives them no way to wait. Blocking the calling
/// thread on the caller's runtime could stop the very runtime the future needs; a thread with a runtime of its own cannot.
pub(crate) fn wait<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(future)
        });
        thread.join().unwrap_or_else(|_| {
            Err(DataFusionError::Internal(
                "a thread that resolves definitions has panicked".to_owned(),
            ))
        })
    })
}
