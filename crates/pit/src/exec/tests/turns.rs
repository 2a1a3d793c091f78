// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Work that takes long is given up in pieces: others have their turn in between, such as who drops the query.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{FutureExt, StreamExt, stream};
use tokio::task::yield_now;

use super::*;
use crate::exec::task::{TURN, Turn};

/// So many batches are always ready, none of which needs waiting for.
const READY: usize = 1_000;

/// Counts the batches that were taken.
#[derive(Debug)]
struct Ready {
    batch: RecordBatch,
    schema: SchemaRef,
    taken: Arc<AtomicUsize>,
}

impl PartitionStream for Ready {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (batch, taken) = (self.batch.clone(), Arc::clone(&self.taken));
        let batches = stream::iter(0..READY).map(move |_| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok(batch.clone())
        });
        let schema = Arc::clone(&self.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

fn spec() -> Arc<PitSpec> {
    Arc::new(PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    })
}

#[test]
fn a_turn_ends_after_so_many_rows() {
    let mut turn = Turn::default();
    for _ in 0..2 {
        assert!(turn.after(TURN - 1).now_or_never().is_some());
        assert!(turn.after(1).now_or_never().is_none());
    }
}

/// The test has one thread: while the view is probed nobody else runs, unless it is given back.
#[tokio::test]
async fn a_view_whose_rows_are_always_ready_is_left_within_a_turn() {
    let context = SessionContext::new();
    let entity = scan(&context, vec![vec![entities()]]).await;
    let n = TURN as i64;
    let at = (0..n).map(Some).collect::<Vec<_>>();
    let rows = batch(vec![
        (
            "driver",
            Arc::new(Int64Array::from(vec![1; TURN])) as ArrayRef,
        ),
        ("at", times(&at)),
        ("created", times(&at)),
        ("v", Arc::new(Int64Array::from_iter_values(0..n))),
    ]);
    let taken = Arc::new(AtomicUsize::new(0));
    let ready = Ready {
        schema: rows.schema(),
        batch: rows.clone(),
        taken: Arc::clone(&taken),
    };
    let partitions = vec![Arc::new(ready) as Arc<dyn PartitionStream>];
    let input = StreamingTableExec::try_new(rows.schema(), partitions, None, [], false, None);
    let join = PitJoinExec::try_new(entity, vec![Arc::new(input.unwrap())], spec()).unwrap();
    let mut answer = join.execute(0, context.task_ctx()).unwrap();
    let some_are_taken = async {
        let mut before = 0;
        while before < 5 {
            assert!(answer.next().now_or_never().is_none());
            yield_now().await;
            let now = taken.load(Ordering::SeqCst);
            assert!(now <= before + 1, "{now} batches after {before}");
            before = now;
        }
    };
    // A test that hangs is worse than one that fails late.
    let given = Duration::from_secs(60);
    tokio::time::timeout(given, some_are_taken).await.unwrap();
    drop(answer);
    let before = taken.load(Ordering::SeqCst);
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(taken.load(Ordering::SeqCst), before);
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
}

#[tokio::test]
async fn one_thread_writes_the_answer_batch_by_batch() {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(1);
    let context = SessionContext::new_with_config(config);
    let entity = scan(&context, vec![vec![entities()]]).await;
    let input = scan(&context, vec![history()]).await;
    let join = PitJoinExec::try_new(entity, vec![input], spec()).unwrap();
    let mut answer = join.execute(0, context.task_ctx()).unwrap();
    let first = answer.next().await.unwrap().unwrap();
    assert_eq!(first.num_rows(), 1);
    for _ in 1..entities().num_rows() {
        assert!(answer.next().now_or_never().is_none());
        yield_now().await;
        assert_eq!(answer.next().await.unwrap().unwrap().num_rows(), 1);
    }
    assert!(answer.next().await.is_none());
}
