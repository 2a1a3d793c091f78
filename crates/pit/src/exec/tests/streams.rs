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

/// What comes after a source's batch.
#[derive(Debug, Clone, Copy)]
enum Then {
    Pending,
    Error,
    /// The end; an error when it is read again.
    End,
}

/// One batch, and then something else.
#[derive(Debug)]
struct Source {
    batch: RecordBatch,
    schema: SchemaRef,
    then: Then,
    /// Streams that are read at this moment.
    open: Arc<AtomicUsize>,
    /// How often it was read before.
    reads: AtomicUsize,
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
        let (then, reads) = (self.then, self.reads.fetch_add(1, Ordering::SeqCst));
        let rest = async move {
            let _open = open;
            match then {
                Then::Pending => futures::future::pending().await,
                Then::End if reads == 0 => None,
                Then::End | Then::Error => Some(Err(exec_datafusion_err!("the file is gone"))),
            }
        };
        let rest = stream::once(rest).filter_map(futures::future::ready);
        let schema = Arc::clone(&self.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, first.chain(rest)))
    }
}

fn source(batch: RecordBatch, then: Then, open: &Arc<AtomicUsize>) -> Arc<dyn ExecutionPlan> {
    sources(batch, &[then], open)
}

/// The batch in every partition.
fn sources(
    batch: RecordBatch,
    partitions: &[Then],
    open: &Arc<AtomicUsize>,
) -> Arc<dyn ExecutionPlan> {
    let schema = batch.schema();
    let source = |then: &Then| {
        Arc::new(Source {
            batch: batch.clone(),
            schema: Arc::clone(&schema),
            then: *then,
            open: Arc::clone(open),
            reads: AtomicUsize::new(0),
        }) as Arc<dyn PartitionStream>
    };
    let sources = partitions.iter().map(source).collect();
    let plan = StreamingTableExec::try_new(schema, sources, None, [], false, None).unwrap();
    Arc::new(plan)
}

/// An input that gives this batch and then fails.
pub(super) fn failing(batch: RecordBatch) -> Arc<dyn ExecutionPlan> {
    source(batch, Then::Error, &Arc::default())
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
        source(batch.clone(), Then::Pending, &open),
        source(batch, Then::Error, &open),
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
    let inputs = vec![source(history().remove(0), Then::Pending, &open)];
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

/// The error of a join that has to fail, once nothing of it is left.
async fn failed(context: &SessionContext, join: PitJoinExec, open: &Arc<AtomicUsize>) -> String {
    let error = collect(Arc::new(join), context.task_ctx()).await;
    ended(open).await;
    assert_eq!(context.runtime_env().memory_pool.reserved(), 0);
    error.unwrap_err().to_string()
}

#[tokio::test]
async fn an_error_of_one_partition_does_not_wait_for_the_others() {
    let context = SessionContext::new();
    let open = Arc::default();
    let partitions = [Then::Pending, Then::Error, Then::Pending];
    let inputs = vec![sources(history().remove(0), &partitions, &open)];
    let join = over(&context, inputs).await;
    let error = failed(&context, join, &open).await;
    assert!(error.contains("feature view view0"), "{error}");
    assert!(error.contains("the file is gone"), "{error}");
}

#[tokio::test]
async fn an_error_of_the_entity_side_ends_the_query() {
    let context = SessionContext::new();
    let open = Arc::default();
    let entity = sources(entities(), &[Then::Pending, Then::Error], &open);
    let input = source(history().remove(0), Then::End, &open);
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let join = PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap();
    let error = failed(&context, join, &open).await;
    assert!(error.contains("the file is gone"), "{error}");
    assert!(!error.contains("feature view"), "{error}");
}

#[tokio::test]
async fn an_error_of_the_second_read_names_the_view() {
    let context = SessionContext::new();
    let open = Arc::default();
    let numbers = |numbers: &[i64]| Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef;
    let tied = batch(vec![
        ("driver", numbers(&[1, 1])),
        ("at", times(&[Some(4), Some(4)])),
        ("created", times(&[None, None])),
        ("v", numbers(&[1, 2])),
        ("u", numbers(&[1, 2])),
    ]);
    let input = source(tied, Then::End, &open);
    let entity = scan(&context, vec![vec![entities()]]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![PitView {
            tie_break: vec!["u".to_owned()],
            ..view(None)
        }],
    };
    let join = PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap();
    let error = failed(&context, join, &open).await;
    assert!(error.contains("feature view stats"), "{error}");
    assert!(error.contains("the file is gone"), "{error}");
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
