// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Reads pages that lie near one another at once. Stores far away merge what they are asked for by themselves; on a disk
//! each part is a call.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetObjectReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;

/// Copying so many bytes that nobody asked for takes no longer than another call.
const GAP: u64 = 16 * 1024;

/// A file of which near parts are read at once.
pub(super) struct NearReader(pub(super) ParquetObjectReader);

impl AsyncFileReader for NearReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.0.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        let merged = merged(&ranges);
        async move {
            let read = self.0.get_byte_ranges(merged.clone()).await?;
            let part = |range: &Range<u64>| {
                let at = merged.partition_point(|it| it.end < range.end);
                let found = merged.get(at).zip(read.get(at));
                found.and_then(|(of, bytes)| slice(of, bytes, range))
            };
            let parts = ranges.iter().map(part).collect::<Option<Vec<_>>>();
            parts.ok_or_else(|| ParquetError::EOF("a part of a file is shorter than asked".into()))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        self.0.get_metadata(options)
    }
}

/// Ranges that cover these, ascending, with gaps between them that are not worth reading.
fn merged(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => {
                last.end = last.end.max(range.end);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// The bytes of `range`, of those of a range around it.
fn slice(of: &Range<u64>, bytes: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let from = usize::try_from(range.start.checked_sub(of.start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(of.start)?).ok()?;
    (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectStore, ObjectStoreExt};

    use super::*;

    #[test]
    fn near_ranges_are_one() {
        let far = 10 * GAP;
        let ranges = [far..far + 5, 10..20, 0..4, 20..30, 12..14];
        assert_eq!(merged(&ranges), [0..30, far..far + 5]);
        let apart = [0..1, GAP + 2..GAP + 3];
        assert_eq!(merged(&apart), apart);
        let touching = merged(&[0..1, GAP + 1..GAP + 2]);
        assert_eq!(touching.as_slice(), std::slice::from_ref(&(0..GAP + 2)));
    }

    #[tokio::test]
    async fn parts_come_in_the_order_asked_for() {
        let bytes: Vec<u8> = (0..GAP * 4).map(|at| (at % 251) as u8).collect();
        let (store, path) = (InMemory::new(), Path::from("f"));
        store.put(&path, bytes.clone().into()).await.unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        let mut file = NearReader(ParquetObjectReader::new(store, path));
        let ranges = vec![GAP * 3..GAP * 3 + 7, 5..5, 100..300, 2..9, 150..200];
        let read = file.get_byte_ranges(ranges.clone()).await.unwrap();
        assert_eq!(read.len(), ranges.len());
        for (read, range) in read.iter().zip(ranges) {
            let expected = &bytes[range.start as usize..range.end as usize];
            assert_eq!(&read[..], expected, "{range:?}");
        }
        let beyond = vec![0..5, GAP * 4 - 1..GAP * 4 + 9];
        assert!(file.get_byte_ranges(beyond).await.is_err());
    }
}
