// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metadata files on storage that fails, lies, dawdles or hangs.

use std::sync::Arc;
use std::time::Duration;

use feast_testkit::faults::{Fault, FaultKind, FaultyStore, file_io, memory};
use feast_testkit::tables::{MadeTable, RandomTable};

use super::super::metadata_file::read_metadata;
use crate::error::ErrorKind;

/// What becomes of a read: an error of this kind, or the whole file.
const FAULTS: [(FaultKind, Option<ErrorKind>); 9] = [
    (FaultKind::Error, Some(ErrorKind::Io)),
    (FaultKind::NotFound, Some(ErrorKind::Io)),
    (FaultKind::Short(1), Some(ErrorKind::Damaged)),
    (FaultKind::Short(30), Some(ErrorKind::Damaged)),
    (FaultKind::Truncated(0.0), Some(ErrorKind::Damaged)),
    (FaultKind::Truncated(0.4), Some(ErrorKind::Damaged)),
    (FaultKind::Truncated(0.97), Some(ErrorKind::Damaged)),
    (FaultKind::Flipped(0.0), Some(ErrorKind::Damaged)),
    (FaultKind::Slow(Duration::from_millis(20)), None),
];

/// Tables whose metadata is plain, and compressed.
fn tables() -> Vec<MadeTable> {
    let mut tables = Vec::new();
    for seed in 0..6 {
        let drawn = RandomTable::draw(seed, &format!("s3://bucket/m{seed}")).unwrap();
        let mut made = drawn.made;
        if seed % 2 == 1 {
            made.compress_metadata().unwrap();
        }
        tables.push(made);
    }
    tables
}

async fn store(made: &MadeTable) -> Arc<FaultyStore> {
    let inner = memory(&made.files).await.unwrap();
    Arc::new(FaultyStore::new(inner, Vec::new()))
}

#[tokio::test]
async fn a_metadata_file_is_read_whole_or_not_at_all() {
    for made in tables() {
        let store = store(&made).await;
        let io = file_io(Arc::clone(&store) as Arc<_>);
        let whole = read_metadata(&io, &made.metadata).await.unwrap();
        assert!(!whole.schemas_iter().collect::<Vec<_>>().is_empty());
        for (kind, expected) in FAULTS {
            store.set(vec![Fault::new(".metadata.json", kind)]);
            let read = read_metadata(&io, &made.metadata).await;
            let about = format!("{kind:?} of {}", made.metadata);
            match (read, expected) {
                (Ok(found), None) => assert_eq!(found, whole, "{about}"),
                (Err(error), Some(kind)) => assert_eq!(error.kind(), kind, "{about}: {error}"),
                (read, _) => panic!("{about}: {:?}", read.map(|_| "it was read")),
            }
            store.set(Vec::new());
            let again = read_metadata(&io, &made.metadata).await.unwrap();
            assert_eq!(again, whole, "after {about}");
        }
    }
}

#[tokio::test]
async fn a_read_that_hangs_ends_with_who_waits_for_it() {
    let made = tables().swap_remove(0);
    let store = store(&made).await;
    let io = file_io(Arc::clone(&store) as Arc<_>);
    store.set(vec![Fault::new(".metadata.json", FaultKind::Hang)]);
    let read = read_metadata(&io, &made.metadata);
    let waited = tokio::time::timeout(Duration::from_millis(50), read).await;
    assert!(waited.is_err());
    assert_eq!(store.hanging(), 0);
    store.set(Vec::new());
    read_metadata(&io, &made.metadata).await.unwrap();
}
