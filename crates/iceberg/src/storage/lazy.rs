// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A store that is opened when it is needed first, since opening it takes a question over the net.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::OnceCell;

use crate::error::Result;

type Opened = BoxFuture<'static, Result<Arc<dyn ObjectStore>>>;

/// A store that is opened when it is needed first. A failure to open it is not kept.
pub(super) struct LazyStore(Arc<Inner>);

struct Inner {
    name: String,
    open: Box<dyn Fn() -> Opened + Send + Sync>,
    store: OnceCell<Arc<dyn ObjectStore>>,
}

impl LazyStore {
    pub(super) fn new(name: String, open: impl Fn() -> Opened + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            name,
            open: Box::new(open),
            store: OnceCell::new(),
        }))
    }
}

impl Inner {
    async fn store(&self) -> object_store::Result<Arc<dyn ObjectStore>> {
        let opened = self.store.get_or_try_init(|| (self.open)()).await;
        match opened {
            Ok(store) => Ok(Arc::clone(store)),
            Err(cause) => Err(object_store::Error::Generic {
                store: "Iceberg",
                source: Box::new(cause),
            }),
        }
    }
}

impl fmt::Display for LazyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

impl fmt::Debug for LazyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

#[async_trait]
impl ObjectStore for LazyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        let store = self.0.store().await?;
        store.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let store = self.0.store().await?;
        store.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.0.store().await?.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        self.0.store().await?.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let inner = Arc::clone(&self.0);
        let deleted = async move {
            let store = inner.store().await?;
            Ok::<_, object_store::Error>(store.delete_stream(locations))
        };
        stream::once(deleted).try_flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let inner = Arc::clone(&self.0);
        let prefix = prefix.cloned();
        let listed = async move {
            let store = inner.store().await?;
            Ok::<_, object_store::Error>(store.list(prefix.as_ref()))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.store().await?.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.0.store().await?.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;
    use crate::error::{Error, ErrorKind};

    #[tokio::test]
    async fn a_store_is_opened_once_and_a_failure_is_not_kept() {
        let tries = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tries);
        let store = LazyStore::new("lazy".to_string(), move || {
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move {
                match first {
                    true => Err(Error::new(ErrorKind::Io, "not now")),
                    false => Ok(Arc::new(InMemory::new()) as Arc<dyn ObjectStore>),
                }
            })
        });
        let path = Path::from("a/f");
        let error = store.head(&path).await.unwrap_err().to_string();
        assert!(error.contains("not now"), "{error}");
        store.put(&path, "x".into()).await.unwrap();
        assert_eq!(store.list(None).count().await, 1);
        store.delete(&path).await.unwrap();
        assert_eq!(store.list(None).count().await, 0);
        assert_eq!(tries.load(Ordering::SeqCst), 2);
    }
}
