// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Decodes partition tuples.

use iceberg::spec::{
    Literal, PartitionField, PartitionSpec, PrimitiveLiteral, PrimitiveType, Struct, Transform,
    Type,
};

use super::avro::{Cursor, damaged};
use super::avro_type::{AvroField, AvroType, Logical};
use super::entry_columns::ColumnTypes;
use crate::error::Result;

/// Reads the partition tuples of a manifest in the order of its spec's fields.
pub(super) struct TupleReader {
    /// For each written field, where it belongs.
    places: Vec<Option<usize>>,
    fields: Vec<SpecField>,
}

struct SpecField {
    name: String,
    /// None when the column that it is made from is not known any more, or its transform is not.
    value_type: Option<PrimitiveType>,
}

impl TupleReader {
    pub(super) fn try_new(
        written: &[AvroField],
        spec: &PartitionSpec,
        types: &ColumnTypes,
    ) -> Result<Self> {
        let place = |field: &AvroField| {
            let is_it = |f: &PartitionField| match field.id {
                Some(id) => f.field_id == id,
                None => f.name == field.name,
            };
            spec.fields().iter().position(is_it)
        };
        let places: Vec<_> = written.iter().map(place).collect();
        for (index, field) in spec.fields().iter().enumerate() {
            let nothing = field.transform == Transform::Void;
            if !nothing && !places.contains(&Some(index)) {
                return Err(damaged(format!(
                    "the manifest has no values of partition field {} (id {}) of partition spec {}",
                    field.name,
                    field.field_id,
                    spec.spec_id()
                )));
            }
        }
        let field = |field: &PartitionField| SpecField {
            name: field.name.clone(),
            value_type: value_type(field, types),
        };
        let fields = spec.fields().iter().map(field).collect();
        Ok(Self { places, fields })
    }

    pub(super) fn read(&self, avro_type: &AvroType, cursor: &mut Cursor<'_>) -> Result<Struct> {
        let mut values: Vec<Option<Literal>> = vec![None; self.fields.len()];
        if let Some(AvroType::Record(written)) = avro_type.written(cursor)? {
            for (field, place) in written.iter().zip(&self.places) {
                let Some(place) = place else {
                    field.avro_type.skip(cursor)?;
                    continue;
                };
                let spec = &self.fields[*place];
                let Some(avro_type) = field.avro_type.written(cursor)? else {
                    continue;
                };
                let value = value(avro_type, spec.value_type.as_ref(), cursor)?;
                values[*place] = Some(value.ok_or_else(|| {
                    damaged(format!(
                        "a value of partition field {} is written as {avro_type:?}, which is not \
                         of its type {:?}",
                        spec.name, spec.value_type
                    ))
                })?);
            }
        }
        Ok(Struct::from_iter(values))
    }
}

fn value_type(field: &PartitionField, types: &ColumnTypes) -> Option<PrimitiveType> {
    // What such a transform gives is as it is written.
    if field.transform == Transform::Unknown {
        return None;
    }
    let source = types.get(&field.source_id)?;
    let result = field
        .transform
        .result_type(&Type::Primitive(source.clone()))
        .ok()?;
    result.as_primitive_type().cloned()
}

/// A value in the literal type of `target`, into which the column may have been widened since.
fn value(
    avro_type: &AvroType,
    target: Option<&PrimitiveType>,
    cursor: &mut Cursor<'_>,
) -> Result<Option<Literal>> {
    use PrimitiveType as T;
    Ok(match avro_type {
        AvroType::Boolean => Some(Literal::bool(cursor.boolean()?)),
        AvroType::Int | AvroType::Long | AvroType::Enum => {
            let number = cursor.long()?;
            let long = match target {
                Some(T::Int | T::Date) => false,
                Some(_) => true,
                None => *avro_type == AvroType::Long,
            };
            if long {
                Some(Literal::long(number))
            } else {
                i32::try_from(number).ok().map(Literal::int)
            }
        }
        AvroType::Float => {
            let number = cursor.float()?;
            Some(match target {
                Some(T::Double) => Literal::double(f64::from(number)),
                _ => Literal::float(number),
            })
        }
        AvroType::Double => Some(Literal::double(cursor.double()?)),
        AvroType::String => text_or_bytes(cursor.bytes()?, target, Some(&T::String)),
        AvroType::Bytes(logical) => {
            text_or_bytes(cursor.bytes()?, target, implied(*logical).as_ref())
        }
        AvroType::Fixed(length, logical) => {
            text_or_bytes(cursor.take(*length)?, target, implied(*logical).as_ref())
        }
        _ => None,
    })
}

/// What a logical type says where the column's type is not known.
fn implied(logical: Logical) -> Option<PrimitiveType> {
    match logical {
        Logical::Decimal => Some(PrimitiveType::Decimal {
            precision: 38,
            scale: 0,
        }),
        Logical::Uuid => Some(PrimitiveType::Uuid),
        Logical::None => None,
    }
}

fn text_or_bytes(
    bytes: &[u8],
    target: Option<&PrimitiveType>,
    implied: Option<&PrimitiveType>,
) -> Option<Literal> {
    Some(match target.or(implied) {
        Some(PrimitiveType::String) => Literal::string(std::str::from_utf8(bytes).ok()?),
        Some(PrimitiveType::Uuid) => {
            let bytes: [u8; 16] = match bytes.try_into() {
                Ok(bytes) => bytes,
                Err(_) => uuid::Uuid::try_parse_ascii(bytes).ok()?.into_bytes(),
            };
            Literal::Primitive(PrimitiveLiteral::UInt128(u128::from_be_bytes(bytes)))
        }
        Some(PrimitiveType::Decimal { .. }) => {
            Literal::Primitive(PrimitiveLiteral::Int128(big_endian(bytes)?))
        }
        Some(PrimitiveType::Binary | PrimitiveType::Fixed(_)) | None => {
            Literal::Primitive(PrimitiveLiteral::Binary(bytes.to_vec()))
        }
        Some(_) => return None,
    })
}

/// A number in two's complement, of at most 16 bytes that count.
pub(super) fn big_endian(bytes: &[u8]) -> Option<i128> {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let skipped = bytes.len().saturating_sub(16);
    if bytes[..skipped].iter().any(|byte| *byte != fill) {
        return None;
    }
    let mut number = [fill; 16];
    let kept = &bytes[skipped..];
    number[16 - kept.len()..].copy_from_slice(kept);
    let number = i128::from_be_bytes(number);
    ((number < 0) == negative).then_some(number)
}
