// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How the files of one write are to be, taken from the table once.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use iceberg::io::FileIO;
use iceberg::spec::{PartitionSpecRef, SchemaRef as IcebergRef, StructType, TableMetadata};
use iceberg::table::Table;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::SchemaDescriptor;

use super::locations::Locations;
use super::metrics_modes::MetricsModes;
use super::parquet_settings::{parquet_schema, writer_properties};
use super::properties::Properties;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableColumns;

/// What all writers of one write share.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) file_io: FileIO,
    pub(super) schema: IcebergRef,
    /// The schema of the rows, as Arrow: field ids in its metadata.
    pub(super) rows: SchemaRef,
    pub(super) spec: PartitionSpecRef,
    pub(super) partition: StructType,
    /// The id of the sort order that every file has; none if they have no order.
    pub(super) sort_order_id: Option<i32>,
    pub(super) parquet: WriterProperties,
    pub(super) parquet_schema: SchemaDescriptor,
    pub(super) metrics: MetricsModes,
    pub(super) target_file_size: usize,
    pub(super) locations: Locations,
}

impl Layout {
    /// How `table` wants its next files.
    pub(super) fn try_new(table: &Table) -> Result<Self> {
        let name = table.identifier().to_string();
        Self::of(&name, table.metadata(), table.file_io().clone())
    }

    fn of(name: &str, metadata: &TableMetadata, file_io: FileIO) -> Result<Self> {
        let properties = Properties::try_new(metadata.properties())?;
        let schema = Arc::clone(metadata.current_schema());
        let rows = Arc::clone(TableColumns::try_new(name, &schema)?.arrow());
        let spec = Arc::clone(metadata.default_partition_spec());
        let odd = spec
            .fields()
            .iter()
            .find(|field| !is_avro_name(&field.name));
        if let Some(field) = odd {
            let text = format!(
                "its partition field '{}' has a name that its manifests cannot have as it is: \
                 writing it is not supported",
                field.name
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let order = metadata.default_sort_order();
        let parquet_schema = parquet_schema(&schema, &rows)?;
        Ok(Self {
            file_io,
            partition: spec.partition_type(&schema)?,
            sort_order_id: sort_order_id(metadata)?,
            parquet: writer_properties(properties, &schema, &parquet_schema)?,
            parquet_schema,
            metrics: MetricsModes::try_new(properties, &schema, order)?,
            target_file_size: properties.target_file_size()?,
            locations: Locations::try_new(metadata, properties)?,
            schema,
            rows,
            spec,
        })
    }
}

/// Whether Avro allows a field of this name. Others have to be changed in manifests, which
/// `iceberg` does not do.
fn is_avro_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Fails if files of a table with this metadata cannot be written as it wants them.
pub(super) fn check_layout(metadata: &TableMetadata) -> Result<()> {
    Layout::of("", metadata, FileIO::new_with_memory()).map(drop)
}

fn sort_order_id(metadata: &TableMetadata) -> Result<Option<i32>> {
    let order = metadata.default_sort_order();
    if order.is_unsorted() {
        return Ok(None);
    }
    let id = i32::try_from(order.order_id).map_err(|_| {
        let text = format!(
            "its sort order has the id {}, which no file can name",
            order.order_id
        );
        Error::new(ErrorKind::Damaged, text)
    })?;
    Ok(Some(id))
}
