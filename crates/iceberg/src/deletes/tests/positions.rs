// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray, StructArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use iceberg::spec::{DataContentType, DataFileFormat};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::fixture::{Fixture, batch, builder, by_positions, parquet};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::DeleteFile;

const A: &str = "memory:///t/data/a.parquet";
const B: &str = "memory:///t/data/b.parquet";
const NONE: [u64; 0] = [];
const FILE: &str = "memory:///t/data/deletes.parquet";

fn longs(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn strings(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// The two columns of a position delete file, with their ids.
fn rows(paths: ArrayRef, positions: ArrayRef) -> RecordBatch {
    batch([
        (2_147_483_546, "file_path", paths),
        (2_147_483_545, "pos", positions),
    ])
}

async fn deleted(
    fixture: &Fixture,
    data_file: &str,
    files: &[&Arc<DeleteFile>],
) -> Result<Vec<u64>> {
    let deletes = by_positions(files);
    let found = fixture.loader().positions(data_file, 10, &deletes).await?;
    Ok(found.iter().collect())
}

#[tokio::test]
async fn every_data_file_gets_its_positions() {
    let fixture = Fixture::new();
    let paths = strings(&[B, A, A, B, A, "memory:///t/data/gone.parquet"]);
    let positions = longs(&[7, 5, 1 << 40, 0, 5, 3]);
    let file = fixture.positions(FILE, &rows(paths, positions)).await;
    assert_eq!(deleted(&fixture, A, &[&file]).await.unwrap(), [5, 1 << 40]);
    assert_eq!(deleted(&fixture, B, &[&file]).await.unwrap(), [0, 7]);
    assert_eq!(
        deleted(&fixture, "memory:///t/data/c", &[&file])
            .await
            .unwrap(),
        NONE
    );
}

#[tokio::test]
async fn several_files_add_up() {
    let fixture = Fixture::new();
    let one = fixture
        .positions("memory:///1", &rows(strings(&[A, A]), longs(&[1, 2])))
        .await;
    let two = fixture
        .positions("memory:///2", &rows(strings(&[A, B]), longs(&[2, 9])))
        .await;
    let three = fixture
        .positions("memory:///3", &rows(strings(&[B]), longs(&[4])))
        .await;
    let all = [&one, &two, &three];
    assert_eq!(deleted(&fixture, A, &all).await.unwrap(), [1, 2]);
    assert_eq!(deleted(&fixture, B, &all).await.unwrap(), [4, 9]);
    // The sets of single files stay as they were.
    assert_eq!(deleted(&fixture, B, &[&two]).await.unwrap(), [9]);
}

#[tokio::test]
async fn spellings_of_a_path_are_one_file() {
    let fixture = Fixture::new();
    let paths = ["s3a://b/f", "s3://b/f", "s3n://b/f", "s3://b/g"];
    let file = fixture
        .positions(FILE, &rows(strings(&paths), longs(&[1, 2, 3, 4])))
        .await;
    assert_eq!(
        deleted(&fixture, "s3://b/f", &[&file]).await.unwrap(),
        [1, 2, 3]
    );
    let paths = ["file:/w/f", "file:///w/f", "/w/f", "file://localhost/w/f"];
    let file = fixture
        .positions(
            "memory:///local",
            &rows(strings(&paths), longs(&[1, 2, 3, 4])),
        )
        .await;
    assert_eq!(
        deleted(&fixture, "/w/f", &[&file]).await.unwrap(),
        [1, 2, 3, 4]
    );
}

#[tokio::test]
async fn columns_are_found_by_id_then_by_name() {
    let fixture = Fixture::new();
    let row: ArrayRef = Arc::new(StructArray::from(vec![(
        Arc::new(Field::new("id", DataType::Int64, true)),
        new_null_array(&DataType::Int64, 2),
    )]));
    let (paths, positions) = (strings(&[A, A]), longs(&[3, 4]));
    let others = || longs(&[8, 8]);
    let by_id = batch([
        (0, "pos", others()),
        (2_147_483_545, "p", Arc::clone(&positions)),
        (2_147_483_544, "row", Arc::clone(&row)),
        (2_147_483_546, "f", Arc::clone(&paths)),
        (0, "file_path", strings(&[B, B])),
    ]);
    let by_name = batch([
        (0, "row", row),
        (0, "pos", positions),
        (0, "file_path", paths),
    ]);
    for columns in [by_id, by_name] {
        let file = fixture.positions(FILE, &columns).await;
        assert_eq!(deleted(&fixture, A, &[&file]).await.unwrap(), [3, 4]);
        assert_eq!(deleted(&fixture, B, &[&file]).await.unwrap(), NONE);
    }
}

#[tokio::test]
async fn strings_and_numbers_of_every_kind() {
    let fixture = Fixture::new();
    let dictionary: DictionaryArray<Int32Type> = [A, B].into_iter().collect();
    let kinds: [ArrayRef; 5] = [
        strings(&[A, B]),
        Arc::new(LargeStringArray::from(vec![A, B])),
        Arc::new(StringViewArray::from(vec![A, B])),
        Arc::new(dictionary),
        Arc::new(BinaryArray::from(vec![A.as_bytes(), B.as_bytes()])),
    ];
    for paths in kinds {
        let file = fixture.positions(FILE, &rows(paths, longs(&[6, 7]))).await;
        assert_eq!(deleted(&fixture, B, &[&file]).await.unwrap(), [7]);
    }
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![6, 7]));
    let file = fixture
        .positions(FILE, &rows(strings(&[A, B]), narrow))
        .await;
    assert_eq!(deleted(&fixture, A, &[&file]).await.unwrap(), [6]);
}

#[tokio::test]
async fn damaged_files_are_named() {
    let fixture = Fixture::new();
    let null_path: ArrayRef = Arc::new(StringArray::from(vec![Some(A), None]));
    let null_position: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let two = || strings(&[A, A]);
    for (columns, found) in [
        (rows(null_path, longs(&[1, 2])), "a path is NULL"),
        (rows(two(), null_position), "a position is NULL"),
        (rows(two(), longs(&[1, -2])), "position -2"),
        (rows(two(), two()), "positions are Utf8"),
        (rows(longs(&[1, 2]), longs(&[1, 2])), "paths are Int64"),
        (
            batch([(2_147_483_546, "file_path", two())]),
            "no column pos",
        ),
        (
            batch([(1, "file_path", two()), (2, "pos", longs(&[1, 2]))]),
            "no column file_path (field id 2147483546)",
        ),
    ] {
        let file = fixture.positions(FILE, &columns).await;
        let error = deleted(&fixture, A, &[&file]).await.unwrap_err();
        assert_named(&error, found);
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    }
}

fn assert_named(error: &Error, found: &str) {
    let text = error.to_string();
    for named in [found, "ns.t", "snapshot 77", FILE] {
        assert!(text.contains(named), "{named}: {text}");
    }
}

#[tokio::test]
async fn other_formats_and_missing_files_are_refused() {
    let fixture = Fixture::new();
    let file = |format| builder(DataContentType::PositionDeletes, format);
    let avro = Arc::new(fixture.delete(FILE, file(DataFileFormat::Avro), 1));
    let error = deleted(&fixture, A, &[&avro]).await.unwrap_err();
    assert_named(&error, "format avro");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let mut locked = file(DataFileFormat::Parquet);
    locked.key_metadata(Some(vec![1]));
    let locked = Arc::new(fixture.delete(FILE, locked, 1));
    assert_named(
        &deleted(&fixture, A, &[&locked]).await.unwrap_err(),
        "encrypted",
    );
    let missing = Arc::new(fixture.delete(FILE, file(DataFileFormat::Parquet), 1));
    assert_named(
        &deleted(&fixture, A, &[&missing]).await.unwrap_err(),
        "memory:///t/data/deletes.parquet",
    );
}

#[tokio::test]
async fn a_stale_size_in_the_manifest_does_not_matter() {
    let fixture = Fixture::new();
    let bytes = parquet(&rows(strings(&[A]), longs(&[2])));
    fixture.put(FILE, bytes.clone()).await;
    for size in [0, 5, bytes.len() - 1, bytes.len(), bytes.len() + 100] {
        let mut file = builder(DataContentType::PositionDeletes, DataFileFormat::Parquet);
        file.file_size_in_bytes(size as u64);
        let file = Arc::new(fixture.delete(FILE, file, 1));
        assert_eq!(
            deleted(&fixture, A, &[&file]).await.unwrap(),
            [2],
            "size {size}"
        );
    }
}

#[tokio::test]
async fn many_data_files_in_one() {
    let fixture = Fixture::new();
    let name = |i: usize| format!("memory:///t/data/a-rather-long-name-{i:032}.parquet");
    // More than a Parquet dictionary holds, so that the rest is written plainly.
    let paths: Vec<String> = (0..30_000).map(name).collect();
    let positions = Int64Array::from_iter_values(0..30_000);
    let paths: ArrayRef = Arc::new(StringArray::from(paths));
    let file = fixture
        .positions(FILE, &rows(paths, Arc::new(positions)))
        .await;
    let loader = fixture.loader();
    for i in (0..30_000).step_by(999) {
        let deletes = by_positions(&[&file]);
        let found = loader.positions(&name(i), 1, &deletes).await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [i as u64]);
    }
}

#[tokio::test]
async fn broken_bytes_are_an_error_or_harmless() {
    let bytes = parquet(&rows(strings(&[A, A, B]), longs(&[2, 3, 4])));
    let read = async |bytes: Vec<u8>| {
        let fixture = Fixture::new();
        let mut file = builder(DataContentType::PositionDeletes, DataFileFormat::Parquet);
        file.file_size_in_bytes(bytes.len() as u64);
        fixture.put(FILE, bytes).await;
        let file = Arc::new(fixture.delete(FILE, file, 1));
        deleted(&fixture, A, &[&file]).await
    };
    for cut in (0..bytes.len()).step_by(13) {
        assert_named(&read(bytes[..cut].to_vec()).await.unwrap_err(), "ns.t");
    }
    // Parquet has no checksum here: what still is Parquet is read as it is.
    for at in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        if let Err(error) = read(damaged).await {
            assert_named(&error, "ns.t");
        }
    }
}

#[tokio::test]
async fn any_order_and_repetition_gives_the_same_positions() {
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        let count = random.random_range(1..6_000);
        let all = [A, B, "memory:/t/data/a.parquet"];
        let paths: Vec<&str> = (0..count)
            .map(|_| *all.choose(&mut random).unwrap())
            .collect();
        let reach = *[50, 5_000, 1 << 33].choose(&mut random).unwrap();
        let positions: Vec<i64> = (0..count).map(|_| random.random_range(0..reach)).collect();
        let batch = rows(strings(&paths), longs(&positions));
        let order = match random.random_bool(0.5) {
            true => arrow::compute::lexsort_to_indices(
                &batch
                    .columns()
                    .iter()
                    .map(|values| arrow::compute::SortColumn {
                        values: Arc::clone(values),
                        options: None,
                    })
                    .collect::<Vec<_>>(),
                None,
            )
            .unwrap(),
            false => (0..count as u32).collect::<Vec<_>>().into(),
        };
        let sorted = arrow::compute::take_record_batch(&batch, &order).unwrap();
        let fixture = Fixture::new();
        let file = fixture.positions(FILE, &sorted).await;
        for data_file in all {
            let pairs = paths.iter().zip(&positions);
            let mut wanted: Vec<u64> = pairs
                .filter(|(path, _)| **path == data_file)
                .map(|(_, position)| *position as u64)
                .collect();
            wanted.sort_unstable();
            wanted.dedup();
            let found = deleted(&fixture, data_file, &[&file]).await.unwrap();
            assert_eq!(found, wanted, "seed {seed}, {data_file}");
        }
    }
}
