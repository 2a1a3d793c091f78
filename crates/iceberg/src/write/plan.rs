// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The plan of an insert.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_expr::expressions::{CastExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use iceberg::table::Table;

use super::arrange::arrange;
use super::exact::Loss;
use super::exact_function::ExactCast;
use super::exec::IcebergInsertExec;
use super::layout::Layout;
use super::rows::check_schema;
use super::target::{Target, WriteCatalog};
use super::writable::Writable;
use crate::error::{Error, ErrorKind, Result};

/// A table that rows are inserted into.
pub(crate) struct InsertInto<'a> {
    pub(crate) name: &'a str,
    pub(crate) table: &'a Table,
    /// The columns that the table shows.
    pub(crate) columns: &'a SchemaRef,
    pub(crate) writable: &'a Writable,
}

impl InsertInto<'_> {
    /// The plan that appends the rows of `input`.
    pub(crate) fn plan(
        &self,
        session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let about = |error: Error| error.context(format_args!("insert into table '{}'", self.name));
        let catalog = self.check(op, &input.schema()).map_err(about)?;
        let input = match self.writable.checked {
            true => input,
            false => with_exact_casts(input, self.columns, session)?,
        };
        required_values(&input, self.columns).map_err(about)?;
        let arranged = arrange(self.table.metadata(), input);
        let arranged = arranged.map_err(|error| in_context(error, about))?;
        let target = Target::Append(catalog.clone(), self.table.clone());
        Ok(Arc::new(IcebergInsertExec::new(
            self.name.into(),
            target,
            arranged,
        )))
    }

    fn check(&self, op: InsertOp, rows: &Schema) -> Result<&WriteCatalog> {
        let refused = |text: String| Err(Error::new(ErrorKind::Unsupported, text));
        if op != InsertOp::Append {
            return refused(format!(
                "{op} is not supported: only INSERT INTO appends rows"
            ));
        }
        if self.writable.past {
            return refused(
                "it is read at a snapshot, and rows go into the current state only".to_string(),
            );
        }
        let Some(catalog) = &self.writable.catalog else {
            return refused(
                "it was not opened through a catalog, which a commit needs: attach its catalog \
                 with CREATE EXTERNAL CATALOG"
                    .to_string(),
            );
        };
        // What cannot be written is refused before anything is read.
        Layout::try_new(self.table)?;
        check_schema(rows, self.columns)?;
        Ok(catalog)
    }
}

/// `error` with context, if it is one of this crate.
pub(super) fn in_context(
    error: DataFusionError,
    about: impl Fn(Error) -> Error,
) -> DataFusionError {
    match error {
        DataFusionError::External(cause) => match cause.downcast::<Error>() {
            Ok(error) => about(*error).into(),
            Err(cause) => DataFusionError::External(cause),
        },
        other => other,
    }
}

/// Fails if a required column gets no value in any row.
pub(super) fn required_values(input: &Arc<dyn ExecutionPlan>, columns: &Schema) -> Result<()> {
    let Some(projection) = input.as_any().downcast_ref::<ProjectionExec>() else {
        return Ok(());
    };
    for (value, column) in projection.expr().iter().zip(columns.fields()) {
        if !column.is_nullable() && is_null(&value.expr) {
            let text = format!(
                "column '{}' is required, and the statement gives it no value",
                column.name()
            );
            return Err(Error::new(ErrorKind::Invalid, text));
        }
    }
    Ok(())
}

fn is_null(value: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(cast) = value.as_any().downcast_ref::<CastExpr>() {
        return is_null(cast.expr());
    }
    let literal = value.as_any().downcast_ref::<Literal>();
    literal.is_some_and(|literal| literal.value().is_null())
}

/// `input` with the casts that are its last step made exact; they may be the statement's own.
fn with_exact_casts(
    input: Arc<dyn ExecutionPlan>,
    columns: &Schema,
    session: &dyn Session,
) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let Some(projection) = input.as_any().downcast_ref::<ProjectionExec>() else {
        return Ok(input);
    };
    let schema = projection.input().schema();
    let options = Arc::new(session.config_options().clone());
    let mut changed = false;
    let mut values = Vec::with_capacity(projection.expr().len());
    for (value, column) in projection.expr().iter().zip(columns.fields()) {
        let cast = value.expr.as_any().downcast_ref::<CastExpr>();
        let lossy = match cast {
            None => None,
            Some(cast) => {
                let from = cast.expr().data_type(&schema)?;
                let loss = Loss::of(&from, cast.cast_type());
                Some(cast).filter(|_| loss != Loss::Nothing)
            }
        };
        let expr: Arc<dyn PhysicalExpr> = match lossy {
            None => Arc::clone(&value.expr),
            Some(cast) => {
                changed = true;
                let function = ExactCast::function(column.name(), cast.cast_type());
                let arguments = vec![Arc::clone(cast.expr())];
                let options = Arc::clone(&options);
                Arc::new(ScalarFunctionExpr::try_new(
                    function, arguments, &schema, options,
                )?)
            }
        };
        let alias = value.alias.clone();
        values.push(ProjectionExpr { expr, alias });
    }
    match changed {
        false => Ok(input),
        true => Ok(Arc::new(ProjectionExec::try_new(
            values,
            Arc::clone(projection.input()),
        )?)),
    }
}
