// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Casts that lose nothing.

use arrow::array::types::{Float32Type, Float64Type, TimestampNanosecondType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;

use super::rows::fits;
use crate::error::{Error, ErrorKind, Result};

/// How much of a value a cast can lose without saying so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Nothing: values that do not fit are errors of the cast itself.
    Nothing,
    /// Some values lose something, so that each has to be looked at.
    OfValues,
    /// It is there to lose something: whoever wants it says so.
    OfType,
}

impl Loss {
    /// What a cast of `from` to `to` can lose. Text is read as the cast reads it, and times with and
    /// without zone are taken for each other as DataFusion does.
    pub(crate) fn of(from: &DataType, to: &DataType) -> Self {
        use DataType::*;
        if fits(from, to) {
            return Self::Nothing;
        }
        match (from, to) {
            (Dictionary(_, from), to) => Self::of(from, to),
            (Timestamp(TimeUnit::Nanosecond, _), Timestamp(unit, _))
                if *unit != TimeUnit::Nanosecond =>
            {
                Self::OfType
            }
            (Time64(TimeUnit::Nanosecond), Time64(TimeUnit::Microsecond)) => Self::OfType,
            (Timestamp(_, _), Time32(_) | Time64(_)) => Self::OfType,
            (Timestamp(_, _), Date32) => Self::OfValues,
            (Utf8 | LargeUtf8 | Utf8View, Timestamp(TimeUnit::Microsecond, _)) => Self::OfValues,
            (from, Float32 | Float64) if from.is_integer() => Self::OfValues,
            (from, Float32) if from.is_floating() => Self::OfValues,
            (from, Boolean) if from.is_numeric() => Self::OfValues,
            (from, to) if from.is_floating() && (to.is_integer() || to.is_decimal()) => {
                Self::OfValues
            }
            (from, to) if from.is_decimal() && (to.is_integer() || to.is_decimal()) => {
                Self::OfValues
            }
            (
                List(from) | LargeList(from) | FixedSizeList(from, _) | ListView(from),
                List(to) | LargeList(to),
            )
            | (Map(from, _), Map(to, _)) => Self::of(from.data_type(), to.data_type()),
            (Struct(from), Struct(to)) => {
                // By name where the names are the same, else by position: both are looked at.
                let by_name = to.iter().filter_map(|field| {
                    let (_, same) = from.find(field.name())?;
                    Some(Self::of(same.data_type(), field.data_type()))
                });
                let by_position = from.iter().zip(to);
                let by_position =
                    by_position.map(|(from, to)| Self::of(from.data_type(), to.data_type()));
                by_name.chain(by_position).max().unwrap_or(Self::Nothing)
            }
            _ => Self::Nothing,
        }
    }
}

/// `values` as `to`; fails at the first one that this changes.
pub(super) fn exact_cast(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let cast_values = cast(values, to, false)?;
    let changed = match (values.data_type(), to) {
        (from, DataType::Float32) if from.is_floating() => overflowed(values, &cast_values)?,
        (from, to) if from.is_floating() && to.is_decimal() => rounded(values, &cast_values)?,
        (
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
            DataType::Timestamp(_, zone),
        ) => {
            let precise = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
            finer_than_microseconds(&cast(values, &precise, true)?)
        }
        (from, _) => differing(values, &cast(&cast_values, from, true)?)?,
    };
    match changed {
        None => Ok(cast_values),
        Some(row) => {
            let value = array_value_to_string(values, row).map_err(unusable)?;
            let text = format!(
                "the value {value} of type {} cannot be kept as {to}: say what to do with it by a \
                 CAST in a SELECT",
                values.data_type()
            );
            Err(Error::new(ErrorKind::Invalid, text))
        }
    }
}

fn cast(values: &ArrayRef, to: &DataType, safe: bool) -> Result<ArrayRef> {
    let options = CastOptions {
        safe,
        ..CastOptions::default()
    };
    cast_with_options(values, to, &options).map_err(unusable)
}

/// The first row that differs.
fn differing(values: &ArrayRef, back: &ArrayRef) -> Result<Option<usize>> {
    if values.data_type().is_nested() || matches!(values.data_type(), DataType::Dictionary(..)) {
        let rows = 0..values.len();
        let mut rows = rows.filter(|row| values.slice(*row, 1) != back.slice(*row, 1));
        return Ok(rows.next());
    }
    Ok(first(&distinct(values, back).map_err(unusable)?))
}

/// The first number that became infinite.
fn overflowed(values: &ArrayRef, narrow: &ArrayRef) -> Result<Option<usize>> {
    let wide = cast(values, &DataType::Float64, false)?;
    let wide = wide.as_primitive::<Float64Type>().iter();
    let mut pairs = wide.zip(narrow.as_primitive::<Float32Type>());
    Ok(pairs.position(|(wide, narrow)| match (wide, narrow) {
        (Some(wide), Some(narrow)) => wide.is_finite() && narrow.is_infinite(),
        _ => false,
    }))
}

/// The first number that is another one as a decimal, by more than floating point can tell.
fn rounded(values: &ArrayRef, decimals: &ArrayRef) -> Result<Option<usize>> {
    let exact = cast(values, &DataType::Float64, false)?;
    let back = cast(decimals, &DataType::Float64, false)?;
    let tolerance = match values.data_type() {
        DataType::Float64 => f64::EPSILON,
        _ => f64::from(f32::EPSILON),
    };
    let exact = exact.as_primitive::<Float64Type>().iter();
    let mut pairs = exact.zip(back.as_primitive::<Float64Type>());
    Ok(pairs.position(|(exact, back)| match (exact, back) {
        (Some(exact), Some(back)) => (exact - back).abs() > exact.abs() * tolerance,
        (Some(_), None) => true,
        _ => false,
    }))
}

fn finer_than_microseconds(nanoseconds: &ArrayRef) -> Option<usize> {
    let instants = nanoseconds.as_primitive::<TimestampNanosecondType>();
    let mut instants = instants.iter();
    instants.position(|at| at.is_some_and(|at| at % 1_000 != 0))
}

fn first(of: &BooleanArray) -> Option<usize> {
    of.values().set_indices().next()
}

fn unusable(cause: ArrowError) -> Error {
    Error::new(ErrorKind::Invalid, "a value cannot be cast").with_source(cause)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, Float64Array, Int64Array, StringArray, TimestampNanosecondArray,
    };

    use super::*;

    const MICROS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

    fn fails(values: impl Array + 'static, to: DataType) -> String {
        let values: ArrayRef = Arc::new(values);
        assert_ne!(Loss::of(values.data_type(), &to), Loss::Nothing);
        exact_cast(&values, &to).unwrap_err().to_string()
    }

    fn works(values: impl Array + 'static, to: DataType) {
        exact_cast(&(Arc::new(values) as ArrayRef), &to).unwrap();
    }

    #[test]
    fn a_value_that_changes_is_an_error_that_names_it() {
        let text = fails(
            Float64Array::from(vec![Some(1.0), None, Some(1.5)]),
            DataType::Int32,
        );
        assert!(
            text.starts_with("the value 1.5 of type Float64 cannot be kept as Int32"),
            "{text}"
        );
        works(Float64Array::from(vec![Some(-1.0), None]), DataType::Int32);
        fails(
            Int64Array::from(vec![1 << 53, (1 << 53) + 1]),
            DataType::Float64,
        );
        works(Int64Array::from(vec![1 << 53]), DataType::Float64);
        fails(Int64Array::from(vec![i64::MAX]), DataType::Float64);
        fails(Float64Array::from(vec![1e300]), DataType::Float32);
        works(
            Float64Array::from(vec![0.1, f64::NAN, f64::INFINITY]),
            DataType::Float32,
        );
        fails(Int64Array::from(vec![2]), DataType::Boolean);
    }

    #[test]
    fn decimals_keep_their_digits() {
        let to = DataType::Decimal128(10, 2);
        let decimals = |value| Decimal128Array::from(vec![value]).with_precision_and_scale(10, 3);
        works(decimals(1_230).unwrap(), to.clone());
        fails(decimals(1_234).unwrap(), to.clone());
        works(
            Float64Array::from(vec![1.1, 0.1 + 0.2, -12_345.67]),
            to.clone(),
        );
        fails(Float64Array::from(vec![1.105]), to.clone());
        fails(Float64Array::from(vec![f64::NAN]), to);
    }

    #[test]
    fn times_keep_their_digits() {
        assert_eq!(
            Loss::of(&DataType::Timestamp(TimeUnit::Nanosecond, None), &MICROS),
            Loss::OfType
        );
        works(TimestampNanosecondArray::from(vec![1_000, -1_000]), MICROS);
        fails(TimestampNanosecondArray::from(vec![-1]), MICROS);
        works(
            StringArray::from(vec![Some("2024-01-01T00:00:00.123456"), None]),
            MICROS,
        );
        works(
            StringArray::from(vec!["9999-12-31T00:00:00.123456"]),
            MICROS,
        );
        let text = fails(
            StringArray::from(vec!["2024-01-01T00:00:00.1234567"]),
            MICROS,
        );
        assert!(text.contains("00.1234567 of type Utf8"), "{text}");
    }

    #[test]
    fn values_inside_of_others_count() {
        let list = |of: DataType| DataType::new_list(of, true);
        let of_type = Loss::of(
            &list(DataType::Timestamp(TimeUnit::Nanosecond, None)),
            &list(MICROS),
        );
        assert_eq!(of_type, Loss::OfType);
        let of_values = Loss::of(&list(DataType::Float64), &list(DataType::Int32));
        assert_eq!(of_values, Loss::OfValues);
    }
}
