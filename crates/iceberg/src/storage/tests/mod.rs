// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The storage against a stand-in for S3.

mod chain;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use iceberg::io::{FileIO, FileIOBuilder};

use super::stand_in::{Answer, Fault, StandInS3, nowhere};
use super::*;
use crate::error::{Error, ErrorKind};

const HUSH: &str = "hushhush";

fn file_io(endpoint: &str, more: &[(&str, &str)]) -> FileIO {
    let mut properties = BTreeMap::from([
        ("s3.endpoint".to_string(), endpoint.to_string()),
        ("s3.access-key-id".to_string(), "good".to_string()),
        ("s3.secret-access-key".to_string(), HUSH.to_string()),
        ("s3.retry.num-retries".to_string(), "1".to_string()),
    ]);
    for (key, value) in more {
        properties.insert(key.to_string(), value.to_string());
    }
    FileIOBuilder::new(Arc::new(ObjectStorageFactory::new(&properties))).build()
}

async fn read(file_io: &FileIO, location: &str) -> crate::error::Result<Bytes> {
    let read = file_io.new_input(location).unwrap().read().await;
    read.map_err(|error| {
        let error = Error::from(error);
        let text = format!("{error} {error:?}");
        assert!(!text.contains(HUSH), "{text}");
        assert!(text.contains(&format!("'{location}'")), "{text}");
        error
    })
}

#[tokio::test]
async fn files_are_written_read_and_deleted() {
    let s3 = StandInS3::start(["good"]);
    let file_io = file_io(&s3.server().url(), &[]);
    let location = "s3a://b/w//t/k=a%3Db/ü f.parquet";
    let file = file_io.new_output(location).unwrap();
    file.write(Bytes::from_static(b"0123456789")).await.unwrap();
    assert_eq!(s3.paths(), ["b/w//t/k=a%3Db/ü f.parquet"]);
    assert_eq!(read(&file_io, location).await.unwrap(), "0123456789");
    let reader = file_io.new_input(location).unwrap().reader().await.unwrap();
    assert_eq!(reader.read(2..5).await.unwrap(), "234");
    assert_eq!(reader.read(5..5).await.unwrap(), "");
    assert!(file_io.exists(location).await.unwrap());
    file_io.delete(location).await.unwrap();
    assert!(!file_io.exists(location).await.unwrap());
    file_io.delete(location).await.unwrap();
}

#[tokio::test]
async fn a_big_file_goes_in_parts_which_are_taken_back_after_an_error() {
    let s3 = StandInS3::start(["good"]);
    let file_io = file_io(&s3.server().url(), &[]);
    let part = Bytes::from(vec![7_u8; 6 << 20]);
    let mut writer = file_io
        .new_output("s3://b/big")
        .unwrap()
        .writer()
        .await
        .unwrap();
    for _ in 0..4 {
        writer.write(part.clone()).await.unwrap();
    }
    writer.close().await.unwrap();
    assert_eq!(s3.get("b/big").unwrap().len(), 24 << 20);
    assert!(writer.close().await.is_err());

    s3.hook(|request| {
        let fails = request.query.contains("partNumber=2");
        fails.then(|| Answer::new(400, "no"))
    });
    let mut writer = file_io
        .new_output("s3://b/other")
        .unwrap()
        .writer()
        .await
        .unwrap();
    let mut failure = None;
    for _ in 0..8 {
        if let Err(error) = writer.write(part.clone()).await {
            failure = Some(error);
            break;
        }
    }
    let failure = match failure {
        Some(failure) => failure,
        None => writer.close().await.unwrap_err(),
    };
    let error = Error::from(failure).to_string();
    assert!(error.contains("cannot write 's3://b/other'"), "{error}");
    assert_eq!(s3.get("b/other"), None);
}

#[tokio::test]
async fn a_metadata_file_is_never_written_over() {
    let s3 = StandInS3::start(["good"]);
    let remote = file_io(&s3.server().url(), &[]);
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("v1.metadata.json");
    for (file_io, location) in [
        (&remote, "s3://b/t/v1.metadata.json"),
        (&remote, local.to_str().unwrap()),
    ] {
        let file = file_io.new_output(location).unwrap();
        file.write(Bytes::from_static(b"one")).await.unwrap();
        // The same again is an earlier try whose answer was lost.
        file.write(Bytes::from_static(b"one")).await.unwrap();
        let error = file.write(Bytes::from_static(b"two")).await.unwrap_err();
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(read(file_io, location).await.unwrap(), "one");
    }
}

#[tokio::test]
async fn what_a_store_says_is_explained() {
    let s3 = StandInS3::start(["good"]);
    s3.put("b/f", b"0123456789");
    let url = s3.server().url();
    let good = file_io(&url, &[]);
    let error = read(&good, "s3://b/not").await.unwrap_err();
    assert_eq!(error.to_string(), "file 's3://b/not' does not exist");

    let bad = file_io(&url, &[("s3.access-key-id", "bad")]);
    let error = read(&bad, "s3://b/f").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(
        error.to_string(),
        "cannot read 's3://b/f', access is denied (403 Forbidden, InvalidAccessKeyId: Said by the \
         stand-in): check 's3.access-key-id', 's3.secret-access-key', 's3.session-token' and their \
         rights"
    );

    // S3 repeats a token that has ended.
    let token = [("s3.access-key-id", "bad"), ("s3.session-token", HUSH)];
    let error = read(&file_io(&url, &token), "s3://b/f").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("ExpiredToken"), "{error}");

    let error = read(&file_io(&nowhere(), &[]), "s3://b/f")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(
        error.to_string().contains("cannot read 's3://b/f'"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_but_not_for_ever() {
    let s3 = StandInS3::start(["good"]);
    s3.put("b/f", b"0123456789");
    let url = s3.server().url();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    s3.hook(move |_| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| Answer::new(503, "busy"))
    });
    assert_eq!(
        read(&file_io(&url, &[]), "s3://b/f").await.unwrap(),
        "0123456789"
    );

    s3.hook(|_| Some(Answer::new(503, format!("busy, you are {HUSH}"))));
    let error = read(&file_io(&url, &[]), "s3://b/f")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("503") && error.contains("busy"), "{error}");

    s3.hook(|_| Some(Answer::new(200, "0123456789").but(Fault::CutOff)));
    assert!(read(&file_io(&url, &[]), "s3://b/f").await.is_err());

    let slow = file_io(&url, &[("s3.request-timeout", "0.2")]);
    s3.hook(|_| Some(Answer::new(200, "").but(Fault::Late(Duration::from_secs(5)))));
    let error = read(&slow, "s3://b/f").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[tokio::test]
async fn answers_shorter_than_asked_for_are_errors() {
    let s3 = StandInS3::start(["good"]);
    s3.put("b/f", b"0123456789");
    let file_io = file_io(&s3.server().url(), &[]);
    let reader = file_io
        .new_input("s3://b/f")
        .unwrap()
        .reader()
        .await
        .unwrap();
    let error = Error::from(reader.read(5..15).await.unwrap_err()).to_string();
    assert!(error.contains("'s3://b/f'"), "{error}");
    // A server that does not know ranges sends everything.
    s3.hook(|_| {
        let all = Answer::new(200, "0123456789").with("etag", "\"e\"");
        Some(all.with("last-modified", "Wed, 01 Jan 2025 00:00:00 GMT"))
    });
    assert!(reader.read(5..7).await.is_err());
}
