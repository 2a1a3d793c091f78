// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Bringing rows into the partitions and the order that a table wants.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Distribution, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use iceberg::spec::{NullOrder, SortDirection, TableMetadata};

use super::field_value::FieldValue;
use super::properties::{self, Properties};
use crate::error::{Error, ErrorKind, Result};

/// Rows as they are to be written.
#[derive(Debug, Clone)]
pub(super) struct Arranged {
    /// The table's columns, then the values of each row's partition.
    pub(super) input: Arc<dyn ExecutionPlan>,
    /// The types of the partition's values.
    pub(super) keys: Vec<DataType>,
    /// The order of the partition's values.
    pub(super) clustering: Option<LexOrdering>,
    /// The order that rows have to have.
    pub(super) order: Option<LexOrdering>,
    pub(super) distribution: Distribution,
    pub(super) described: Described,
}

/// How rows are written, in words.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) partition: Vec<String>,
    pub(super) order: Vec<String>,
    pub(super) distribution: String,
}

impl Described {
    /// Fails unless a table with this metadata wants rows in the same partitions and order.
    pub(super) fn check(&self, metadata: &TableMetadata) -> Result<()> {
        let partition: Vec<_> = partition_values(metadata)?.iter().map(text).collect();
        let order: Vec<_> = sort_fields(metadata)?.iter().map(sort_text).collect();
        if partition == self.partition && order == self.order {
            return Ok(());
        }
        let text = format!(
            "its partitions are [{}] in order of [{}], and not [{}] in order of [{}] as planned",
            partition.join(", "),
            order.join(", "),
            self.partition.join(", "),
            self.order.join(", ")
        );
        Err(Error::new(ErrorKind::Conflict, text))
    }
}

fn text(value: &Arc<dyn PhysicalExpr>) -> String {
    match value.as_any().downcast_ref::<Column>() {
        Some(column) => column.name().to_string(),
        None => value.to_string(),
    }
}

fn sort_text(of: &PhysicalSortExpr) -> String {
    let direction = if of.options.descending { "DESC" } else { "ASC" };
    let nulls = if of.options.nulls_first {
        "FIRST"
    } else {
        "LAST"
    };
    format!("{} {direction} NULLS {nulls}", text(&of.expr))
}

/// `input`, which has the table's columns, with the values of each row's partition, in order.
pub(super) fn arrange(
    metadata: &TableMetadata,
    input: Arc<dyn ExecutionPlan>,
) -> datafusion::error::Result<Arranged> {
    let partition = partition_values(metadata)?;
    let columns = input.schema().fields().len();
    let partition_text = partition.iter().map(text).collect();
    let (keys, input) = match partition.is_empty() {
        true => (Vec::new(), input),
        false => with_keys(input, &partition)?,
    };
    let clustering = LexOrdering::new(
        keys.iter()
            .map(|key| PhysicalSortExpr::new(Arc::clone(key), SortOptions::default())),
    );
    let sort = sort_fields(metadata)?;
    let order_text = sort.iter().map(sort_text).collect();
    let order = match sort.is_empty() {
        true => None,
        false => LexOrdering::new(clustering.iter().flatten().cloned().chain(sort)),
    };
    let schema = input.schema();
    let key_types = schema.fields()[columns..].iter();
    let key_types = key_types.map(|field| field.data_type().clone()).collect();
    let mode = Properties::try_new(metadata.properties())?
        .distribution(!keys.is_empty(), order.is_some())?;
    let input = match &order {
        Some(order) => {
            Arc::new(SortExec::new(order.clone(), input).with_preserve_partitioning(true))
        }
        None => input,
    };
    Ok(Arranged {
        input,
        keys: key_types,
        clustering,
        distribution: distribution(mode, &keys, order.is_some()),
        order,
        described: Described {
            partition: partition_text,
            order: order_text,
            distribution: mode.to_string(),
        },
    })
}

/// In a table with partitions, rows in order of the partitions are whole in one writer too.
fn distribution(
    mode: properties::Distribution,
    keys: &[Arc<dyn PhysicalExpr>],
    sorted: bool,
) -> Distribution {
    match mode {
        properties::Distribution::Hash | properties::Distribution::Range if !keys.is_empty() => {
            Distribution::HashPartitioned(keys.to_vec())
        }
        properties::Distribution::Range if sorted => Distribution::SinglePartition,
        _ => Distribution::UnspecifiedDistribution,
    }
}

fn partition_values(metadata: &TableMetadata) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
    let fields = metadata.default_partition_spec().fields().iter();
    fields
        .map(|field| {
            FieldValue::try_new(metadata.current_schema(), field.source_id, field.transform)
                .map_err(|error| error.context(format_args!("partition field '{}'", field.name)))
        })
        .collect()
}

fn sort_fields(metadata: &TableMetadata) -> Result<Vec<PhysicalSortExpr>> {
    let fields = metadata.default_sort_order().fields.iter();
    fields
        .map(|field| {
            let schema = metadata.current_schema();
            let value = FieldValue::try_new(schema, field.source_id, field.transform)
                .map_err(|error| error.context("its sort order"))?;
            let options = SortOptions {
                descending: field.direction == SortDirection::Descending,
                nulls_first: field.null_order == NullOrder::First,
            };
            Ok(PhysicalSortExpr::new(value, options))
        })
        .collect()
}

/// Columns, and the plan that has them.
type Keyed = (Vec<Arc<dyn PhysicalExpr>>, Arc<dyn ExecutionPlan>);

/// `input` with columns for `values`, and those columns.
fn with_keys(
    input: Arc<dyn ExecutionPlan>,
    values: &[Arc<dyn PhysicalExpr>],
) -> datafusion::error::Result<Keyed> {
    let schema = input.schema();
    let mut names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut expressions: Vec<ProjectionExpr> = names
        .iter()
        .enumerate()
        .map(|(index, name)| ProjectionExpr {
            expr: Arc::new(Column::new(name, index)),
            alias: name.clone(),
        })
        .collect();
    let mut keys: Vec<Arc<dyn PhysicalExpr>> = Vec::with_capacity(values.len());
    for value in values {
        let mut name = format!("partition {}", text(value));
        while names.contains(&name) {
            name.push('_');
        }
        keys.push(Arc::new(Column::new(&name, names.len())));
        expressions.push(ProjectionExpr {
            expr: Arc::clone(value),
            alias: name.clone(),
        });
        names.push(name);
    }
    Ok((keys, Arc::new(ProjectionExec::try_new(expressions, input)?)))
}
