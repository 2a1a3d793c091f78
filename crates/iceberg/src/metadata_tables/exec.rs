// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The leaf that reads a metadata table.

use std::any::Any;
use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use super::kind::MetadataTableKind;
use super::read::Source;
use super::work::Work;

/// Reads a metadata table.
#[derive(Debug)]
pub(super) struct MetadataTableExec {
    source: Source,
    kind: MetadataTableKind,
    work: Work,
    schema: SchemaRef,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MetadataTableExec {
    pub(super) fn new(
        source: Source,
        kind: MetadataTableKind,
        work: Work,
        schema: SchemaRef,
        limit: Option<usize>,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(work.partitions()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            source,
            kind,
            work,
            schema,
            limit,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for MetadataTableExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, kind) = (&self.source.name, self.kind);
        if matches!(t, DisplayFormatType::TreeRender) {
            return writeln!(f, "{name}${kind}");
        }
        write!(f, "IcebergMetadataExec: table={name}, of={kind}")?;
        if let Some(snapshot) = self
            .source
            .snapshot
            .as_ref()
            .filter(|_| kind.is_of_snapshot())
        {
            write!(f, ", snapshot={}", snapshot.snapshot_id())?;
        }
        let fields = self.schema.fields();
        let names: Vec<_> = fields.iter().map(|field| field.name().as_str()).collect();
        write!(f, ", projection=[{}]", names.join(", "))?;
        if let Some((read, all)) = self.work.manifests() {
            write!(f, ", manifests={read}/{all}")?;
        }
        match self.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for MetadataTableExec {
    fn name(&self) -> &'static str {
        "IcebergMetadataExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() {
            Ok(self)
        } else {
            internal_err!("IcebergMetadataExec is a leaf")
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batch_size = context.session_config().batch_size().max(1);
        let found = self
            .work
            .execute(&self.source, &self.schema, partition, batch_size);
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let limited = limited(
            found.map(|batch| batch.map_err(DataFusionError::from)),
            self.limit,
        );
        let counted = limited.map(move |batch| batch.map(|batch| batch.record_output(&metrics)));
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The first `limit` rows of a stream; nothing is read after them.
fn limited(
    batches: impl futures::Stream<Item = Result<RecordBatch>> + Send + 'static,
    limit: Option<usize>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let Some(limit) = limit else {
        return batches.boxed();
    };
    let state = (batches.boxed(), limit);
    let next = |(mut batches, left): (BoxStream<'static, Result<RecordBatch>>, usize)| async move {
        if left == 0 {
            return None;
        }
        let batch = match batches.next().await? {
            Ok(batch) if batch.num_rows() > left => Ok(batch.slice(0, left)),
            other => other,
        };
        let read = batch.as_ref().map_or(left, RecordBatch::num_rows);
        Some((batch, (batches, left - read)))
    };
    stream::unfold(state, next).boxed()
}
