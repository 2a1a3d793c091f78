// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use super::*;

async fn read(kind: FaultKind) -> object_store::Result<Bytes> {
    let bytes = Bytes::from_static(&[0; 100]);
    let files = BTreeMap::from([("s3://b/t/f".to_owned(), bytes)]);
    let store = FaultyStore::new(memory(&files).await?, vec![Fault::new("t/f", kind)]);
    store.get(&path("s3://b/t/f")).await?.bytes().await
}

#[tokio::test]
async fn faults_do_what_they_say() {
    assert!(read(FaultKind::Error).await.is_err());
    let missing = read(FaultKind::NotFound).await;
    assert!(matches!(missing, Err(object_store::Error::NotFound { .. })));
    assert_eq!(read(FaultKind::Short(3)).await.unwrap().len(), 97);
    assert_eq!(read(FaultKind::Truncated(0.25)).await.unwrap().len(), 25);
    let flipped = read(FaultKind::Flipped(0.5)).await.unwrap();
    assert_eq!(flipped.iter().position(|byte| *byte != 0), Some(50));
}

#[tokio::test]
async fn a_hanging_read_ends_when_it_is_dropped() {
    let files = BTreeMap::from([("/t/f".to_owned(), Bytes::new())]);
    let hang = vec![Fault::new("f", FaultKind::Hang)];
    let store = FaultyStore::new(memory(&files).await.unwrap(), hang);
    let path = path("/t/f");
    let read = store.get(&path);
    assert!(
        tokio::time::timeout(Duration::from_millis(10), read)
            .await
            .is_err()
    );
    assert_eq!(store.hanging(), 0);
}
