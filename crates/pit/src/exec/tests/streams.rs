// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Inputs that fail or never end, and what becomes of those who wait for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::common::exec_datafusion_err;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{FutureExt, StreamExt, stream};

use super::*;

/// One batch, and then an error or nothing for ever.
#[derive(Debug)]
struct Source {
    batch: RecordBatch,
    schema: SchemaRef,
    fails: bool,
    /// Streams that are read at this moment.
    open: Arc<AtomicUsize>,
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl PartitionStream for Source {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.open.fetch_add(1, Ordering::SeqCst);
        let open = Open(Arc::clone(&self.open));
        let first = stream::iter([Ok(self.batch.clone())]);
        let fails = self.fails;
        let rest = stream::once(async move {
            let _open = open;
            match fails {
                true => Err(exec_datafusion_err!("the file is gone")),
                false => futures::future::pending().await,
            }
        });
        let schema = Arc::clone(&self.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, first.chain(rest)))
    }
}

fn source(batch: RecordBatch, fails: bool, open: &Arc<AtomicUsize>) -> Arc<dyn ExecutionPlan> {
    let schema = batch.schema();
    let source = Arc::new(Source {
        batch,
        schema: Arc::clone(&schema),
        fails,
        open: Arc::clone(open),
    });
    let plan = StreamingTableExec::try_new(schema, vec![source], None, [], false, None).unwrap();
    Arc::new(plan)
}

/// An input that gives this batch and then fails.
pub(super) fn failing(batch: RecordBatch) -> Arc<dyn ExecutionPlan> {
    source(batch, true, &Arc::default())
}

async fn over(context: &SessionContext, inputs: Vec<Arc<dyn ExecutionPlan>>) -> PitJoinExec {
    let entity = scan(context, vec![vec![entities()]]).await;
    let views = (0..inputs.len()).map(|at| PitView {
        name: format!("view{at}"),
        features: vec![PitFeature {
            column: "v".to_owned(),
            output: format!("v{at}"),
        }],
        ..view(None)
    });
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: views.collect(),
    };
    PitJoinExec::try_new(entity, inputs, Arc::new(spec)).unwrap()
}

#[tokio::test]
async fn an_error_of_one_view_ends_the_query_with_its_name() {
    let context = SessionContext::new();
    let open = Arc::default();
    let batch = history().remove(0);
    let inputs = vec![
        source(batch.clone(), false, &open),
        source(batch, true, &open),
    ];
    let join = Arc::new(over(&context, inputs).await);
    let error = collect(join, context.task_ctx()).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("feature view view1"), "{error}");
    assert!(error.contains("the file is gone"), "{error}");
    ended(&open).await;
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
}

#[tokio::test]
async fn dropping_the_answer_ends_the_tasks() {
    let context = SessionContext::new();
    let open = Arc::default();
    let inputs = vec![source(history().remove(0), false, &open)];
    let join = over(&context, inputs).await;
    let mut answer = join.execute(0, context.task_ctx()).unwrap();
    while open.load(Ordering::SeqCst) == 0 {
        assert!(answer.next().now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(answer);
    ended(&open).await;
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
}

/// Waits until no stream is read any more.
async fn ended(open: &Arc<AtomicUsize>) {
    let none = async {
        while open.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    };
    // A test that hangs is worse than one that fails late.
    tokio::time::timeout(Duration::from_secs(30), none)
        .await
        .unwrap();
}
