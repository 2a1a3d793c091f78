// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use tokio::sync::Notify;

use super::{CacheKind, CacheLimits, CacheUsage, IcebergCaches, Weigh};
use crate::error::{Error, ErrorKind, Result};

/// A file of as many bytes.
#[derive(Debug, PartialEq)]
struct File(usize);

impl Weigh for File {
    fn weight(&self) -> usize {
        self.0
    }
}

#[derive(Debug)]
struct OtherForm;

impl Weigh for OtherForm {
    fn weight(&self) -> usize {
        1
    }
}

const KIND: CacheKind = CacheKind::Manifest;

fn caches(limit: u64) -> IcebergCaches {
    IcebergCaches::new(CacheLimits {
        manifests: limit,
        deletes: limit,
        indexes: limit,
    })
}

fn usage(caches: &IcebergCaches, kind: CacheKind) -> CacheUsage {
    let mut usage = caches.usage().into_iter();
    usage.find(|u| u.kind == kind).unwrap()
}

async fn load(caches: &IcebergCaches, location: &str, bytes: usize) -> Arc<File> {
    let file = async { Ok(File(bytes)) };
    caches.get_or_load(KIND, 0, location, file).await.unwrap()
}

#[tokio::test]
async fn a_file_is_loaded_once() {
    let caches = caches(1 << 20);
    let first = load(&caches, "s3://b/m", 100).await;
    let second = load(&caches, "s3://b/m", 999).await;
    assert!(Arc::ptr_eq(&first, &second));
    let used = usage(&caches, KIND);
    assert_eq!((used.entries, used.hits, used.misses), (1, 1, 1));
    assert!(used.bytes >= 100 && used.limit_bytes == 1 << 20);
    assert_eq!(usage(&caches, CacheKind::DeletionVector).misses, 0);
}

#[tokio::test]
async fn kinds_storages_and_forms_are_kept_apart() {
    let caches = caches(1 << 20);
    load(&caches, "m", 1).await;
    let other_storage = caches.get_or_load(KIND, 1, "m", async { Ok(File(2)) });
    assert_eq!(*other_storage.await.unwrap(), File(2));
    let other_kind = CacheKind::EqualityDeletes;
    let other_kind = caches.get_or_load(other_kind, 0, "m", async { Ok(File(3)) });
    assert_eq!(*other_kind.await.unwrap(), File(3));
    let other_form = caches.get_or_load(KIND, 0, "m", async { Ok(OtherForm) });
    other_form.await.unwrap();
    assert_eq!(*load(&caches, "m", 4).await, File(1));
    assert_eq!(caches.entries().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_the_same_time_share_one_load() {
    let caches = Arc::new(caches(1 << 20));
    let (loads, start) = (AtomicUsize::new(0), Notify::new());
    let ask = || {
        let load = async {
            loads.fetch_add(1, Ordering::SeqCst);
            start.notified().await;
            Ok(File(7))
        };
        caches.get_or_load(KIND, 0, "m", load)
    };
    let ready = async {
        while loads.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        start.notify_one();
    };
    let (all, ()) = tokio::join!(join_all((0..8).map(|_| ask())), ready);
    assert!(all.into_iter().all(|file| *file.unwrap() == File(7)));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let used = usage(&caches, KIND);
    assert_eq!((used.hits, used.misses), (7, 1));
}

#[tokio::test]
async fn a_failed_load_is_not_kept() {
    let caches = caches(1 << 20);
    let failed: Result<Arc<File>> = caches
        .get_or_load(KIND, 0, "m", async {
            Err(Error::new(ErrorKind::Io, "no such host"))
        })
        .await;
    assert_eq!(failed.unwrap_err().to_string(), "no such host");
    assert_eq!(*load(&caches, "m", 5).await, File(5));
    assert_eq!(usage(&caches, KIND).misses, 2);
}

#[tokio::test]
async fn when_a_load_is_cancelled_another_caller_loads() {
    let caches = Arc::new(caches(1 << 20));
    let started = Arc::new(Notify::new());
    let never = {
        let (caches, started) = (Arc::clone(&caches), Arc::clone(&started));
        datafusion::common::runtime::SpawnedTask::spawn(async move {
            let load = async {
                started.notify_one();
                futures::future::pending::<Result<File>>().await
            };
            caches.get_or_load(KIND, 0, "m", load).await
        })
    };
    started.notified().await;
    let waiting = {
        let caches = Arc::clone(&caches);
        datafusion::common::runtime::SpawnedTask::spawn(async move { load(&caches, "m", 9).await })
    };
    tokio::task::yield_now().await;
    drop(never);
    assert_eq!(*waiting.await.unwrap(), File(9));
}

#[tokio::test]
async fn the_limit_holds() {
    let caches = caches(10_000);
    for file in 0..100 {
        load(&caches, &format!("m{file}"), 1_000).await;
        let used = usage(&caches, KIND);
        assert!(used.bytes <= 10_000, "{} bytes after {file}", used.bytes);
    }
    let used = usage(&caches, KIND);
    assert!(used.entries > 0 && used.evictions > 50, "{used:?}");
    // Larger than everything.
    assert_eq!(*load(&caches, "large", 20_000).await, File(20_000));
    assert!(caches.entries().iter().all(|file| file.location != "large"));
}

#[tokio::test]
async fn a_limit_of_nothing_keeps_nothing() {
    let caches = caches(0);
    for bytes in [1, 2] {
        assert_eq!(*load(&caches, "m", bytes).await, File(bytes));
    }
    assert_eq!(usage(&caches, KIND).entries, 0);
}

#[tokio::test]
async fn cleared_files_are_gone() {
    let caches = caches(1 << 20);
    load(&caches, "s3://user:secret@b/m", 1).await;
    assert_eq!(caches.entries()[0].location, "s3://b/m");
    caches.clear();
    assert!(caches.entries().is_empty());
    assert_eq!(usage(&caches, KIND).entries, 0);
    assert_eq!(*load(&caches, "s3://user:secret@b/m", 2).await, File(2));
}
