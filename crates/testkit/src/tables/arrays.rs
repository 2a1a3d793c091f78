// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Values as Arrow arrays.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    FixedSizeBinaryArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray,
    LargeStringArray, ListArray, MapArray, RecordBatch, StringArray, StringViewArray, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Fields, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

use super::datum::Datum;
use super::types::{Field, Type};

/// Rows of `fields` as a batch of an Arrow schema with the same columns in the same order.
pub fn batch(
    schema: &SchemaRef,
    fields: &[Field],
    rows: &[Vec<Datum>],
) -> Result<RecordBatch, ArrowError> {
    if schema.fields().len() != fields.len() {
        return Err(unfit(&format!("{} columns", fields.len()), schema));
    }
    let column = |(at, field): (usize, &Field)| {
        let values: Vec<&Datum> = rows.iter().map(|row| &row[at]).collect();
        array(&values, &field.ty, schema.field(at).data_type())
    };
    let columns = fields.iter().enumerate().map(column);
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

/// Values of a type in an array of an Arrow type that holds it.
pub(super) fn array(
    values: &[&Datum],
    ty: &Type,
    arrow: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let ints = || values.iter().map(|value| int(value));
    Ok(match arrow {
        DataType::Boolean => {
            let bools = values.iter().map(|value| match value {
                Datum::Bool(value) => Some(*value),
                _ => None,
            });
            Arc::new(bools.collect::<BooleanArray>())
        }
        DataType::Int32 => Arc::new(ints().map(narrow).collect::<Int32Array>()),
        DataType::Int64 => Arc::new(ints().collect::<Int64Array>()),
        DataType::Date32 => Arc::new(ints().map(narrow).collect::<Date32Array>()),
        DataType::Time64(TimeUnit::Microsecond) => {
            Arc::new(ints().collect::<Time64MicrosecondArray>())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let array = ints().collect::<TimestampMicrosecondArray>();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let array = ints().collect::<TimestampNanosecondArray>();
            Arc::new(array.with_timezone_opt(zone.clone()))
        }
        DataType::Float32 => {
            let floats = values.iter().map(|value| match value {
                Datum::Float(value) => Some(*value),
                _ => None,
            });
            Arc::new(floats.collect::<Float32Array>())
        }
        DataType::Float64 => {
            let floats = values.iter().map(|value| match value {
                Datum::Double(value) => Some(*value),
                _ => None,
            });
            Arc::new(floats.collect::<Float64Array>())
        }
        DataType::Decimal128(precision, scale) => {
            let decimals = values.iter().map(|value| match value {
                Datum::Decimal(value) => Some(*value),
                _ => None,
            });
            let array = decimals.collect::<Decimal128Array>();
            Arc::new(array.with_precision_and_scale(*precision, *scale)?)
        }
        _ => variable(values, ty, arrow)?,
    })
}

fn variable(values: &[&Datum], ty: &Type, arrow: &DataType) -> Result<ArrayRef, ArrowError> {
    let texts = || values.iter().map(|value| text(value));
    let bytes = || values.iter().map(|value| bytes(value));
    Ok(match (arrow, ty) {
        (DataType::Utf8, _) => Arc::new(texts().collect::<StringArray>()),
        (DataType::LargeUtf8, _) => Arc::new(texts().collect::<LargeStringArray>()),
        (DataType::Utf8View, _) => Arc::new(texts().collect::<StringViewArray>()),
        (DataType::Binary, _) => Arc::new(bytes().collect::<BinaryArray>()),
        (DataType::LargeBinary, _) => Arc::new(bytes().collect::<LargeBinaryArray>()),
        (DataType::BinaryView, _) => Arc::new(bytes().collect::<BinaryViewArray>()),
        (DataType::FixedSizeBinary(length), _) => Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes(), *length)?,
        ),
        (DataType::Struct(shown), Type::Struct(fields)) => {
            Arc::new(structs(values, fields, shown)?)
        }
        (DataType::List(shown), Type::List(element)) => {
            let items = values.iter().map(|value| match value {
                Datum::List(items) => items.iter().collect(),
                _ => Vec::new(),
            });
            let items: Vec<Vec<&Datum>> = items.collect();
            let offsets = OffsetBuffer::from_lengths(items.iter().map(Vec::len));
            let flat: Vec<&Datum> = items.into_iter().flatten().collect();
            let flat = array(&flat, &element.ty, shown.data_type())?;
            let list = ListArray::try_new(Arc::clone(shown), offsets, flat, nulls(values))?;
            Arc::new(list)
        }
        (DataType::Map(shown, ordered), Type::Map(key, value)) => {
            let entries = values.iter().map(|value| match value {
                Datum::Map(entries) => entries.iter().collect(),
                _ => Vec::new(),
            });
            let entries: Vec<Vec<&(Datum, Datum)>> = entries.collect();
            let offsets = OffsetBuffer::from_lengths(entries.iter().map(Vec::len));
            let (keys, held): (Vec<&Datum>, Vec<&Datum>) =
                entries.into_iter().flatten().map(|(k, v)| (k, v)).unzip();
            let DataType::Struct(pair) = shown.data_type() else {
                return Err(unfit(&ty.to_string(), arrow));
            };
            let keys = array(&keys, &key.ty, pair[0].data_type())?;
            let held = array(&held, &value.ty, pair[1].data_type())?;
            let pairs = StructArray::try_new(pair.clone(), vec![keys, held], None)?;
            let shown = Arc::clone(shown);
            Arc::new(MapArray::try_new(
                shown,
                offsets,
                pairs,
                nulls(values),
                *ordered,
            )?)
        }
        _ => return Err(unfit(&ty.to_string(), arrow)),
    })
}

fn structs(values: &[&Datum], fields: &[Field], shown: &Fields) -> Result<StructArray, ArrowError> {
    let column = |(field, shown): (&Field, &Arc<arrow::datatypes::Field>)| {
        let inside = values
            .iter()
            .map(|v| v.inside(field.id).unwrap_or(&Datum::Null));
        array(&inside.collect::<Vec<_>>(), &field.ty, shown.data_type())
    };
    let columns = fields.iter().zip(shown).map(column);
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    if columns.is_empty() {
        return Ok(StructArray::new_empty_fields(values.len(), nulls(values)));
    }
    StructArray::try_new(shown.clone(), columns, nulls(values))
}

fn nulls(values: &[&Datum]) -> Option<NullBuffer> {
    let nulls = NullBuffer::from_iter(values.iter().map(|value| !value.is_null()));
    (nulls.null_count() > 0).then_some(nulls)
}

fn int(value: &Datum) -> Option<i64> {
    match value {
        Datum::Int(value) => Some(*value),
        _ => None,
    }
}

fn narrow(value: Option<i64>) -> Option<i32> {
    value.and_then(|value| i32::try_from(value).ok())
}

fn text(value: &Datum) -> Option<&str> {
    match value {
        Datum::Text(value) => Some(value),
        _ => None,
    }
}

fn bytes(value: &Datum) -> Option<&[u8]> {
    match value {
        Datum::Bytes(value) => Some(value),
        _ => None,
    }
}

fn unfit(ty: &str, arrow: &dyn std::fmt::Debug) -> ArrowError {
    ArrowError::InvalidArgumentError(format!("{ty} does not fit into {arrow:?}"))
}

/// Whether an Arrow type is one that holds values of a type: of any layout, with any name of a zone.
pub fn holds(arrow: &DataType, ty: &Type) -> bool {
    match (arrow, ty) {
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, Type::Text) => true,
        (DataType::Binary | DataType::LargeBinary | DataType::BinaryView, Type::Binary) => true,
        (DataType::Timestamp(unit, Some(_)), Type::Timestamptz) => *unit == TimeUnit::Microsecond,
        (DataType::Timestamp(unit, Some(_)), Type::TimestamptzNs) => *unit == TimeUnit::Nanosecond,
        (DataType::Struct(shown), Type::Struct(fields)) => {
            let mut pairs = shown.iter().zip(fields);
            shown.len() == fields.len()
                && pairs.all(|(s, f)| s.name() == &f.name && holds(s.data_type(), &f.ty))
        }
        (DataType::List(shown), Type::List(element)) => holds(shown.data_type(), &element.ty),
        (DataType::Map(shown, _), Type::Map(key, value)) => match shown.data_type() {
            DataType::Struct(pair) => {
                holds(pair[0].data_type(), &key.ty) && holds(pair[1].data_type(), &value.ty)
            }
            _ => false,
        },
        (arrow, ty) => *arrow == ty.arrow(false),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;

    #[test]
    fn nested_values_become_nested_arrays() {
        let ty = Type::Map(
            Box::new(Field::required(2, "key", Type::Text)),
            Box::new(Field::optional(
                3,
                "value",
                Type::Struct(vec![Field::optional(4, "x", Type::Int)]),
            )),
        );
        let entry = Datum::Struct(vec![(4, Datum::Int(7))]);
        let map = Datum::Map(vec![
            (Datum::Text("a".into()), entry),
            (Datum::Text("b".into()), Datum::Null),
        ]);
        let made = array(&[&map, &Datum::Null], &ty, &ty.arrow(true)).unwrap();
        assert_eq!(made.len(), 2);
        assert!(made.is_null(1));
        assert!(holds(made.data_type(), &ty));
    }
}
