// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The partition of a row as Iceberg's value.

use arrow::array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType, TimestampNanosecondType,
};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimeUnit};
use chrono::DateTime;
use iceberg::spec::{Literal, PrimitiveLiteral, PrimitiveType, Struct, StructType};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

/// The values of row `row` in the columns of a partition, of the types of `partition`.
pub(super) fn partition_of(
    columns: &[ArrayRef],
    row: usize,
    partition: &StructType,
) -> Result<Struct> {
    let values = columns
        .iter()
        .zip(partition.fields())
        .map(|(column, field)| {
            if column.is_null(row) || column.data_type() == &DataType::Null {
                return Ok(None);
            }
            let primitive = field.field_type.as_primitive_type();
                    match primitive.and_then(|primitive| value(column, row, primitive)) {
            Some(value) if primitive.is_some_and(|of| cannot_be_told(&value, of)) => {
                let text = format!(
                    "partition field '{}' would have the value {value:?} of type {}, which `iceberg` \
                     cannot put into a snapshot's summary: it is not supported",
                    field.name, field.field_type
                );
                Err(Error::new(ErrorKind::Unsupported, text))
            }
            Some(value) => Ok(Some(value)),
                None => {
                    let text = format!(
                        "partition field '{}' is of type {}, its values are of type {}",
                        field.name,
                        field.field_type,
                        column.data_type()
                    );
                    Err(Error::new(ErrorKind::Unsupported, text))
                }
            }
        });
    values.collect()
}

fn value(column: &ArrayRef, row: usize, primitive: &PrimitiveType) -> Option<Literal> {
    Some(match column.data_type() {
        DataType::Boolean => Literal::bool(column.as_boolean().value(row)),
        DataType::Int32 => Literal::int(column.as_primitive::<Int32Type>().value(row)),
        DataType::Date32 => Literal::date(column.as_primitive::<Date32Type>().value(row)),
        DataType::Int64 => Literal::long(column.as_primitive::<Int64Type>().value(row)),
        DataType::Time64(TimeUnit::Microsecond) => {
            Literal::long(column.as_primitive::<Time64MicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Literal::long(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Literal::long(column.as_primitive::<TimestampNanosecondType>().value(row))
        }
        DataType::Float32 => Literal::float(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Literal::double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            Literal::Primitive(PrimitiveLiteral::Int128(value))
        }
        DataType::Utf8 => Literal::string(column.as_string::<i32>().value(row)),
        DataType::LargeBinary => bytes(column.as_binary::<i64>().value(row)),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row)),
        DataType::FixedSizeBinary(_) => {
            let value = column.as_fixed_size_binary().value(row);
            match primitive {
                PrimitiveType::Uuid => Literal::uuid(Uuid::from_slice(value).ok()?),
                _ => bytes(value),
            }
        }
        _ => return None,
    })
}

/// Whether `iceberg` panics when it writes the value as text, as it does for every commit: times out
/// of the calendar, and parts of a second before 1970 with a zone.
fn cannot_be_told(value: &Literal, primitive: &PrimitiveType) -> bool {
    match (value, primitive) {
        (Literal::Primitive(PrimitiveLiteral::Int(days)), PrimitiveType::Date) => {
            DateTime::from_timestamp(i64::from(*days) * 86_400, 0).is_none()
        }
        (Literal::Primitive(PrimitiveLiteral::Long(at)), PrimitiveType::Timestamp) => {
            DateTime::from_timestamp_micros(*at).is_none()
        }
        (Literal::Primitive(PrimitiveLiteral::Long(at)), PrimitiveType::Timestamptz) => {
            at % 1_000_000 < 0 || DateTime::from_timestamp_micros(*at).is_none()
        }
        (Literal::Primitive(PrimitiveLiteral::Long(at)), PrimitiveType::TimestamptzNs) => {
            at % 1_000_000_000 < 0
        }
        _ => false,
    }
}

fn bytes(value: &[u8]) -> Literal {
    Literal::Primitive(PrimitiveLiteral::Binary(value.to_vec()))
}
