// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The source of the narrow pass.

use std::any::Any;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use object_store::ObjectStore;

use super::leaf::Leaf;
use super::opener::NarrowOpener;
use super::reference::REFERENCE_COLUMN;

/// Some columns of a scan, and references to its rows. Each `PartitionedFile` has to carry its number.
#[derive(Debug, Clone)]
pub(super) struct NarrowSource {
    leaf: Arc<Leaf>,
    /// The columns, over those of the scan.
    wanted: ProjectionExprs,
    /// The columns and the references.
    schema: TableSchema,
    batch_size: usize,
}

impl NarrowSource {
    /// The columns at `wanted` of a scan that has the columns of `schema`.
    pub(super) fn new(leaf: Arc<Leaf>, schema: &Schema, wanted: &[usize]) -> Result<Self> {
        let columns = schema.project(wanted)?;
        let reference = Arc::new(Field::new(REFERENCE_COLUMN, DataType::UInt64, false));
        let fields: Vec<_> = columns
            .fields()
            .iter()
            .cloned()
            .chain([reference])
            .collect();
        Ok(Self {
            leaf,
            wanted: ProjectionExprs::from_indices(wanted, schema),
            schema: TableSchema::from_file_schema(Arc::new(Schema::new(fields))),
            batch_size: 8192,
        })
    }

    /// The columns and the references.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }
}

impl FileSource for NarrowSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        _base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = self.schema.table_schema();
        let (leaf, wanted) = (Arc::clone(&self.leaf), self.wanted.clone());
        let opener = NarrowOpener::try_new(
            leaf,
            wanted,
            Arc::clone(schema),
            object_store,
            self.batch_size,
            partition,
        )?;
        Ok(Arc::new(opener))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self {
            batch_size,
            ..self.clone()
        })
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.leaf.metrics()
    }

    fn file_type(&self) -> &str {
        self.leaf.parquet.file_type()
    }

    fn fmt_extra(&self, _t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.leaf.filter {
            Some(filter) => write!(f, ", predicate={filter}"),
            None => Ok(()),
        }
    }

    fn supports_repartitioning(&self) -> bool {
        false
    }
}
