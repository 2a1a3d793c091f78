// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A sort above the join stays one of the answer's columns.
//!
//! Below a node that keeps the order of an input, DataFusion replaces a sort by one of that input, and finds the column there by its
//! number. The answer's columns are not those of the inputs one after another, so that would be another column.

use std::any::Any;
use std::fmt;

use arrow::array::make_comparator;
use arrow::compute::{SortOptions, concat_batches};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{LexOrdering, OrderingRequirements, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, Distribution, PlanProperties};

use super::partitioned::{optimized, sides, sorted, spec};
use super::*;
use crate::exec::PitJoinMode;

/// A join that claims to keep the order of all its inputs.
#[derive(Debug)]
struct Claiming(Arc<dyn ExecutionPlan>);

impl DisplayAs for Claiming {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Claiming")
    }
}

impl ExecutionPlan for Claiming {
    fn name(&self) -> &'static str {
        "Claiming"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.0.children()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true; self.0.children().len()]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        self.0.required_input_distribution()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.0.required_input_ordering()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let join = Arc::clone(&self.0).with_new_children(children)?;
        Ok(Arc::new(Self(join)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}

/// Whether the answer sorted by each of its columns, up and down, comes in that order; and its rows.
async fn sorts(mode: PitJoinMode, claiming: bool) -> Vec<(bool, Vec<RecordBatch>)> {
    let config = SessionConfig::new().with_target_partitions(2);
    let context = SessionContext::new_with_config(config.clone());
    let mut told = Vec::new();
    for descending in [false, true] {
        for at in 0.. {
            let (entity, input) = sides(&context).await;
            let join = PitJoinExec::try_new_with_mode(entity, vec![input], spec(), mode).unwrap();
            let schema = join.schema();
            if at == schema.fields().len() {
                break;
            }
            let join: Arc<dyn ExecutionPlan> = match claiming {
                true => Arc::new(Claiming(Arc::new(join))),
                false => Arc::new(join),
            };
            let options = SortOptions {
                descending,
                nulls_first: false,
            };
            let name = schema.field(at).name();
            let expr = datafusion::physical_expr::expressions::col(name, &schema).unwrap();
            let order = LexOrdering::new([PhysicalSortExpr::new(expr, options)]).unwrap();
            let plan = optimized(Arc::new(SortExec::new(order, join)), &config);
            let answer = collect(plan, context.task_ctx()).await.unwrap();
            let rows = concat_batches(&schema, &answer).unwrap();
            let column = rows.column(at);
            let compare = make_comparator(column, column, options).unwrap();
            let ordered = (1..rows.num_rows()).all(|row| compare(row - 1, row).is_le());
            told.push((ordered, answer));
        }
    }
    told
}

#[tokio::test]
async fn a_sort_by_any_column_is_one_of_the_answer() {
    let mut all = None;
    for mode in [PitJoinMode::Collected, PitJoinMode::Partitioned] {
        for (at, (ordered, answer)) in sorts(mode, false).await.into_iter().enumerate() {
            assert!(ordered, "{mode:?}, sort {at}");
            let rows = sorted(&answer);
            assert_eq!(*all.get_or_insert_with(|| rows.clone()), rows, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn a_claim_to_keep_the_order_would_go_wrong() {
    let told = sorts(PitJoinMode::Collected, true).await;
    // When this holds no more, the test above tests nothing.
    assert!(told.iter().any(|(ordered, _)| !ordered));
}
