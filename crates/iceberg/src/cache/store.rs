// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One store of files with a limit in bytes.

use std::any::{Any, TypeId};
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use moka::Equivalent;
use moka::future::Cache;
use moka::notification::RemovalCause;

use super::kind::CacheKind;
use super::location::shown;
use super::weigh::Weigh;
use crate::error::{Error, ErrorKind, Result};

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedFile {
    /// What it is.
    pub kind: CacheKind,
    /// Where it is, without credentials.
    pub location: String,
    /// The memory it takes.
    pub bytes: u64,
}

/// What one kind of file takes of a cache, and how it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUsage {
    /// The kind of file.
    pub kind: CacheKind,
    /// Files that are kept.
    pub entries: u64,
    /// The memory they take.
    pub bytes: u64,
    /// The most they may take, together with the kinds that have the same store.
    pub limit_bytes: u64,
    /// How often a file was there, or was being loaded for somebody else.
    pub hits: u64,
    /// How often a file had to be loaded.
    pub misses: u64,
    /// Files that made room for others.
    pub evictions: u64,
}

/// What tells kept values apart. One file may be kept in several forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    kind: CacheKind,
    storage: u64,
    value: TypeId,
}

#[derive(Debug, PartialEq, Eq)]
struct Key {
    form: Form,
    location: String,
}

#[derive(Hash)]
struct KeyRef<'a> {
    form: Form,
    location: &'a str,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let location = self.location.as_str();
        let form = self.form;
        KeyRef { form, location }.hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.form == key.form && self.location == key.location
    }
}

#[derive(Clone)]
struct Kept {
    value: Arc<dyn Any + Send + Sync>,
    bytes: u64,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

/// Counts by kind.
type AllCounts = [Counts; CacheKind::ALL.len()];

/// Values of files, the most useful ones up to a limit.
pub(super) struct Store {
    limit: u64,
    counts: Arc<AllCounts>,
    /// Made at the first use: most tables share the store of their session and use no own one.
    cache: OnceLock<Cache<Key, Kept>>,
}

impl Store {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            counts: Arc::default(),
            cache: OnceLock::new(),
        }
    }

    pub(super) async fn get_or_load<T, F>(
        &self,
        kind: CacheKind,
        storage: u64,
        location: &str,
        load: F,
    ) -> Result<Arc<T>>
    where
        T: Weigh + Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        if let Some(found) = self.get(kind, storage, location).await {
            return Ok(found);
        }
        let key = Key {
            form: form::<T>(kind, storage),
            location: location.to_string(),
        };
        let counts = &self.counts[kind.index()];
        let overhead = size_of::<Key>() + location.len() + size_of::<Kept>() + size_of::<T>();
        let mut loaded = false;
        let load = async {
            loaded = true;
            counts.misses.fetch_add(1, Ordering::Relaxed);
            let value = load.await?;
            Ok::<_, Error>(Kept {
                bytes: (value.weight() + overhead) as u64,
                value: Arc::new(value),
            })
        };
        let cache = self.cache();
        let kept = cache
            .try_get_with(key, load)
            .await
            .map_err(|e| e.as_ref().clone())?;
        if loaded {
            cache.run_pending_tasks().await;
        } else {
            counts.hits.fetch_add(1, Ordering::Relaxed);
        }
        typed(kept, location)
    }

    pub(super) async fn get<T>(
        &self,
        kind: CacheKind,
        storage: u64,
        location: &str,
    ) -> Option<Arc<T>>
    where
        T: Send + Sync + 'static,
    {
        let form = form::<T>(kind, storage);
        let kept = self.cache().get(&KeyRef { form, location }).await?;
        let value = kept.value.downcast::<T>().ok()?;
        self.counts[kind.index()]
            .hits
            .fetch_add(1, Ordering::Relaxed);
        Some(value)
    }

    pub(super) fn entries(&self) -> Vec<CachedFile> {
        let Some(cache) = self.cache.get() else {
            return Vec::new();
        };
        let entry = |(key, kept): (Arc<Key>, Kept)| CachedFile {
            kind: key.form.kind,
            location: shown(&key.location),
            bytes: kept.bytes,
        };
        cache.iter().map(entry).collect()
    }

    pub(super) fn usage(&self, kind: CacheKind) -> CacheUsage {
        let counts = &self.counts[kind.index()];
        let (mut entries, mut bytes) = (0, 0);
        for (key, kept) in self.cache.get().iter().flat_map(|cache| cache.iter()) {
            if key.form.kind == kind {
                entries += 1;
                bytes += kept.bytes;
            }
        }
        CacheUsage {
            kind,
            entries,
            bytes,
            limit_bytes: self.limit,
            hits: counts.hits.load(Ordering::Relaxed),
            misses: counts.misses.load(Ordering::Relaxed),
            evictions: counts.evictions.load(Ordering::Relaxed),
        }
    }

    pub(super) fn clear(&self) {
        if let Some(cache) = self.cache.get() {
            cache.invalidate_all();
        }
    }

    fn cache(&self) -> &Cache<Key, Kept> {
        self.cache.get_or_init(|| {
            let counts = Arc::clone(&self.counts);
            Cache::builder()
                .max_capacity(self.limit)
                .weigher(|_: &Key, kept: &Kept| u32::try_from(kept.bytes).unwrap_or(u32::MAX))
                .eviction_listener(move |key: Arc<Key>, _, cause| {
                    if cause == RemovalCause::Size {
                        let counts = &counts[key.form.kind.index()];
                        counts.evictions.fetch_add(1, Ordering::Relaxed);
                    }
                })
                .build()
        })
    }
}

fn form<T: 'static>(kind: CacheKind, storage: u64) -> Form {
    Form {
        kind,
        storage,
        value: TypeId::of::<T>(),
    }
}

fn typed<T: Send + Sync + 'static>(kept: Kept, location: &str) -> Result<Arc<T>> {
    kept.value.downcast().map_err(|_| {
        let message = format!("the cache holds '{location}' in another form than its key says");
        Error::new(ErrorKind::Damaged, message)
    })
}
