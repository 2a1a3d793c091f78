// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! An `iceberg::io::FileIO` as a read-only object store, for DataFusion's readers.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use iceberg::io::FileIO;
use object_store::path::Path;
use object_store::{
    Attributes, GetOptions, GetRange, GetResult, GetResultPayload, OBJECT_STORE_COALESCE_DEFAULT,
    ObjectMeta, coalesce_ranges,
};

use super::failures::too_short;
use super::read_only::{ReadFiles, ReadOnly};
use super::table::location_of;
use crate::error::Error;

/// Reads the files whose locations begin with `root` through a `FileIO`.
pub(super) struct FileIoStore {
    root: String,
    file_io: FileIO,
}

impl FileIoStore {
    pub(super) fn new(root: String, file_io: FileIO) -> ReadOnly<Self> {
        ReadOnly(Self { root, file_io })
    }

    async fn part(&self, path: &Path, range: Range<u64>) -> object_store::Result<Bytes> {
        let location = location_of(&self.root, path);
        self.bytes(&location, range).await.map_err(unreadable)
    }

    async fn size(&self, location: &str) -> iceberg::Result<u64> {
        Ok(self.file_io.new_input(location)?.metadata().await?.size)
    }

    async fn bytes(&self, location: &str, range: Range<u64>) -> iceberg::Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.file_io
            .new_input(location)?
            .reader()
            .await?
            .read(range)
            .await
    }

    /// The asked range, and the file's size. A bounded range is not worth a request for the size:
    /// its end is reported as such.
    async fn extent(
        &self,
        location: &str,
        asked: Option<&GetRange>,
        head: bool,
    ) -> iceberg::Result<(Range<u64>, u64)> {
        match asked {
            Some(GetRange::Bounded(range)) if !head => Ok((range.clone(), range.end)),
            Some(GetRange::Offset(from)) => {
                let size = self.size(location).await?;
                Ok(((*from).min(size)..size, size))
            }
            Some(GetRange::Suffix(length)) => {
                let size = self.size(location).await?;
                Ok((size.saturating_sub(*length)..size, size))
            }
            Some(GetRange::Bounded(_)) | None => {
                let size = self.size(location).await?;
                Ok((0..size, size))
            }
        }
    }
}

#[async_trait]
impl ReadFiles for FileIoStore {
    fn root(&self) -> &str {
        &self.root
    }

    async fn get(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let from = location_of(&self.root, location);
        let (range, size) = self
            .extent(&from, options.range.as_ref(), options.head)
            .await
            .map_err(unreadable)?;
        let read = match options.head {
            true => Bytes::new(),
            false => self.bytes(&from, range.clone()).await.map_err(unreadable)?,
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::once(async move { Ok(read) }).boxed()),
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

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        let read = |range| self.part(location, range);
        let read = coalesce_ranges(ranges, read, OBJECT_STORE_COALESCE_DEFAULT).await?;
        for (range, part) in ranges.iter().zip(&read) {
            let length = range.end.saturating_sub(range.start);
            if part.len() as u64 != length {
                let location = location_of(&self.root, location);
                return Err(object_store::Error::Generic {
                    store: "Iceberg",
                    source: Box::new(too_short(&location, range.start, length, part.len())),
                });
            }
        }
        Ok(read)
    }
}

fn unreadable(error: iceberg::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "Iceberg",
        source: Box::new(Error::from(error)),
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStore;

    use super::*;

    #[tokio::test]
    async fn parts_of_a_file_are_read() {
        let file_io = FileIO::new_with_memory();
        let file = file_io.new_output("memory:/t/f").unwrap();
        file.write(Bytes::from_static(b"0123456789")).await.unwrap();
        let store = FileIoStore::new("memory:/".to_string(), file_io);
        let path = Path::from("t/f");
        let read = store.get_ranges(&path, &[7..9, 1..3]).await.unwrap();
        assert_eq!(read, ["78", "12"]);
        let suffix = GetOptions {
            range: Some(GetRange::Suffix(4)),
            ..GetOptions::default()
        };
        let read = store.get_opts(&path, suffix).await.unwrap();
        assert_eq!(read.bytes().await.unwrap(), "6789");
        let missing = Path::from("t/g");
        assert!(
            store
                .get_ranges(&missing, std::slice::from_ref(&(1..2)))
                .await
                .is_err()
        );
    }
}
