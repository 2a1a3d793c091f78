// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A storage whose reads wait for a gate and are counted.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use iceberg::Result;
use iceberg::io::{
    FileMetadata, FileRead, FileWrite, InputFile, MemoryStorage, OutputFile, Storage,
    StorageConfig, StorageFactory,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// Memory whose reads need a permit each while the gate is shut.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Gated {
    inner: MemoryStorage,
    #[serde(skip)]
    pub(super) gate: Arc<Gate>,
}

#[derive(Debug)]
pub(super) struct Gate {
    permits: Semaphore,
    pub(super) reads: AtomicUsize,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            reads: AtomicUsize::new(0),
        }
    }
}

impl Gate {
    pub(super) fn shut(&self) {
        self.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn open(&self) {
        self.permits.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[typetag::serde(name = "feast-test-gated-factory")]
impl StorageFactory for Gated {
    fn build(&self, _config: &StorageConfig) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
#[typetag::serde(name = "feast-test-gated")]
impl Storage for Gated {
    async fn exists(&self, path: &str) -> Result<bool> {
        self.inner.exists(path).await
    }

    async fn metadata(&self, path: &str) -> Result<FileMetadata> {
        self.inner.metadata(path).await
    }

    async fn read(&self, path: &str) -> Result<Bytes> {
        self.inner.read(path).await
    }

    async fn reader(&self, path: &str) -> Result<Box<dyn FileRead>> {
        Ok(Box::new(GatedRead {
            inner: self.inner.reader(path).await?,
            gate: Arc::clone(&self.gate),
        }))
    }

    async fn write(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.inner.write(path, bytes).await
    }

    async fn writer(&self, path: &str) -> Result<Box<dyn FileWrite>> {
        self.inner.writer(path).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.inner.delete(path).await
    }

    async fn delete_prefix(&self, path: &str) -> Result<()> {
        self.inner.delete_prefix(path).await
    }

    async fn delete_stream(&self, paths: BoxStream<'static, String>) -> Result<()> {
        self.inner.delete_stream(paths).await
    }

    fn new_input(&self, path: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), path.to_string()))
    }

    fn new_output(&self, path: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), path.to_string()))
    }
}

struct GatedRead {
    inner: Box<dyn FileRead>,
    gate: Arc<Gate>,
}

#[async_trait]
impl FileRead for GatedRead {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        self.gate.reads.fetch_add(1, Ordering::SeqCst);
        let _permit = self.gate.permits.acquire().await.unwrap();
        self.inner.read(range).await
    }
}
