// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys in the types that they are compared in.

use arrow::array::{Array, ArrayRef};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;

use super::floats::one_nan;
use crate::schema::read_scalar;

/// The arrays in the types of the key's columns, so that equal keys are equal bit by bit.
pub(super) fn key_arrays(fields: &[FieldRef], arrays: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    if fields.len() != arrays.len() {
        return exec_err!(
            "a key of {} columns was expected, {} were given",
            fields.len(),
            arrays.len()
        );
    }
    let key = |(field, array): (&FieldRef, &ArrayRef)| key_array(field, array);
    fields.iter().zip(arrays).map(key).collect()
}

fn key_array(field: &FieldRef, array: &ArrayRef) -> Result<ArrayRef> {
    let plain = match array.data_type() {
        same if same == field.data_type() => return Ok(one_nan(ArrayRef::clone(array))),
        DataType::Dictionary(_, values) => cast(array, values)?,
        // A column that the file lacks and that has no default.
        DataType::Null => cast(array, field.data_type())?,
        _ => ArrayRef::clone(array),
    };
    Ok(one_nan(read_scalar(&plain, field)?))
}
