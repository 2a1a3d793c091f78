// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The runtime of the requests.

use tokio::task::AbortHandle;

use crate::error::{Error, ErrorKind, Result};

/// The runtime of the requests.
///
/// Pooled connections belong to the runtime they were opened in; were that the caller's, a
/// synchronous call of DataFusion would wait in it for a connection that only it could drive.
pub(super) struct Requests(Option<tokio::runtime::Runtime>);

/// Whether a request that nobody waits for any more is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenDropped {
    /// It is: it changes nothing.
    GiveUp,
    /// It goes on, as half of it may have been done.
    GoOn,
}

/// Ends a request when its caller goes away.
struct Guard(Option<AbortHandle>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(request) = &self.0 {
            request.abort();
        }
    }
}

impl Requests {
    pub(super) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("iceberg-rest")
            .enable_all()
            .build()
            .map_err(|cause| {
                Error::new(
                    ErrorKind::Io,
                    "no thread could be started for a REST catalog",
                )
                .with_source(cause)
            })?;
        Ok(Self(Some(runtime)))
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T>> + Send + 'static,
        when_dropped: WhenDropped,
    ) -> Result<T> {
        let stopped = || Error::new(ErrorKind::Io, "the request to the REST catalog was stopped");
        let Some(runtime) = &self.0 else {
            return Err(stopped());
        };
        let running = runtime.spawn(request);
        let give_up = when_dropped == WhenDropped::GiveUp;
        let _guard = Guard(give_up.then(|| running.abort_handle()));
        match running.await {
            Ok(answer) => answer,
            Err(_) => Err(stopped()),
        }
    }
}

impl Drop for Requests {
    /// A runtime must not be dropped, waiting for its threads, inside another one.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
