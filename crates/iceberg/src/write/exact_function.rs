// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The exact cast to a column's type, as a function in plans.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::exact::exact_cast;

/// Casts to the type of a column; a value that this would change is an error.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExactCast {
    column: String,
    to: DataType,
    signature: Signature,
}

impl ExactCast {
    /// The function for the column of this name and type.
    pub(crate) fn function(column: &str, to: &DataType) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self {
            column: column.to_string(),
            to: to.clone(),
            signature: Signature::any(1, Volatility::Immutable),
        }))
    }
}

impl ScalarUDFImpl for ExactCast {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        "exact_cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.to.clone(), nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [values] = args.args.as_slice() else {
            return internal_err!("exact_cast takes one value");
        };
        let scalar = matches!(values, ColumnarValue::Scalar(_));
        let rows = if scalar { 1 } else { args.number_rows };
        let values = values.to_array(rows)?;
        let cast = exact_cast(&values, &self.to)
            .map_err(|error| error.context(format_args!("column '{}'", self.column)))?;
        match scalar {
            true => Ok(ColumnarValue::Scalar(
                datafusion::common::ScalarValue::try_from_array(&cast, 0)?,
            )),
            false => Ok(ColumnarValue::Array(cast)),
        }
    }
}
