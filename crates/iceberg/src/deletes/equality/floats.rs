// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Floats as keys: every NaN is the same key, and the two zeros are two keys, as in the writers'
//! own comparison.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

/// The array with one kind of NaN.
pub(super) fn one_nan(array: ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            if !floats.values().iter().any(|v| v.is_nan()) {
                return array;
            }
            let one = |v: f32| if v.is_nan() { f32::NAN } else { v };
            Arc::new(floats.unary::<_, Float32Type>(one))
        }
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>();
            if !floats.values().iter().any(|v| v.is_nan()) {
                return array;
            }
            let one = |v: f64| if v.is_nan() { f64::NAN } else { v };
            Arc::new(floats.unary::<_, Float64Type>(one))
        }
        _ => array,
    }
}
