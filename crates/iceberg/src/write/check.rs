// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Looking at an insert's casts before they are mixed up with the statement's own.
//!
//! DataFusion casts what a statement gives to the types of the table's columns, and says nothing of
//! it. In its first plan, those casts are the last thing before the insert; the optimizer then
//! merges them with casts that the statement asks for, and nobody can tell them apart any more.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, plan_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Cast, DmlStatement, Expr, ExprSchemable, LogicalPlan, Projection, Values, WriteOp,
};
use datafusion::optimizer::AnalyzerRule;

use super::exact::Loss;
use super::exact_function::ExactCast;
use crate::provider::IcebergTableProvider;
use crate::schema::without_field_ids;

/// Lets no insert into an Iceberg table lose a part of a value silently.
///
/// Where the cast that DataFusion puts in can change values, it is replaced by one that fails at
/// the first value it would change. From nanoseconds to microseconds, only constants are cast: of
/// anything else, the statement has to say by a cast of its own that digits may go. In `VALUES`,
/// the casts that the statement asks for cannot be told from DataFusion's, and are held to the
/// same.
///
/// Without this rule, an insert looks at the casts that are left in its plan: values in `VALUES`
/// are not seen.
#[derive(Debug, Default)]
pub struct CheckIcebergInsert;

impl AnalyzerRule for CheckIcebergInsert {
    fn name(&self) -> &str {
        "check_iceberg_insert"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let checked = plan.transform_down(|node| match node {
            LogicalPlan::Dml(dml) if matches!(dml.op, WriteOp::Insert(_)) => {
                let Some(table) = iceberg_table(&dml)? else {
                    return Ok(Transformed::no(LogicalPlan::Dml(dml)));
                };
                let input = check_casts(Arc::unwrap_or_clone(dml.input), table.table_name())?;
                let input = check_all_values(input)?;
                let target = provider_as_source(Arc::new(table.with_checked_casts()));
                let checked = DmlStatement::new(dml.table_name, target, dml.op, Arc::new(input));
                Ok(Transformed::new(
                    LogicalPlan::Dml(checked),
                    true,
                    TreeNodeRecursion::Jump,
                ))
            }
            other => Ok(Transformed::no(other)),
        });
        Ok(checked?.data)
    }
}

fn iceberg_table(dml: &DmlStatement) -> Result<Option<IcebergTableProvider>> {
    let Ok(provider) = source_as_provider(&dml.target) else {
        return Ok(None);
    };
    Ok(provider
        .as_any()
        .downcast_ref::<IcebergTableProvider>()
        .cloned())
}

/// The input of an insert into `table`, as DataFusion plans it, with its casts made exact.
pub(crate) fn check_casts(input: LogicalPlan, table: &str) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(projection) = input else {
        return Ok(input);
    };
    let Projection { expr, input, .. } = projection;
    let mut checked = Vec::with_capacity(expr.len());
    for value in expr {
        let name = value.schema_name().to_string();
        let (inner, alias) = match value {
            Expr::Alias(alias) => (*alias.expr, alias.name),
            other => (other, name),
        };
        let inner = match inner {
            Expr::Cast(cast) => exact(as_value(cast), &alias, table, &input)?,
            other => other,
        };
        checked.push(inner.alias(alias));
    }
    Projection::try_new(checked, input).map(LogicalPlan::Projection)
}

/// Rows of constants, wherever they are: DataFusion casts each of them to the types of the table's
/// columns at once.
fn check_all_values(input: LogicalPlan) -> Result<LogicalPlan> {
    let names = match &input {
        LogicalPlan::Projection(top) => names(top),
        _ => HashMap::new(),
    };
    let mut changed = false;
    let checked = input.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Values(values) => {
            changed = true;
            let values = check_values(values, &names)?;
            Ok(Transformed::yes(LogicalPlan::Values(values)))
        }
        above if changed => Ok(Transformed::yes(above.recompute_schema()?)),
        other => Ok(Transformed::no(other)),
    });
    Ok(checked?.data)
}

/// The table's columns by those of rows that are right below.
fn names(top: &Projection) -> HashMap<String, String> {
    let values = top.expr.iter();
    let named = values.filter_map(|value| match value {
        Expr::Alias(alias) => match alias.expr.as_ref() {
            Expr::Column(column) => Some((column.name.clone(), alias.name.clone())),
            _ => None,
        },
        _ => None,
    });
    named.collect()
}

/// The cast to a type that constants can have as well.
fn as_value(cast: Cast) -> Cast {
    let data_type = without_field_ids(&cast.data_type);
    Cast { data_type, ..cast }
}

/// A cast of DataFusion's to the type of `column`.
fn exact(cast: Cast, column: &str, table: &str, input: &LogicalPlan) -> Result<Expr> {
    let from = cast.expr.get_type(input.schema())?;
    match Loss::of(&from, &cast.data_type) {
        Loss::Nothing => Ok(Expr::Cast(cast)),
        Loss::OfType if !is_constant(&cast.expr, input) => plan_err!(
            "column '{column}' of table '{table}' is of type {}, the value is of type {from}: cast \
             it in the SELECT to say that digits may be lost, as in CAST(… AS TIMESTAMP(6))",
            cast.data_type
        ),
        _ => Ok(call(cast, column)),
    }
}

fn call(cast: Cast, column: &str) -> Expr {
    let function = ExactCast::function(column, &cast.data_type);
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![*cast.expr]))
}

/// Whether a value is the same in every row and written in the statement.
fn is_constant(value: &Expr, input: &LogicalPlan) -> bool {
    if let Expr::Column(column) = value {
        let LogicalPlan::Projection(below) = input else {
            return false;
        };
        let index = below.schema.maybe_index_of_column(column);
        return index.is_some_and(|index| is_constant(&below.expr[index], &below.input));
    }
    let only_written = value.exists(|part| {
        let written = matches!(
            part,
            Expr::Literal(..) | Expr::Cast(_) | Expr::Alias(_) | Expr::Negative(_)
        );
        Ok(!written)
    });
    matches!(only_written, Ok(false))
}

/// Rows of constants, cast to the columns' types already.
fn check_values(values: Values, names: &HashMap<String, String>) -> Result<Values> {
    let Values { schema, values } = values;
    let nothing = DFSchema::empty();
    let mut checked = Vec::with_capacity(values.len());
    for row in values {
        let mut cells = Vec::with_capacity(row.len());
        for (cell, field) in row.into_iter().zip(schema.fields()) {
            cells.push(match cell {
                Expr::Cast(cast) => {
                    let cast = as_value(cast);
                    let from = cast.expr.get_type(&nothing)?;
                    let column = names.get(field.name()).unwrap_or(field.name());
                    if from.is_integer() && cast.data_type.is_temporal() {
                        return plan_err!("{}", number_as_time(column, &from, &cast.data_type));
                    }
                    match Loss::of(&from, &cast.data_type) {
                        Loss::Nothing => Expr::Cast(cast),
                        _ => call(cast, column),
                    }
                }
                Expr::Literal(value, _) if value.is_null() && !field.is_nullable() => {
                    let column = names.get(field.name()).unwrap_or(field.name());
                    return plan_err!(
                        "column '{column}' is required, and a row of VALUES has NULL"
                    );
                }
                Expr::Literal(value, noted) => {
                    let data_type = without_field_ids(&value.data_type());
                    Expr::Literal(value.cast_to(&data_type)?, noted)
                }
                other => other,
            });
        }
        checked.push(cells);
    }
    Ok(Values {
        schema: Arc::new(value_schema(&schema)?),
        values: checked,
    })
}

/// Nobody says what a number counts, and DataFusion takes rows of `VALUES` anywhere below an insert for rows of the table: in
/// `SELECT to_timestamp(s) FROM (VALUES (7)) AS v (s)` the seven would be microseconds, not seconds.
fn number_as_time(column: &str, from: &DataType, to: &DataType) -> String {
    format!(
        "column '{column}' is of type {to}, and a row of VALUES has a number of type {from}: write the time as in TIMESTAMP '2026-01-01T00:00:00Z' \
         or DATE '2026-01-01'; where VALUES is no row of the table but read by a SELECT, write its rows as SELECT … UNION ALL SELECT …"
    )
}

/// The columns in types that constants can have.
fn value_schema(schema: &DFSchema) -> Result<DFSchema> {
    let columns = schema.iter().map(|(qualifier, field)| {
        let data_type = without_field_ids(field.data_type());
        let column = Field::clone(field).with_data_type(data_type);
        (qualifier.cloned(), Arc::new(column))
    });
    DFSchema::new_with_metadata(columns.collect(), schema.metadata().clone())
}
