// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table that a statement makes, empty or with the rows of a query.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, TableReference, not_impl_err};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{
    DmlStatement, Expr, ExprSchemable, LogicalPlan, Projection, TableType, WriteOp,
};
use datafusion::physical_plan::ExecutionPlan;
use iceberg::NamespaceIdent;
use iceberg::arrow::arrow_schema_to_schema_auto_assign_ids;
use iceberg::spec::{NullOrder, SortDirection, SortField, SortOrder, Transform};

use super::arrange::arrange;
use super::check::check_casts;
use super::exec::IcebergInsertExec;
use super::job::Job;
use super::layout::check_layout;
use super::plan::{in_context, required_values};
use super::storable::Columns;
use super::table_shape::{TableShape, check_properties, take_version};
use super::target::{NewTable, Target};
use crate::append::{PartitionBy, partition_spec};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::IcebergCatalogProvider;
use crate::schema::TableColumns;

/// What a statement says of a table to be made.
#[derive(Debug, Clone)]
pub struct TableDefinition {
    /// The levels of the namespace, which has to exist.
    pub namespace: Vec<String>,
    /// The table's name.
    pub name: String,
    /// The columns.
    pub schema: SchemaRef,
    /// The columns are those of a query: any of them may be NULL later.
    pub inferred: bool,
    /// The partition spec.
    pub partition_by: Vec<PartitionBy>,
    /// The table's properties, and `format-version`: 1, 2 (if it is left out) or 3.
    pub properties: BTreeMap<String, String>,
    /// Do nothing if the table exists.
    pub if_not_exists: bool,
}

/// A table to be made in an Iceberg catalog. Nothing is there before [`NewIcebergTable::create`] or
/// the plan of [`NewIcebergTable::filled_with`] is executed.
#[derive(Clone)]
pub struct NewIcebergTable {
    name: Arc<str>,
    reference: TableReference,
    columns: SchemaRef,
    new: NewTable,
}

impl fmt::Debug for NewIcebergTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewIcebergTable")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl NewIcebergTable {
    /// The table that `definition` describes, in `catalog`. Fails for types that Iceberg does not
    /// have, partitions that cannot be and properties that cannot be followed.
    pub fn try_new(catalog: &IcebergCatalogProvider, definition: TableDefinition) -> Result<Self> {
        let schema = definition.namespace.join(".");
        let name = format!("{}.{schema}.{}", catalog.name(), definition.name);
        let reference = TableReference::full(catalog.name(), schema, definition.name.as_str());
        let about = |error: Error| error.context(format_args!("create table '{name}'"));
        let new = new_table(catalog, definition).map_err(about)?;
        let metadata = new.shape.metadata().map_err(about)?;
        let columns = TableColumns::try_new(&name, metadata.current_schema()).map_err(about)?;
        check_layout(&metadata).map_err(about)?;
        Ok(Self {
            columns: Arc::clone(columns.arrow()),
            name: name.into(),
            reference,
            new,
        })
    }

    /// The same table with its files in the order of these columns, each ascending or descending, NULL
    /// last.
    pub fn sorted_by(mut self, columns: &[(&str, SortDirection)]) -> Result<Self> {
        let about = |error: Error| error.context(format_args!("create table '{}'", self.name));
        let mut order = SortOrder::builder();
        for (column, direction) in columns {
            let Some(field) = self.new.shape.schema.field_by_name(column) else {
                let text = format!("it has no column '{column}' to sort its files by");
                return Err(about(Error::new(ErrorKind::Invalid, text)));
            };
            order.with_sort_field(SortField {
                source_id: field.id,
                transform: Transform::Identity,
                direction: *direction,
                null_order: NullOrder::Last,
            });
        }
        let order = order.with_order_id(1).build(&self.new.shape.schema);
        self.new.shape.order = order.map_err(|error| about(error.into()))?;
        Ok(self)
    }

    /// Its name, with its catalog and namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns it will show.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Makes the table without rows; false if there was one and that is no error.
    pub async fn create(&self) -> Result<bool> {
        let about = |error: Error| error.context(format_args!("create table '{}'", self.name));
        Job::create_empty(&Target::Create(Box::new(self.new.clone())))
            .await
            .map_err(about)
    }

    /// The plan that makes the table with the rows of `query`, whose columns go by position. Its
    /// result is one row `count`.
    pub fn filled_with(self, query: LogicalPlan) -> DataFusionResult<LogicalPlan> {
        let given = query.schema().fields().len();
        if given != self.columns.fields().len() {
            let text = format!(
                "create table '{}': it has {} columns, the query has {given}",
                self.name,
                self.columns.fields().len()
            );
            return Err(Error::new(ErrorKind::Invalid, text).into());
        }
        let columns = self.columns.fields().iter().enumerate();
        let values = columns.map(|(index, column)| {
            let value = Expr::Column(Column::from(query.schema().qualified_field(index)));
            let value = value.cast_to(column.data_type(), query.schema())?;
            Ok(value.alias(column.name()))
        });
        let values = values.collect::<DataFusionResult<Vec<_>>>()?;
        let rows = Projection::try_new(values, Arc::new(query))?;
        let rows = check_casts(LogicalPlan::Projection(rows), &self.name)?;
        let (reference, op) = (self.reference.clone(), WriteOp::Insert(InsertOp::Append));
        let target = provider_as_source(Arc::new(self));
        Ok(LogicalPlan::Dml(DmlStatement::new(
            reference,
            target,
            op,
            Arc::new(rows),
        )))
    }
}

fn new_table(catalog: &IcebergCatalogProvider, definition: TableDefinition) -> Result<NewTable> {
    use iceberg::spec::FormatVersion;
    let mut properties = definition.properties;
    let version = take_version(&mut properties)?;
    check_properties(&properties)?;
    let columns = Columns {
        optional: definition.inferred,
        nanoseconds: version == FormatVersion::V3,
    };
    let storable: Schema = columns.schema(&definition.schema)?;
    let schema = arrow_schema_to_schema_auto_assign_ids(&storable)?;
    // With the ids of its fields: some catalogs make of it what they are sent.
    let spec = partition_spec(&schema, &definition.partition_by)?;
    let spec = spec.bind(schema.clone())?.into_unbound();
    Ok(NewTable {
        catalog: catalog.write_catalog(),
        catalog_name: catalog.name().to_string(),
        namespace: NamespaceIdent::from_vec(definition.namespace)?,
        name: definition.name,
        shape: TableShape {
            schema,
            spec,
            order: SortOrder::unsorted_order(),
            properties,
            version,
        },
        if_not_exists: definition.if_not_exists,
    })
}

/// The table as the target of an insert: of `CREATE TABLE … AS` only.
#[async_trait]
impl TableProvider for NewIcebergTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        not_impl_err!("table '{}' cannot be read before it is made", self.name)
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _insert_op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let about = |error: Error| error.context(format_args!("create table '{}'", self.name));
        required_values(&input, &self.columns).map_err(about)?;
        let arranged = arrange(&self.new.shape.metadata().map_err(about)?, input);
        let arranged = arranged.map_err(|error| in_context(error, about))?;
        let target = Target::Create(Box::new(self.new.clone()));
        let name = Arc::clone(&self.name);
        Ok(Arc::new(IcebergInsertExec::new(name, target, arranged)))
    }
}
