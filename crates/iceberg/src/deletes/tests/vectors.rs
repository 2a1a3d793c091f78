// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::sync::Arc;

use iceberg::spec::{DataContentType, DataFileBuilder, DataFileFormat};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roaring::{RoaringBitmap, RoaringTreemap};

use super::fixture::{Fixture, builder};
use crate::deletes::vector::decode;
use crate::error::ErrorKind;
use crate::plan::FileDeletes;

const DATA: &str = "memory:///t/data/a.parquet";
const PUFFIN: &str = "memory:///t/data/d.puffin";

/// The bytes of a deletion vector around what should be a Roaring bitmap.
fn framed(positions: &[u8]) -> Vec<u8> {
    let mut checked = vec![0xD1, 0xD3, 0x39, 0x64];
    checked.extend_from_slice(positions);
    let mut blob = (checked.len() as u32).to_be_bytes().to_vec();
    blob.extend_from_slice(&checked);
    blob.extend_from_slice(&crc32fast::hash(&checked).to_be_bytes());
    blob
}

fn serialized(positions: &RoaringTreemap) -> Vec<u8> {
    let mut bytes = Vec::new();
    positions.serialize_into(&mut bytes).unwrap();
    bytes
}

fn vector(positions: impl IntoIterator<Item = u64>) -> Vec<u8> {
    framed(&serialized(&positions.into_iter().collect()))
}

#[test]
fn vectors_come_back() {
    let mut random = StdRng::seed_from_u64(1);
    for case in 0..200 {
        let mut positions = RoaringTreemap::new();
        for _ in 0..random.random_range(0..6) {
            let start = match random.random_range(0..3) {
                0 => random.random_range(0..100_000),
                1 => random.random_range(0..1_u64 << 34),
                _ => (1 << 32) - random.random_range(1..50),
            };
            positions.insert_range(start..start + random.random_range(1..9_000));
        }
        if random.random_bool(0.5) {
            positions.optimize();
        }
        let blob = framed(&serialized(&positions));
        assert_eq!(decode(&blob).unwrap(), positions, "case {case} of seed 1");
    }
}

#[test]
fn gaps_filled_with_empty_bitmaps_are_none() {
    let mut bytes = 3_u64.to_le_bytes().to_vec();
    for (high, values) in [(0_u32, vec![]), (1, vec![5]), (2, vec![])] {
        bytes.extend_from_slice(&high.to_le_bytes());
        let bitmap: RoaringBitmap = values.into_iter().collect();
        bitmap.serialize_into(&mut bytes).unwrap();
    }
    let found = decode(&framed(&bytes)).unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [(1 << 32) + 5]);
    assert_eq!((found.min(), found.max()), (found.max(), found.min()));
}

#[test]
fn every_corrupted_byte_is_found() {
    let blob = vector((0..3).chain(70_000..70_005).chain([1 << 33]));
    assert!(decode(&blob).is_ok());
    for at in 0..blob.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut damaged = blob.clone();
            damaged[at] ^= flip;
            assert!(decode(&damaged).is_err(), "byte {at} ^ {flip:#x}");
        }
        assert!(decode(&blob[..at]).is_err(), "cut at {at}");
        let longer = [&blob[..], &blob[..at + 1]].concat();
        assert!(decode(&longer).is_err(), "{} bytes more", at + 1);
    }
}

#[test]
fn hostile_bytes_with_a_right_checksum_do_no_harm() {
    let mut random = StdRng::seed_from_u64(2);
    let honest = serialized(&(0..5_000).chain([1 << 33]).collect());
    for _ in 0..5_000 {
        let mut bytes = honest.clone();
        bytes.truncate(random.random_range(0..=bytes.len()));
        for _ in 0..random.random_range(0..4) {
            if !bytes.is_empty() {
                // Most of what matters is at the beginning.
                let last = bytes.len().min(40);
                let at = random.random_range(0..last);
                bytes[at] = random.random();
            }
        }
        let _ = decode(&framed(&bytes));
    }
    let mut endless = u64::MAX.to_le_bytes().to_vec();
    endless.extend_from_slice(&honest[8..]);
    assert!(decode(&framed(&endless)).is_err());
    let follows = [&honest[..], &[0]].concat();
    assert!(
        decode(&framed(&follows))
            .unwrap_err()
            .contains("1 bytes follow")
    );
}

/// The manifest entry of a vector of `count` positions at `place` of a file of `size` bytes.
fn entry(place: Option<(i64, i64)>, size: u64, count: u64) -> DataFileBuilder {
    let mut file = builder(DataContentType::PositionDeletes, DataFileFormat::Puffin);
    file.record_count(count)
        .file_size_in_bytes(size)
        .referenced_data_file(Some(DATA.to_string()))
        .content_offset(place.map(|(offset, _)| offset))
        .content_size_in_bytes(place.map(|(_, length)| length));
    file
}

async fn positions(
    fixture: &Fixture,
    file: DataFileBuilder,
    data_file: &str,
) -> crate::error::Result<Vec<u64>> {
    let deletes = FileDeletes {
        vector: Some(Arc::new(fixture.delete(PUFFIN, file, 1))),
        ..FileDeletes::default()
    };
    let found = fixture.loader().positions(data_file, 100, &deletes).await?;
    Ok(found.iter().collect())
}

#[tokio::test]
async fn a_bare_vector_is_read_where_the_manifest_places_it() {
    let fixture = Fixture::new();
    let blob = vector([1, 7]);
    let length = blob.len() as i64;
    fixture
        .put(PUFFIN, [&[9; 11][..], &blob, &[9; 5]].concat())
        .await;
    let file = || entry(Some((11, length)), 11 + 5 + length as u64, 2);
    assert_eq!(positions(&fixture, file(), DATA).await.unwrap(), [1, 7]);
    let spelled = positions(&fixture, file(), "memory:/t/data/a.parquet").await;
    assert!(spelled.is_err(), "another location");
    // The size in the manifest may be stale.
    let stale = entry(Some((11, length)), 3, 2);
    assert_eq!(positions(&fixture, stale, DATA).await.unwrap(), [1, 7]);
}

#[tokio::test]
async fn what_the_manifest_promises_is_verified() {
    let fixture = Fixture::new();
    let blob = vector([1, 7]);
    let (length, size) = (blob.len() as i64, blob.len() as u64);
    fixture.put(PUFFIN, blob).await;
    let other = |target: Option<&str>| {
        let mut file = entry(Some((0, length)), size, 2);
        file.referenced_data_file(target.map(str::to_string));
        file
    };
    for (file, found) in [
        (
            entry(Some((0, length)), size, 3),
            "says it deletes 3 rows, it deletes 2",
        ),
        (
            other(Some("memory:///t/data/b.parquet")),
            "it is for 'memory:///t/data/b.parquet'",
        ),
        (other(None), "names no data file"),
        (entry(Some((1, length - 1)), size, 2), "its length says"),
        (entry(Some((0, length - 1)), size, 2), "its length says"),
        (entry(Some((0, 8)), size, 2), "its length says"),
        (entry(Some((0, length + 1)), size, 2), "the file has"),
        (
            entry(Some((0, i64::from(i32::MAX))), size, 2),
            "the file has",
        ),
        (entry(Some((-1, length)), size, 2), "offset -1"),
        (entry(Some((i64::MAX, i64::MAX)), size, 2), "offset"),
        (entry(None, size, 2), "Bad magic"),
    ] {
        let error = positions(&fixture, file, DATA).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{text}");
        for named in [found, "ns.t", "snapshot 77", PUFFIN] {
            assert!(text.contains(named), "{named}: {text}");
        }
    }
}

#[tokio::test]
async fn positions_beyond_the_data_file_are_refused() {
    let fixture = Fixture::new();
    let blob = vector([99, 100]);
    let (length, size) = (blob.len() as i64, blob.len() as u64);
    fixture.put(PUFFIN, blob).await;
    let file = entry(Some((0, length)), size, 2);
    let error = positions(&fixture, file, DATA)
        .await
        .unwrap_err()
        .to_string();
    let wanted = format!("of data file '{DATA}': it deletes row 100, the data file has 100 rows");
    assert!(error.contains(&wanted), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_an_error() {
    let fixture = Fixture::new();
    for file in [entry(Some((0, 30)), 30, 2), entry(None, 30, 2)] {
        let error = positions(&fixture, file, DATA).await.unwrap_err();
        assert!(error.to_string().contains(PUFFIN), "{error}");
    }
}

/// A Puffin file of these vectors.
fn puffin(vectors: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"PFA1".to_vec();
    let mut blobs = Vec::new();
    for (target, blob) in vectors {
        blobs.push(serde_json::json!({
            "type": "deletion-vector-v1", "fields": [], "snapshot-id": -1,
            "sequence-number": -1, "offset": bytes.len(), "length": blob.len(),
            "properties": {"referenced-data-file": target, "cardinality": "1"},
        }));
        bytes.extend_from_slice(blob);
    }
    let footer = serde_json::json!({"blobs": blobs}).to_string();
    bytes.extend_from_slice(b"PFA1");
    bytes.extend_from_slice(footer.as_bytes());
    bytes.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(b"PFA1");
    bytes
}

#[tokio::test]
async fn without_a_place_in_the_manifest_the_footer_tells() {
    let fixture = Fixture::new();
    let other = "memory:///t/data/b.parquet";
    let bytes = puffin(&[(other, vector([1])), (DATA, vector([2, 3]))]);
    let size = bytes.len() as u64;
    fixture.put(PUFFIN, bytes.clone()).await;
    assert_eq!(
        positions(&fixture, entry(None, size, 2), DATA)
            .await
            .unwrap(),
        [2, 3]
    );
    for at in 0..bytes.len() {
        let fixture = Fixture::new();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        fixture.put(PUFFIN, damaged).await;
        let found = positions(&fixture, entry(None, size, 2), DATA).await;
        assert!(found.is_err() || found.unwrap() == [2, 3], "byte {at}");
    }
    let fixture = Fixture::new();
    let bytes = puffin(&[(other, vector([1]))]);
    let size = bytes.len() as u64;
    fixture.put(PUFFIN, bytes).await;
    let error = positions(&fixture, entry(None, size, 1), DATA)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not name one deletion vector"),
        "{error}"
    );
}

#[tokio::test]
async fn a_vector_outdoes_position_deletes() {
    let fixture = Fixture::new();
    let blob = vector([4]);
    let (length, size) = (blob.len() as i64, blob.len() as u64);
    fixture.put(PUFFIN, blob).await;
    let vector = Arc::new(fixture.delete(PUFFIN, entry(Some((0, length)), size, 1), 1));
    let missing = builder(DataContentType::PositionDeletes, DataFileFormat::Parquet);
    let deletes = FileDeletes {
        vector: Some(vector),
        positions: vec![Arc::new(fixture.delete("memory:///no", missing, 1))],
        ..FileDeletes::default()
    };
    let found = fixture
        .loader()
        .positions(DATA, 100, &deletes)
        .await
        .unwrap();
    assert_eq!(found.iter().collect::<Vec<_>>(), [4]);
}
