// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The plan that writes its input's rows into a table.

use std::any::Any;
use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, OrderingRequirements};
use datafusion::physical_plan::execution_plan::{EvaluationType, SchedulingType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::stream;

use super::arrange::Arranged;
use super::job::{Job, JobMetrics};
use super::target::Target;

/// Writes rows into an Iceberg table in one commit, when it is executed; its result is one row
/// `count`.
///
/// Each partition of the input is written by a task of its own. Dropping the result before the
/// commit leaves no files; once the commit has begun, it goes on.
#[derive(Debug)]
pub struct IcebergInsertExec {
    table: Arc<str>,
    target: Target,
    arranged: Arranged,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl IcebergInsertExec {
    pub(super) fn new(table: Arc<str>, target: Target, arranged: Arranged) -> Self {
        let count = Field::new("count", DataType::UInt64, false);
        let schema = Arc::new(Schema::new(vec![count]));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            arranged.input.pipeline_behavior(),
            arranged.input.boundedness(),
        )
        .with_scheduling_type(SchedulingType::Cooperative)
        .with_evaluation_type(EvaluationType::Eager);
        Self {
            table,
            target,
            arranged,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for IcebergInsertExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let described = &self.arranged.described;
        let (partition, order) = (described.partition.join(", "), described.order.join(", "));
        let verb = match &self.target {
            Target::Append(..) => "append",
            Target::Create(_) => "create",
        };
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.table)?;
                writeln!(f, "mode={verb}")?;
                writeln!(f, "partitioned_by=[{partition}]")?;
                writeln!(f, "sorted_by=[{order}]")?;
                write!(f, "distribution={}", described.distribution)
            }
            _ => write!(
                f,
                "IcebergInsertExec: table={}, mode={verb}, partitioned_by=[{partition}], \
                 sorted_by=[{order}], distribution={}",
                self.table, described.distribution
            ),
        }
    }
}

impl ExecutionPlan for IcebergInsertExec {
    fn name(&self) -> &'static str {
        "IcebergInsertExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![self.arranged.distribution.clone()]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = self.arranged.order.clone();
        vec![order.map(OrderingRequirements::from)]
    }

    /// Rows are written in the order in which they come.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    /// An order that the statement gives is worth more than writers side by side.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.arranged.input.output_ordering().is_none()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.arranged.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("IcebergInsertExec has one input");
        };
        let arranged = Arranged {
            input,
            ..self.arranged.clone()
        };
        let (table, target) = (Arc::clone(&self.table), self.target.clone());
        Ok(Arc::new(Self::new(table, target, arranged)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("IcebergInsertExec has one partition, {partition} was asked for");
        }
        let job = Job {
            table: Arc::clone(&self.table),
            target: self.target.clone(),
            arranged: self.arranged.clone(),
            context,
            metrics: JobMetrics::new(&self.metrics),
        };
        let schema = self.schema();
        let counted = Arc::clone(&schema);
        let rows = stream::once(async move {
            let count = job.run_to_its_end().await?;
            let count = Arc::new(UInt64Array::from(vec![count]));
            Ok(RecordBatch::try_new(counted, vec![count])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
