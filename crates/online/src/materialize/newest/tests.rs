// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The winners of keys, against a plain search, with much memory and with little.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimeUnit};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use feast_registry::ValueType;

use super::*;
use crate::view::{OnlineView, SourceColumns, ViewDefinition};

/// The last instant that is not in the future.
const NOW: i64 = 1_000;

type Row = (Option<i64>, Option<i64>, Option<i64>, Option<f64>);

fn view(keys: &[&str]) -> (OnlineView, SourceColumns) {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let schema = Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("j", DataType::Utf8, true),
        Field::new("ts", time.clone(), true),
        Field::new("created", time, true),
        Field::new("v", DataType::Float64, true),
    ]);
    let columns = SourceColumns {
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        event_time: "ts".to_owned(),
        created_time: Some("created".to_owned()),
        tie_break: vec![],
        features: vec!["v".to_owned()],
    };
    let definition = ViewDefinition {
        project: "p".to_owned(),
        name: "w".to_owned(),
        keys: keys
            .iter()
            .map(|key| ((*key).to_owned(), ValueType::Unknown))
            .collect(),
        tie_break: vec![],
        features: vec!["v".to_owned()],
        ttl: None,
    };
    let view = OnlineView::try_new(definition, &columns, &schema).unwrap();
    (view, columns)
}

/// Numbers that look random, the same each time.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

fn rows(seed: u64, count: usize, keys: u64) -> Vec<Row> {
    let mut seed = seed;
    let mut maybe = |value: i64, of: u64| (draw(&mut seed, 20) != 0, value, draw(&mut seed, of));
    (0..count)
        .map(|_| {
            let (has_key, _, key) = maybe(0, keys);
            let (has_time, _, event) = maybe(0, 1_100);
            let (_, _, created) = maybe(0, 4);
            let (has_value, _, value) = maybe(0, 6);
            (
                has_key.then_some(key as i64),
                // A few instants, so that there are ties, and some in the future.
                has_time.then_some((event / 100 * 100) as i64),
                (created > 0).then_some(created as i64),
                has_value.then_some(if value == 5 { f64::NAN } else { value as f64 }),
            )
        })
        .collect()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let keys: Int64Array = rows.iter().map(|row| row.0).collect();
    let others: StringArray = rows
        .iter()
        .map(|row| row.0.map(|key| format!("key {}", key % 7)))
        .collect();
    let events: TimestampMicrosecondArray = rows.iter().map(|row| row.1).collect();
    let created: TimestampMicrosecondArray = rows.iter().map(|row| row.2).collect();
    let values: Float64Array = rows.iter().map(|row| row.3).collect();
    RecordBatch::try_from_iter_with_nullable([
        ("k", Arc::new(keys) as ArrayRef, true),
        ("j", Arc::new(others), true),
        ("ts", Arc::new(events), true),
        ("created", Arc::new(created), true),
        ("v", Arc::new(values), true),
    ])
    .unwrap()
}

/// A row that orders as winners are found: NULL lowest, NaN greatest.
fn order(row: &Row) -> (i64, Option<i64>, Option<(bool, i64)>) {
    let value = row
        .3
        .map(|v| (v.is_nan(), if v.is_nan() { 0 } else { v as i64 }));
    (row.1.unwrap_or(i64::MIN), row.2, value)
}

/// What is written, as lines; keys that rows have in common are one with `by`.
fn expected(rows: &[Row], by: fn(i64) -> String) -> (Vec<String>, usize) {
    let mut winners: BTreeMap<String, &Row> = BTreeMap::new();
    let mut lines = Vec::new();
    let mut skipped = 0;
    for row in rows {
        let (Some(key), Some(event)) = (row.0, row.1) else {
            skipped += 1;
            continue;
        };
        if event > NOW {
            lines.push(format!("{:?}", (by(key), order(row))));
            continue;
        }
        let lead = winners.entry(by(key)).or_insert(row);
        if order(row) > order(lead) {
            *lead = row;
        }
    }
    lines.extend(
        winners
            .iter()
            .map(|(key, row)| format!("{:?}", (key, order(row)))),
    );
    lines.sort();
    (lines, skipped)
}

fn found(batches: &[RecordBatch], keys: &[&str], by: fn(i64) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let key = match keys {
                ["k", ..] => by(batch.column(0).as_primitive::<Int64Type>().value(row)),
                _ => String::new(),
            };
            let time = |at: usize| {
                let column = arrow::compute::cast(batch.column(at), &DataType::Int64).unwrap();
                let column = column.as_primitive::<Int64Type>().clone();
                arrow::array::Array::is_valid(&column, row).then(|| column.value(row))
            };
            let values = batch.column(keys.len() + 2).as_primitive::<Float64Type>();
            let value = arrow::array::Array::is_valid(values, row).then(|| values.value(row));
            let row = (Some(0), time(keys.len()), time(keys.len() + 1), value);
            lines.push(format!("{:?}", (key, order(&row))));
        }
    }
    lines.sort();
    lines
}

/// What a session with so much memory finds, and how often it wrote files.
async fn run(
    all: &[Row],
    keys: &[&str],
    (partitions, batch_size): (usize, usize),
    memory: usize,
) -> (Vec<RecordBatch>, u64, usize) {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(batch_size);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .build_arc()
        .unwrap();
    let session = SessionContext::new_with_config_rt(config, runtime);
    let (view, columns) = view(keys);
    let batches: Vec<_> = all.chunks(batch_size.max(50)).map(batch).collect();
    let table = MemTable::try_new(batch(&[]).schema(), vec![batches]).unwrap();
    let source = provider_as_source(Arc::new(table));
    let source = LogicalPlanBuilder::scan("source", source, None).unwrap();
    let rows = view.rows(source.build().unwrap(), &columns).unwrap();
    let meter = Arc::new(Meter::new("w", None));
    let shape = Shape::try_new(&view, i128::from(NOW) * 1_000).unwrap();
    let newest = NewestTable::new(rows, shape, Arc::clone(&meter));
    let frame = session.read_table(Arc::new(newest)).unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let collected = datafusion::physical_plan::collect(Arc::clone(&plan), session.task_ctx());
    let found = collected.await.unwrap();
    assert_eq!(meter.read(), all.len() as u64);
    (found, meter.skipped(), spills(&plan))
}

fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count());
    let own = own.filter(|_| plan.name() == "NewestExec");
    let below = plan.children().into_iter().map(spills).sum::<usize>();
    own.unwrap_or(0) + below
}

#[tokio::test]
async fn the_newest_row_of_each_key_is_found_in_any_order() {
    let plain: fn(i64) -> String = |key| key.to_string();
    for (seed, keys) in [(1, 3), (2, 40), (3, 3_000)] {
        println!("seed {seed}");
        let all = rows(seed, 3_000, keys);
        let (expected, skipped) = expected(&all, plain);
        for by in [&["k"] as &[&str], &["k", "j"]] {
            for shape in [(1, 1), (1, 8_192), (4, 100)] {
                let (batches, without, _) = run(&all, by, shape, usize::MAX / 4).await;
                assert_eq!(
                    found(&batches, by, plain),
                    expected,
                    "{seed} {shape:?} {by:?}"
                );
                assert_eq!(without as usize, skipped);
            }
        }
    }
}

#[tokio::test]
async fn a_view_without_keys_has_one_winner() {
    let all: Vec<Row> = rows(7, 900, 5)
        .into_iter()
        .map(|row| (Some(0), row.1, row.2, row.3))
        .collect();
    let (expected, _) = expected(&all, |_| String::new());
    for shape in [(1, 1), (4, 100)] {
        let (batches, _, _) = run(&all, &[], shape, usize::MAX / 4).await;
        assert_eq!(found(&batches, &[], |_| String::new()), expected);
    }
}

#[tokio::test]
async fn what_memory_has_no_room_for_is_settled_on_disk() {
    let plain: fn(i64) -> String = |key| key.to_string();
    let all = rows(11, 60_000, 20_000);
    let (expected, _) = expected(&all, plain);
    let (_, _, spilled) = run(&all, &["k"], (2, 1_000), usize::MAX / 4).await;
    assert_eq!(spilled, 0);
    let (batches, _, spilled) = run(&all, &["k"], (2, 1_000), 1_500_000).await;
    assert!(spilled > 0);
    assert_eq!(found(&batches, &["k"], plain), expected);
}

/// Much more history than memory, few keys: nothing goes to disk.
#[tokio::test]
async fn history_is_not_held() {
    let all = rows(13, 200_000, 50);
    let (batches, _, spilled) = run(&all, &["k"], (2, 1_000), 2_000_000).await;
    assert_eq!(spilled, 0);
    assert!(!batches.is_empty());
}
