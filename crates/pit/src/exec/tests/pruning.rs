// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the filters keep from being read: files of Parquet, a day each.

use std::ops::Range;
use std::path::Path;

use datafusion::config::TableParquetOptions;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::ParquetReadOptions;

use super::memory::folder;
use super::partitioned::optimized;
use super::*;
use crate::exec::PitJoinMode;

const FILES: i64 = 6;
/// As many rows as have to compete before the slots are looked at.
const ROWS: i64 = 70_000;
const KEYS: i64 = 10;

/// A view over so many files of so many rows: a row at each instant, keys in turn.
pub(super) async fn parquet(
    context: &SessionContext,
    folder: &Path,
    files: i64,
    rows: i64,
    rows_a_group: usize,
) -> Arc<dyn ExecutionPlan> {
    for file in 0..files {
        let rows = file * rows..(file + 1) * rows;
        let at = rows.clone().map(Some).collect::<Vec<_>>();
        let keys = Int64Array::from_iter_values(rows.clone().map(|r| r % KEYS));
        let part = batch(vec![
            ("driver", Arc::new(keys) as ArrayRef),
            ("at", times(&at)),
            ("created", times(&at)),
            ("v", Arc::new(Int64Array::from_iter_values(rows))),
        ]);
        // Names tell nothing of their age.
        let path = folder.join(format!("{}.parquet", (file * 5) % files + 10));
        let frame = context.read_batch(part).unwrap();
        let options = DataFrameWriteOptions::new().with_single_file_output(true);
        let path = path.display().to_string();
        let mut parquet = TableParquetOptions::default();
        parquet.global.max_row_group_size = rows_a_group;
        let written = frame.write_parquet(&path, options, Some(parquet)).await;
        written.unwrap();
    }
    let files = folder.display().to_string();
    let input = context
        .read_parquet(files, ParquetReadOptions::default())
        .await
        .unwrap();
    input.create_physical_plan().await.unwrap()
}

/// Reads `entities` against the files with one thread; tells the answer and how many rows were read.
async fn read(name: &str, ttl: Option<i64>, entities: RecordBatch) -> (Vec<Option<i64>>, usize) {
    read_in(PitJoinMode::Collected, 1, name, ttl, entities).await
}

async fn read_in(
    mode: PitJoinMode,
    partitions: usize,
    name: &str,
    ttl: Option<i64>,
    entities: RecordBatch,
) -> (Vec<Option<i64>>, usize) {
    let folder = folder(name);
    let config = SessionConfig::new().with_target_partitions(partitions);
    let context = SessionContext::new_with_config(config.clone());
    let input = parquet(&context, &folder, FILES, ROWS, 1 << 20).await;
    let entity = scan(&context, vec![vec![entities]]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(ttl.map(|t| Duration::from_micros(t as u64)))],
    };
    let spec = Arc::new(spec);
    let join = PitJoinExec::try_new_with_mode(entity, vec![input], spec, mode).unwrap();
    let plan = optimized(Arc::new(join), &config);
    let answer = collect(Arc::clone(&plan), context.task_ctx())
        .await
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let mut join = &plan;
    while !join.as_any().is::<PitJoinExec>() {
        join = join.children()[0];
    }
    let probed = join.metrics().unwrap().sum_by_name("stats.rows_probed");
    (column(&answer, "v"), probed.unwrap().as_usize())
}

pub(super) fn at(keys: Range<i64>, time: i64) -> RecordBatch {
    let n = keys.clone().count();
    batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from_iter_values(keys)) as ArrayRef,
        ),
        ("time", times(&vec![Some(time); n])),
    ])
}

#[tokio::test]
async fn once_all_slots_are_closed_older_files_are_not_read() {
    let last = FILES * ROWS - 1;
    let (answer, probed) = read("closed", None, at(0..KEYS, last)).await;
    let expected = (last + 1 - KEYS..=last).map(Some).collect::<Vec<_>>();
    assert_eq!(answer, expected);
    assert_eq!(probed, ROWS as usize);
}

#[tokio::test]
async fn a_slot_that_stays_open_has_the_whole_history_read() {
    let last = FILES * ROWS - 1;
    let mut expected = (last + 1 - KEYS..=last).map(Some).collect::<Vec<_>>();
    expected.push(None);
    let (answer, probed) = read("open", None, at(0..KEYS + 1, last)).await;
    assert_eq!(answer, expected);
    assert_eq!(probed, (FILES * ROWS) as usize);
}

#[tokio::test]
async fn only_files_within_the_window_are_read() {
    let noon = 2 * ROWS + ROWS / 2;
    let (answer, probed) = read("window", Some(ROWS / 4), at(0..KEYS, noon)).await;
    assert_eq!(
        answer,
        (0..KEYS)
            .map(|k| Some(noon - (noon - k) % KEYS))
            .collect::<Vec<_>>()
    );
    assert_eq!(probed, ROWS as usize);
}

#[tokio::test]
async fn partitions_together_leave_files_out() {
    let noon = 2 * ROWS + ROWS / 2;
    let asked = || at(0..KEYS, noon);
    let ttl = Some(ROWS / 4);
    let (expected, _) = read("collected", ttl, asked()).await;
    let (answer, probed) = read_in(PitJoinMode::Partitioned, 1, "one", ttl, asked()).await;
    assert_eq!(answer, expected);
    assert_eq!(probed, ROWS as usize);
    // Which files are opened before all partitions are known depends on threads; the answer does not.
    let (mut answer, probed) = read_in(PitJoinMode::Partitioned, 3, "three", ttl, asked()).await;
    answer.sort_unstable();
    let mut expected = expected;
    expected.sort_unstable();
    assert_eq!(answer, expected);
    assert!(probed >= ROWS as usize, "{probed}");
}
