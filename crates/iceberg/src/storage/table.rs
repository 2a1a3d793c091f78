// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table's files as DataFusion can read them: a synthetic store URL, the store and a path in it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::object_store::ObjectStoreUrl;
use iceberg::io::FileIO;
use iceberg::table::Table;
use object_store::ObjectStore;
use object_store::path::Path;

use super::file_io_store::FileIoStore;
use super::location::split_scheme;
use super::object::ObjectStorage;
use super::table_store::TableStore;
use crate::cache::IcebergCaches;
use crate::error::{Error, ErrorKind, Result};

/// The storage of one table.
///
/// Whatever made the table's `FileIO`, its files are read through it. Stores have a URL of their
/// own (`iceberg-<hash>://`), since two tables in one bucket may have different credentials.
pub struct TableStorage {
    file_io: FileIO,
    identity: u64,
    caches: Arc<IcebergCaches>,
    opened: Mutex<HashMap<String, OpenedStore>>,
}

/// A store and the URL it is registered under.
type OpenedStore = (ObjectStoreUrl, Arc<dyn ObjectStore>);

impl TableStorage {
    /// The storage that `table` reads and writes.
    pub fn for_table(table: &Table) -> Self {
        let file_io = table.file_io().clone();
        let mut hasher = DefaultHasher::new();
        table.metadata().uuid().hash(&mut hasher);
        table.metadata().location().hash(&mut hasher);
        let mut properties: Vec<_> = file_io.config().props().iter().collect();
        properties.sort();
        properties.hash(&mut hasher);
        Self {
            file_io,
            identity: hasher.finish(),
            caches: Arc::default(),
            opened: Mutex::default(),
        }
    }

    /// Keeps immutable files in `caches`, which other tables share.
    #[must_use]
    pub fn with_caches(self, caches: Arc<IcebergCaches>) -> Self {
        Self { caches, ..self }
    }

    /// Where immutable files are kept.
    pub(crate) fn caches(&self) -> &Arc<IcebergCaches> {
        &self.caches
    }

    /// Tells apart tables whose files are not read with the same credentials.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    /// Where `location`, a file of the table as its metadata names it, is to be read: the URL to
    /// register the store under, the store, and the path to give it.
    pub fn resolve(&self, location: &str) -> Result<(ObjectStoreUrl, Arc<dyn ObjectStore>, Path)> {
        let (root, rest) = split_root(location);
        let path = path_of(location, rest)?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((url, store)) = opened.get(root) {
            return Ok((url.clone(), Arc::clone(store), path));
        }
        let mut hasher = DefaultHasher::new();
        (self.identity, root).hash(&mut hasher);
        let url = ObjectStoreUrl::parse(format!("iceberg-{:016x}://", hasher.finish())).map_err(
            |cause| {
                Error::new(ErrorKind::Invalid, format!("location '{location}'")).with_source(cause)
            },
        )?;
        let store: Arc<dyn ObjectStore> = match ObjectStorage::of(&self.file_io) {
            Some(storage) => Arc::new(TableStore::new(root.to_string(), storage)),
            None => Arc::new(FileIoStore::new(root.to_string(), self.file_io.clone())),
        };
        opened.insert(root.to_string(), (url.clone(), Arc::clone(&store)));
        Ok((url, store, path))
    }

    /// The `FileIO` of the table.
    pub fn file_io(&self) -> &FileIO {
        &self.file_io
    }
}

impl fmt::Debug for TableStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableStorage({:016x})", self.identity)
    }
}

/// A location in two: what all files of a store share, and what follows it.
fn split_root(location: &str) -> (&str, &str) {
    let at = match split_scheme(location) {
        Some((scheme, rest)) if rest.starts_with("//") => {
            let authority = scheme.len() + 3;
            match location[authority..].find('/') {
                Some(slash) => authority + slash + 1,
                None => location.len(),
            }
        }
        Some((scheme, rest)) => scheme.len() + 1 + usize::from(rest.starts_with('/')),
        None => usize::from(location.starts_with('/')),
    };
    location.split_at(at)
}

/// The rest of a location as a path: segment by segment as it is, but for those that
/// `object_store` cannot hold (empty, `.`, `..`), which are marked with a `%`, and those that
/// begin with the mark, which get another.
fn path_of(location: &str, rest: &str) -> Result<Path> {
    let marked: Vec<String> = rest
        .split('/')
        .map(|segment| match segment {
            "" | "." | ".." => format!("%{segment}"),
            segment if segment.starts_with('%') => format!("%{segment}"),
            segment => segment.to_string(),
        })
        .collect();
    Path::parse(marked.join("/")).map_err(|cause| {
        Error::new(
            ErrorKind::Unsupported,
            format!("location '{location}' has a character that no object store allows"),
        )
        .with_source(cause)
    })
}

/// The location a path of [`path_of`] came from.
pub(super) fn location_of(root: &str, path: &Path) -> String {
    let mut location = root.to_string();
    for (at, segment) in path.as_ref().split('/').enumerate() {
        if at > 0 {
            location.push('/');
        }
        location.push_str(segment.strip_prefix('%').unwrap_or(segment));
    }
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_location_comes_back_as_it_was() {
        for (location, root) in [
            ("/w/t/data/f.parquet", "/"),
            ("w/t/data/f.parquet", ""),
            ("file:/w/t/f.parquet", "file:/"),
            ("file:///w/t/f.parquet", "file:///"),
            ("file://localhost/w/t/f.parquet", "file://localhost/"),
            (
                "s3://bucket/w//t/./a/../k=a%3Db/%20x/ü ?#.parquet",
                "s3://bucket/",
            ),
            ("s3://bucket/%/%%/f", "s3://bucket/"),
            (
                "abfss://c@a.dfs.core.windows.net/f",
                "abfss://c@a.dfs.core.windows.net/",
            ),
            ("memory:/f", "memory:/"),
        ] {
            let (found, rest) = split_root(location);
            assert_eq!(found, root, "{location}");
            let path = path_of(location, rest).unwrap();
            assert_eq!(location_of(root, &path), location);
        }
    }

    #[test]
    fn ordinary_paths_are_readable() {
        let path = path_of("x", "w/t/data/k=a%3Db/f 1.parquet").unwrap();
        assert_eq!(path.as_ref(), "w/t/data/k=a%3Db/f 1.parquet");
    }
}
