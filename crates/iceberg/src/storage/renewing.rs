// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A store that asks for other credentials when those it has are refused.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::aws_chain::AwsChain;
use super::vended::Vended;

/// Where other credentials come from.
#[derive(Debug, Clone)]
pub(super) enum Renewing {
    /// The catalog.
    Vended(Arc<Vended>),
    /// The machine.
    Chain(Arc<AwsChain>),
}

impl Renewing {
    fn stamp(&self) -> u64 {
        match self {
            Self::Vended(vended) => vended.stamp(),
            Self::Chain(chain) => chain.stamp(),
        }
    }

    /// Whether there are other credentials than those of `stamp`, which were refused with `error`.
    async fn has_others(
        &self,
        stamp: u64,
        error: &object_store::Error,
    ) -> object_store::Result<bool> {
        if !is_refusal(error) {
            return Ok(false);
        }
        match self {
            Self::Vended(vended) => {
                vended
                    .renew_after(stamp)
                    .await
                    .map_err(|cause| object_store::Error::Generic {
                        store: "Iceberg",
                        source: Box::new(cause),
                    })
            }
            Self::Chain(chain) => chain.renew_after(stamp).await,
        }
    }
}

/// Codes with which S3 says, under various statuses, that keys are no longer good.
const ENDED: [&str; 5] = [
    "ExpiredToken",
    "TokenRefreshRequired",
    "InvalidToken",
    "InvalidAccessKeyId",
    "RequestExpired",
];

/// Whether the store refused the credentials.
pub(super) fn is_refusal(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => true,
        object_store::Error::Generic { source, .. } => {
            let text = source.to_string();
            ENDED.iter().any(|code| text.contains(code))
        }
        _ => false,
    }
}

/// Repeats a request once with other credentials, if its own were refused and there are others.
pub(super) struct RenewingStore {
    inner: Arc<dyn ObjectStore>,
    renewing: Renewing,
}

impl RenewingStore {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, renewing: Renewing) -> Self {
        Self { inner, renewing }
    }

    async fn send<T, F>(&self, request: impl Fn() -> F + Send + Sync) -> object_store::Result<T>
    where
        F: Future<Output = object_store::Result<T>> + Send,
    {
        let stamp = self.renewing.stamp();
        match request().await {
            Err(error) if self.renewing.has_others(stamp, &error).await? => request().await,
            answer => answer,
        }
    }
}

impl fmt::Display for RenewingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl fmt::Debug for RenewingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl ObjectStore for RenewingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.send(|| self.inner.put_opts(location, payload.clone(), opts.clone()))
            .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.send(|| self.inner.put_multipart_opts(location, opts.clone()))
            .await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.send(|| self.inner.get_opts(location, options.clone()))
            .await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        self.send(|| self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.send(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.send(|| self.inner.copy_opts(from, to, options.clone()))
            .await
    }
}
