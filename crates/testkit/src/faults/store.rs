// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A store with faults.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

use super::{Fault, FaultKind};

/// Stands before a store and does what faults say.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    faults: Mutex<Vec<(Fault, usize)>>,
    reads: Mutex<Vec<String>>,
    waiting: Arc<AtomicUsize>,
}

impl FaultyStore {
    /// Faults before a store.
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Vec<Fault>) -> Self {
        Self {
            inner,
            faults: Mutex::new(faults.into_iter().map(|fault| (fault, 0)).collect()),
            reads: Mutex::default(),
            waiting: Arc::default(),
        }
    }

    /// Has other faults from now on.
    pub fn set(&self, faults: Vec<Fault>) {
        let mut own = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        *own = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    /// The paths of all reads so far, in their order.
    pub fn reads(&self) -> Vec<String> {
        self.reads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many reads hang now.
    pub fn hanging(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn note(&self, path: &Path) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.push(path.to_string());
    }

    /// The fault that meets this read.
    fn met(&self, path: &str) -> Option<FaultKind> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, reads) = faults.iter_mut().find(|(f, _)| path.contains(&f.path))?;
        *reads += 1;
        (*reads > fault.after).then_some(fault.kind)
    }

    /// The whole file as the fault leaves it.
    async fn content(&self, path: &Path, fault: Option<FaultKind>) -> Result<Bytes> {
        match fault {
            Some(FaultKind::Error) => return Err(failed("the store is broken on purpose")),
            Some(FaultKind::NotFound) => {
                return Err(Error::NotFound {
                    path: path.to_string(),
                    source: "it is hidden on purpose".into(),
                });
            }
            Some(FaultKind::Hang) => {
                let _waiting = Waiting::begin(&self.waiting);
                std::future::pending::<()>().await;
            }
            Some(FaultKind::Slow(time)) => tokio::time::sleep(time).await,
            _ => {}
        }
        let bytes = self
            .inner
            .get_opts(path, GetOptions::default())
            .await?
            .bytes()
            .await?;
        Ok(match fault {
            Some(FaultKind::Truncated(share)) => bytes.slice(..at(&bytes, share)),
            Some(FaultKind::Flipped(share)) if !bytes.is_empty() => {
                let mut flipped = bytes.to_vec();
                let at = at(&bytes, share).min(bytes.len() - 1);
                flipped[at] ^= 0x10;
                flipped.into()
            }
            _ => bytes,
        })
    }
}

fn at(bytes: &Bytes, share: f64) -> usize {
    ((bytes.len() as f64 * share) as usize).min(bytes.len())
}

fn failed(why: &str) -> Error {
    Error::Generic {
        store: "Faulty",
        source: why.into(),
    }
}

/// A read that hangs; it is counted until it is dropped.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({})", self.inner)
    }
}

/// The asked part of a file, or an error if it has none of it.
fn part(asked: Option<&GetRange>, size: u64) -> Result<Range<u64>> {
    let range = match asked {
        None => 0..size,
        Some(GetRange::Bounded(range)) => range.start..range.end.min(size),
        Some(GetRange::Offset(from)) => *from..size,
        Some(GetRange::Suffix(length)) => size.saturating_sub(*length)..size,
    };
    match range.start > range.end {
        true => Err(failed(&format!(
            "the range {asked:?} is beyond {size} bytes"
        ))),
        false => Ok(range),
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.note(location);
        let fault = self.met(location.as_ref());
        let content = self.content(location, fault).await?;
        let size = content.len() as u64;
        let range = part(options.range.as_ref(), size)?;
        let mut read = content.slice(range.start as usize..range.end as usize);
        if let Some(FaultKind::Short(less)) = fault {
            read.truncate(read.len().saturating_sub(less));
        }
        let payload = match options.head {
            true => Bytes::new(),
            false => read,
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async move { Ok(payload) }).boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: chrono::DateTime::UNIX_EPOCH,
                size,
                e_tag: None,
                version: None,
            },
            range,
            attributes: Attributes::new(),
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut read = Vec::with_capacity(ranges.len());
        for range in ranges {
            let options = GetOptions::new().with_range(Some(range.clone()));
            read.push(self.get_opts(location, options).await?.bytes().await?);
        }
        Ok(read)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
