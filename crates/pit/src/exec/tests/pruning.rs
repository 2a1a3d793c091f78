// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the filters keep from being read: files of Parquet, a day each.

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::ParquetReadOptions;

use super::memory::folder;
use super::*;

const FILES: i64 = 6;
/// As many rows as have to compete before the slots are looked at.
const ROWS: i64 = 70_000;
const KEYS: i64 = 10;

/// Reads `entities` against the files with one thread; tells the answer and how many rows were read.
async fn read(name: &str, ttl: Option<i64>, entities: RecordBatch) -> (Vec<Option<i64>>, usize) {
    let folder = folder(name);
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config(config.clone());
    for file in 0..FILES {
        let rows = file * ROWS..(file + 1) * ROWS;
        let at = rows.clone().map(Some).collect::<Vec<_>>();
        let keys = Int64Array::from_iter_values(rows.clone().map(|r| r % KEYS));
        let part = batch(vec![
            ("driver", Arc::new(keys) as ArrayRef),
            ("at", times(&at)),
            ("created", times(&at)),
            ("v", Arc::new(Int64Array::from_iter_values(rows))),
        ]);
        // Names tell nothing of their age.
        let path = folder.join(format!("{}.parquet", (file * 5) % FILES + 10));
        let frame = context.read_batch(part).unwrap();
        let options = DataFrameWriteOptions::new().with_single_file_output(true);
        let path = path.display().to_string();
        frame.write_parquet(&path, options, None).await.unwrap();
    }
    let files = folder.display().to_string();
    let input = context
        .read_parquet(files, ParquetReadOptions::default())
        .await
        .unwrap();
    let input = input.create_physical_plan().await.unwrap();
    let entity = scan(&context, vec![vec![entities]]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(ttl.map(|t| Duration::from_micros(t as u64)))],
    };
    let join = PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap();
    let rules = PhysicalOptimizer::new().rules;
    let join = rules
        .iter()
        .fold(Arc::new(join) as Arc<dyn ExecutionPlan>, |plan, rule| {
            rule.optimize(plan, config.options()).unwrap()
        });
    let answer = collect(Arc::clone(&join), context.task_ctx())
        .await
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let probed = join.metrics().unwrap().sum_by_name("stats.rows_probed");
    (column(&answer, "v"), probed.unwrap().as_usize())
}

fn at(keys: std::ops::Range<i64>, time: i64) -> RecordBatch {
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
