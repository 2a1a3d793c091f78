// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Delete files that several partitions wait for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use futures::future::{join_all, poll_fn};

use super::fixture::{Fixture, batch, by_equality, by_positions};
use crate::deletes::DeleteLoader;
use crate::plan::FileDeletes;

const PATHS: [&str; 2] = ["memory:///t/a", "memory:///t/b"];

fn positions(count: usize) -> RecordBatch {
    let paths = (0..count).map(|i| PATHS[i % 2]).collect::<Vec<_>>();
    let paths: ArrayRef = Arc::new(StringArray::from(paths));
    let positions: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count as i64));
    batch([
        (2_147_483_546, "file_path", paths),
        (2_147_483_545, "pos", positions),
    ])
}

fn keys(count: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    batch([(1, "id", ids)])
}

/// Polls until the future waits for something that will not come by itself.
async fn start<F: Future>(mut future: std::pin::Pin<&mut F>) {
    for _ in 0..20 {
        poll_fn(|context| {
            assert!(future.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn both(
    loader: &DeleteLoader,
    by_positions: &FileDeletes,
    by_equality: &FileDeletes,
) -> usize {
    let mut found = 0;
    for path in PATHS {
        found += loader
            .positions(path, 100, by_positions)
            .await
            .unwrap()
            .len();
    }
    let sets = loader.equality(by_equality).await.unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let kept = sets[0].keep(&[ids], 1).unwrap();
    found as usize + (100 - kept.true_count())
}

#[tokio::test]
async fn a_cancelled_load_leaves_the_others_waiting_for_a_new_one() {
    let fixture = Fixture::new();
    let delete = fixture.positions("memory:///p", &positions(10)).await;
    let deletes = by_positions(&[&delete]);
    let equality = by_equality(&[&fixture.equality("memory:///e", &keys(7), &[1], 5).await]);
    let loader = fixture.loader();
    fixture.gate.shut();
    {
        let mut first = pin!(loader.positions(PATHS[0], 100, &deletes));
        start(first.as_mut()).await;
        let mut second = pin!(loader.equality(&equality));
        start(second.as_mut()).await;
        let mut third = pin!(both(&loader, &deletes, &equality));
        start(third.as_mut()).await;
    }
    // All three are gone in the middle of their loads.
    let mut waiting = pin!(both(&loader, &deletes, &equality));
    start(waiting.as_mut()).await;
    fixture.gate.open();
    let done = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert_eq!(done.expect("no wake-up is lost"), 17);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_at_any_point_the_rest_goes_on() {
    let fixture = Fixture::new();
    let delete = fixture.positions("memory:///p", &positions(10)).await;
    let deletes = by_positions(&[&delete]);
    let equality = by_equality(&[&fixture.equality("memory:///e", &keys(7), &[1], 5).await]);
    for round in 0..50 {
        let loader = fixture.loader();
        let runs = (0..8).map(|i| {
            let (loader, deletes, equality) = (&loader, &deletes, &equality);
            async move {
                let limit = Duration::from_micros(40 * (round * i) % 1_500);
                let run = both(loader, deletes, equality);
                match i % 2 {
                    0 => Some(run.await),
                    _ => tokio::time::timeout(limit, run).await.ok(),
                }
            }
        });
        let all = tokio::time::timeout(Duration::from_secs(20), join_all(runs));
        let all = all.await.expect("no wake-up is lost");
        assert!(all.into_iter().flatten().all(|found| found == 17));
    }
}

#[tokio::test]
async fn a_file_is_read_once_whoever_asks() {
    let fixture = Fixture::new();
    let delete = fixture.positions("memory:///p", &positions(10)).await;
    let deletes = by_positions(&[&delete]);
    let equality = by_equality(&[&fixture.equality("memory:///e", &keys(7), &[1], 5).await]);
    both(&fixture.loader(), &deletes, &equality).await;
    let once = fixture.gate.reads();
    // Without what the session keeps.
    fixture.storage.caches().clear();
    let loader = fixture.loader();
    let found = join_all((0..8).map(|_| both(&loader, &deletes, &equality))).await;
    assert!(found.into_iter().all(|found| found == 17));
    assert_eq!(fixture.gate.reads(), 2 * once);
}

#[tokio::test]
async fn deletes_that_do_not_fit_in_memory_are_an_error() {
    let fixture = Fixture::new();
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(10_000));
    let loader = fixture.loader_in(Arc::clone(&pool));
    let equality = fixture.equality("memory:///e", &keys(5_000), &[1], 5).await;
    let error = loader
        .equality(&by_equality(&[&equality]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("memory:///e") && error.contains("Iceberg equality"),
        "{error}"
    );
    // Positions that do not fit are not kept.
    let delete = fixture.positions("memory:///p", &positions(100_000)).await;
    for path in PATHS {
        let deletes = by_positions(&[&delete]);
        let found = loader.positions(path, 100_000, &deletes).await.unwrap();
        assert_eq!(found.len(), 50_000);
    }
    let few = fixture.equality("memory:///f", &keys(3), &[1], 5).await;
    let again = fixture.loader_in(Arc::clone(&pool));
    let sets = again.equality(&by_equality(&[&few])).await.unwrap();
    assert!(pool.reserved() > 0);
    drop((sets, again, loader));
    assert_eq!(pool.reserved(), 0);
}
