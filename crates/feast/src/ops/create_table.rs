// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE TABLE` in an Iceberg catalog, empty or with the rows of a query.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::common::{Result, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, ArrayElemTypeDef, Ident, ObjectName, TimezoneInfo};
use feast_iceberg::{IcebergCatalogProvider, NewIcebergTable, TableDefinition};

use super::columns::nothing;
use super::lower::{explained, plan as effect_plan};
use super::provider::Effect;
use crate::ddl::{named_table, parse_create_table};
use crate::session::{FeastScope, parse_one, plan};

/// The plan of a statement that makes a table of an Iceberg catalog; none if it is another one.
pub(crate) async fn create_table(
    text: &str,
    state: &SessionState,
    scope: &FeastScope,
) -> Result<Option<LogicalPlan>> {
    let Some(named) = named_table(text) else {
        return Ok(None);
    };
    let name = scope.resolve(named.name);
    let catalog = state.catalog_list().catalog(&name.catalog);
    let iceberg = catalog.as_ref();
    let Some(iceberg) = iceberg.and_then(|c| c.as_any().downcast_ref::<IcebergCatalogProvider>())
    else {
        if named.partitioned {
            return plan_err!(
                "table {name}: PARTITIONED BY is for tables of Iceberg catalogs, and {} is none; attach one with CREATE EXTERNAL \
                 CATALOG and name the table as catalog.schema.table",
                name.catalog
            );
        }
        return Ok(None);
    };
    let Some(statement) = parse_create_table(text)? else {
        return Ok(None);
    };
    let columns = match &statement.columns {
        Some(columns) => Some(declared(columns, state).await?),
        None => None,
    };
    let query = match &statement.query {
        Some(query) => Some(query_plan(query, state).await?),
        None => None,
    };
    let inferred = columns.is_none();
    let schema: SchemaRef = match (columns, &query) {
        (Some(columns), _) => Arc::new(columns),
        (None, Some(query)) => Arc::new(query.schema().as_arrow().clone()),
        (None, None) => return plan_err!("table {name}: it has neither columns nor a query"),
    };
    let definition = TableDefinition {
        namespace: name.schema.split('.').map(str::to_owned).collect(),
        name: name.table.to_string(),
        schema,
        inferred,
        partition_by: statement.partition_by,
        properties: statement.properties.into_iter().collect(),
        if_not_exists: statement.if_not_exists,
    };
    let new = NewIcebergTable::try_new(iceberg, definition)?;
    let made = match query {
        Some(query) => new.filled_with(query)?,
        None => effect_plan("feast", Arc::new(CreateEmpty { new }))?,
    };
    match &statement.explain {
        Some(clause) => explained(made, clause).map(Some),
        None => Ok(Some(made)),
    }
}

/// Makes a table without rows.
#[derive(Debug)]
struct CreateEmpty {
    new: NewIcebergTable,
}

#[async_trait]
impl Effect for CreateEmpty {
    fn label(&self) -> String {
        format!("create table {}", self.new.name())
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    async fn run(&self) -> Result<RecordBatch> {
        self.new.create().await?;
        nothing()
    }
}

async fn query_plan(text: &str, state: &SessionState) -> Result<LogicalPlan> {
    let statement = parse_one(text, state)?;
    match &statement {
        Statement::Statement(query) if matches!(**query, ast::Statement::Query(_)) => {
            plan(statement, state).await
        }
        other => plan_err!("CREATE TABLE … AS takes a query, found {other}"),
    }
}

/// The columns of `CREATE TABLE name (column type, …)`.
async fn declared(text: &str, state: &SessionState) -> Result<Schema> {
    let mut statement = parse_one(text, state)?;
    let Statement::Statement(inner) = &mut statement else {
        return plan_err!("expected the columns of a table, found {statement}");
    };
    let ast::Statement::CreateTable(table) = inner.as_mut() else {
        return plan_err!("expected the columns of a table, found {statement}");
    };
    // Only the columns are of interest: no catalog is asked for a table of that name.
    table.name = ObjectName::from(vec![Ident::new("columns_of_a_new_table")]);
    let declared: Vec<_> = table
        .columns
        .iter()
        .map(|column| column.data_type.clone())
        .collect();
    let planned = plan(statement, state).await?;
    let LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)) = planned else {
        return plan_err!("the columns of the table cannot be planned");
    };
    if !table.constraints.is_empty() {
        return plan_err!(
            "a table of an Iceberg catalog has no constraints but NOT NULL: leave the others out"
        );
    }
    if let Some((column, _)) = table.column_defaults.first() {
        return plan_err!(
            "column {column}: DEFAULT is not supported by this version; leave it out"
        );
    }
    let schema = table.input.schema().as_arrow();
    let fields = schema
        .fields()
        .iter()
        .zip(&declared)
        .map(|(field, declared)| {
            let data_type = meant(declared, field.data_type());
            Field::new(field.name(), data_type, field.is_nullable())
        });
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

/// The type that a declaration means in Iceberg, where DataFusion plans another one: times that do not say how precise they are
/// have microseconds, as in the SQL standard, and a time zone is not left out.
fn meant(declared: &ast::DataType, planned: &DataType) -> DataType {
    let field = |declared: &ast::DataType, planned: &Field| {
        let data_type = meant(declared, planned.data_type());
        Arc::new(planned.clone().with_data_type(data_type))
    };
    match (declared, planned) {
        (ast::DataType::Timestamp(precision, zone), DataType::Timestamp(unit, planned)) => {
            let unit = precision.map_or(TimeUnit::Microsecond, |_| *unit);
            let zone = match zone {
                TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => Some("UTC".into()),
                _ => planned.clone(),
            };
            DataType::Timestamp(unit, zone)
        }
        (_, DataType::Time64(_)) => DataType::Time64(TimeUnit::Microsecond),
        (
            ast::DataType::Array(
                ArrayElemTypeDef::AngleBracket(declared)
                | ArrayElemTypeDef::SquareBracket(declared, _)
                | ArrayElemTypeDef::Parenthesis(declared),
            ),
            DataType::List(item),
        ) => DataType::List(field(declared, item)),
        (
            ast::DataType::Array(ArrayElemTypeDef::SquareBracket(declared, _)),
            DataType::FixedSizeList(item, length),
        ) => DataType::FixedSizeList(field(declared, item), *length),
        (ast::DataType::Struct(declared, _), DataType::Struct(fields)) => {
            let fields = declared.iter().zip(fields);
            DataType::Struct(
                fields
                    .map(|(it, planned)| field(&it.field_type, planned))
                    .collect(),
            )
        }
        (_, planned) => planned.clone(),
    }
}
