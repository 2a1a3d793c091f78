// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Operations as tables: the effect happens when the plan is executed, once.
//!
//! Planning, `EXPLAIN` and `PREPARE` only make the plan; `LIMIT 0` leaves the operation out of it.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::TryStreamExt;
use tokio::sync::OnceCell;

/// Something that is done once and gives rows.
#[async_trait]
pub(crate) trait Effect: Debug + Send + Sync {
    /// What it is, for plans.
    fn label(&self) -> String;
    /// How it is done, for plans: after it was done what was found, before that what will be looked at.
    fn details(&self) -> Option<String> {
        None
    }
    /// The columns of its rows.
    fn schema(&self) -> SchemaRef;
    /// Does it.
    async fn run(&self) -> Result<RecordBatch>;
}

/// An effect as a table.
#[derive(Debug)]
pub(crate) struct OpTableProvider {
    effect: Arc<dyn Effect>,
    schema: SchemaRef,
}

impl OpTableProvider {
    /// The table whose scan does the effect.
    pub(crate) fn new(effect: Arc<dyn Effect>) -> Self {
        let schema = effect.schema();
        Self { effect, schema }
    }
}

#[async_trait]
impl TableProvider for OpTableProvider {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        if limit == Some(0) {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        Ok(Arc::new(OpExec::new(
            Arc::clone(&self.effect),
            projection.cloned(),
            schema,
        )))
    }
}

/// The leaf that does an effect when it is executed. One plan does it once, however often it is
/// executed.
pub(crate) struct OpExec {
    effect: Arc<dyn Effect>,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    done: Arc<OnceCell<RecordBatch>>,
}

impl OpExec {
    fn new(effect: Arc<dyn Effect>, projection: Option<Vec<usize>>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let done = Arc::new(OnceCell::new());
        Self {
            effect,
            projection,
            schema,
            properties: Arc::new(properties),
            done,
        }
    }
}

impl Debug for OpExec {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpExec")
            .field("effect", &self.effect)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for OpExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        if format == DisplayFormatType::TreeRender {
            return write!(f, "{}", self.effect.label());
        }
        write!(f, "FeastExec: {}", self.effect.label())?;
        match self.effect.details() {
            Some(details) => write!(f, ", {details}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for OpExec {
    fn name(&self) -> &'static str {
        "FeastExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !children.is_empty() {
            return internal_err!("FeastExec has no inputs, {} were given", children.len());
        }
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("FeastExec has one partition, {partition} was asked for");
        }
        let effect = Arc::clone(&self.effect);
        let done = Arc::clone(&self.done);
        let projection = self.projection.clone();
        let batches = futures::stream::once(async move {
            let batch = done.get_or_try_init(|| effect.run()).await?;
            Ok(match projection {
                Some(columns) => batch.project(&columns)?,
                None => batch.clone(),
            })
        })
        // A statement without a result gives no batch, not an empty one.
        .try_filter(|batch| {
            let counts = batch.num_columns() > 0 || batch.num_rows() > 0;
            futures::future::ready(counts)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            batches,
        )))
    }
}
