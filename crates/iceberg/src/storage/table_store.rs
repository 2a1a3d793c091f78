// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The files of a table as a read-only object store, where this crate's storage holds them.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, ObjectStoreExt,
};

use super::failures::{as_store_error, explained, too_short};
use super::object::ObjectStorage;
use super::read_only::{ReadFiles, ReadOnly};
use super::table::location_of;

/// Reads the files whose locations begin with `root` from the store they are in. Errors name the
/// location and show no credentials.
pub(super) struct TableStore {
    root: String,
    storage: ObjectStorage,
}

impl TableStore {
    pub(super) fn new(root: String, storage: ObjectStorage) -> ReadOnly<Self> {
        ReadOnly(Self { root, storage })
    }

    /// Where `path` really is: its location, the store and the key there.
    fn resolve(&self, path: &Path) -> object_store::Result<(String, Arc<dyn ObjectStore>, Path)> {
        let location = location_of(&self.root, path);
        match self.storage.resolve(&location) {
            Ok((store, key)) => Ok((location, store, key)),
            Err(error) => Err(object_store::Error::Generic {
                store: "Iceberg",
                source: Box::new(error),
            }),
        }
    }

    fn failed(&self, location: &str, cause: object_store::Error) -> object_store::Error {
        let error = explained("read", location, &cause, self.storage.access());
        as_store_error(location, &cause, error)
    }
}

#[async_trait]
impl ReadFiles for TableStore {
    fn root(&self) -> &str {
        &self.root
    }

    async fn get(&self, path: &Path, mut options: GetOptions) -> object_store::Result<GetResult> {
        let (location, store, key) = self.resolve(path)?;
        let failed = |cause| self.failed(&location, cause);
        if let Some(GetRange::Suffix(length)) = options.range
            && !options.head
            && is_azure(&location)
        {
            // Azure cannot be asked for the end of a file.
            let size = store.head(&key).await.map_err(failed)?.size;
            options.range = Some(GetRange::Bounded(size.saturating_sub(length)..size));
        }
        let mut found = store.get_opts(&key, options).await.map_err(failed)?;
        found.meta.location = path.clone();
        if let GetResultPayload::Stream(bytes) = found.payload {
            let storage = self.storage.clone();
            let named = bytes.map(move |read| {
                read.map_err(|cause| {
                    let error = explained("read", &location, &cause, storage.access());
                    as_store_error(&location, &cause, error)
                })
            });
            found.payload = GetResultPayload::Stream(named.boxed());
        }
        Ok(found)
    }

    async fn get_ranges(
        &self,
        path: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        let (location, store, key) = self.resolve(path)?;
        // Stores differ in what they make of nothing.
        let asked: Vec<_> = ranges.iter().filter(|r| !r.is_empty()).cloned().collect();
        let read = match asked.is_empty() {
            true => Vec::new(),
            false => {
                let read = store.get_ranges(&key, &asked).await;
                read.map_err(|cause| self.failed(&location, cause))?
            }
        };
        let mut read = read.into_iter();
        let part = |range: &Range<u64>| {
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            let part = read.next().unwrap_or_default();
            let length = range.end - range.start;
            match part.len() as u64 == length {
                true => Ok(part),
                false => Err(object_store::Error::Generic {
                    store: "Iceberg",
                    source: Box::new(too_short(&location, range.start, length, part.len())),
                }),
            }
        };
        ranges.iter().map(part).collect()
    }
}

fn is_azure(location: &str) -> bool {
    location.starts_with("abfs") || location.starts_with("wasb")
}

#[cfg(test)]
mod tests {
    use iceberg::io::FileIOBuilder;

    use super::*;
    use crate::storage::ObjectStorageFactory;

    fn store(root: &str) -> ReadOnly<TableStore> {
        let file_io = FileIOBuilder::new(Arc::new(ObjectStorageFactory::default())).build();
        TableStore::new(root.to_string(), ObjectStorage::of(&file_io).unwrap())
    }

    #[tokio::test]
    async fn what_lies_between_parts_of_a_local_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f");
        let bytes: Vec<u8> = (0..500_000_u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&file, &bytes).unwrap();
        let store = store("/");
        let path = Path::from(file.to_str().unwrap());
        let ranges = [400_000..400_010, 5..15, 15..15];
        let read = store.get_ranges(&path, &ranges).await.unwrap();
        for (read, range) in read.iter().zip(&ranges) {
            assert_eq!(read[..], bytes[range.start as usize..range.end as usize]);
        }
        let apart = (read[0].as_ptr() as usize).wrapping_sub(read[1].as_ptr() as usize);
        assert_ne!(apart, 400_000 - 5, "slices of one read");
        assert_eq!(read.iter().map(Bytes::len).collect::<Vec<_>>(), [10, 10, 0]);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("f"), b"12345").unwrap();
        let store = store("/");
        let path = Path::from(folder.path().join("f").to_str().unwrap());
        let missing = Path::from(format!("{path}.not"));
        let error = store
            .get_ranges(&missing, std::slice::from_ref(&(1..2)))
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("'/{missing}' does not exist")),
            "{error}"
        );
        let error = store.get(&missing).await.unwrap_err();
        assert!(
            matches!(error, object_store::Error::NotFound { .. }),
            "{error}"
        );
        let error = store
            .get_ranges(&path, std::slice::from_ref(&(3..9)))
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("'/{path}'")), "{error}");
        assert_eq!(store.head(&path).await.unwrap().size, 5);
        assert_eq!(store.get_range(&path, 1..3).await.unwrap(), "23");
    }

    #[test]
    fn only_our_own_storage_is_found_in_a_file_io() {
        assert!(ObjectStorage::of(&iceberg::io::FileIO::new_with_fs()).is_none());
        assert!(ObjectStorage::of(&iceberg::io::FileIO::new_with_memory()).is_none());
    }
}
