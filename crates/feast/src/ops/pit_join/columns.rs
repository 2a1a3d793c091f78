// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns of a view's input, as expressions.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, Result, plan_err};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::cast;

/// A column of a view's input by its exact name, and its type.
pub(crate) fn input_column(input: &LogicalPlan, name: &str) -> Result<(Expr, DataType)> {
    let schema = input.schema();
    match schema.index_of_column_by_name(None, name) {
        Some(at) => {
            let data_type = schema.field(at).data_type().clone();
            let column = Column::from(schema.qualified_field(at));
            Ok((Expr::Column(column), data_type))
        }
        None => plan_err!("the source has no column {name}; define the view anew"),
    }
}

/// The expression as this type; a time without a zone is UTC and a date its midnight.
///
/// A cast that gives a time a zone goes through the calendar, which ends before the range of the type does; so it goes by number,
/// which in UTC stays the same.
pub(crate) fn told(expr: Expr, from: &DataType, to: &DataType) -> Expr {
    if from == to {
        return expr;
    }
    let (expr, unit) = match (from, to) {
        (DataType::Timestamp(unit, None), DataType::Timestamp(_, Some(_))) => (expr, *unit),
        (DataType::Date32, DataType::Timestamp(_, Some(_))) => {
            let unit = TimeUnit::Second;
            (cast(expr, DataType::Timestamp(unit, None)), unit)
        }
        (DataType::Date64, DataType::Timestamp(_, Some(_))) => {
            let unit = TimeUnit::Millisecond;
            (cast(expr, DataType::Timestamp(unit, None)), unit)
        }
        _ => return cast(expr, to.clone()),
    };
    let in_utc = DataType::Timestamp(unit, Some("UTC".into()));
    let zoned = cast(cast(expr, DataType::Int64), in_utc.clone());
    match &in_utc == to {
        true => zoned,
        false => cast(zoned, to.clone()),
    }
}
