// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns with values at the edges of what transforms and bounds tell apart.

use std::sync::Arc;

use datafusion::common::ScalarValue as S;
use iceberg::spec::{
    Datum, NestedField, PartitionSpec, PrimitiveType as T, Schema, Transform, Type,
    UnboundPartitionField,
};
use iceberg::transform::create_transform_function;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::values::values;

/// A column and the values that are drawn for it.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) id: i32,
    pub(super) name: &'static str,
    pub(super) primitive: T,
    pub(super) values: Vec<S>,
    pub(super) null: S,
}

impl Column {
    pub(super) fn value(&self, random: &mut StdRng) -> S {
        self.values.choose(random).unwrap().clone()
    }

    /// Some of the values, and perhaps NULL.
    pub(super) fn pool(&self, random: &mut StdRng) -> Vec<S> {
        let count = random.random_range(1..7);
        let mut pool: Vec<_> = (0..count).map(|_| self.value(random)).collect();
        match random.random_range(0..6) {
            0 => pool.push(self.null.clone()),
            1 => pool = vec![self.null.clone()],
            _ => {}
        }
        if random.random_range(0..10) == 0 {
            pool.swap_remove(0);
            pool.insert(0, self.null.clone());
        }
        pool
    }
}

/// One column of each primitive type.
pub(super) fn columns() -> Vec<Column> {
    let ids = (1..).zip(values());
    ids.map(|(id, (name, primitive, values))| Column {
        id,
        name,
        primitive,
        null: S::try_new_null(&values[0].data_type()).unwrap(),
        values,
    })
    .collect()
}

pub(super) fn iceberg_schema(columns: &[Column]) -> Arc<Schema> {
    let field = |column: &Column| {
        let primitive = Type::Primitive(column.primitive.clone());
        Arc::new(NestedField::optional(column.id, column.name, primitive))
    };
    let fields = columns.iter().map(field);
    Arc::new(Schema::builder().with_fields(fields).build().unwrap())
}

/// Up to three partition fields.
pub(super) fn draw_spec(
    random: &mut StdRng,
    columns: &[Column],
    schema: &Arc<Schema>,
) -> PartitionSpec {
    let mut fields = Vec::new();
    for number in 0..random.random_range(0..4) {
        let column = columns.choose(random).unwrap();
        let transform = *[
            Transform::Identity,
            Transform::Bucket(4),
            Transform::Truncate(2),
            Transform::Truncate(10),
            Transform::Year,
            Transform::Month,
            Transform::Day,
            Transform::Hour,
            Transform::Void,
        ]
        .choose(random)
        .unwrap();
        let source = Type::Primitive(column.primitive.clone());
        let known = transform.result_type(&source).is_ok()
            && create_transform_function(&transform).is_ok()
            // The core crate does not write these.
            && !(transform == Transform::Identity && column.primitive == T::Uuid)
            && !(matches!(transform, Transform::Truncate(_)) && column.primitive == T::Binary);
        if known {
            fields.push(UnboundPartitionField {
                source_id: column.id,
                field_id: None,
                name: format!("p{number}"),
                transform,
            });
        }
    }
    let builder = PartitionSpec::builder(Arc::clone(schema));
    match builder.add_unbound_fields(fields).and_then(|b| b.build()) {
        Ok(spec) => spec,
        // Two fields of one source and transform.
        Err(_) => PartitionSpec::builder(Arc::clone(schema)).build().unwrap(),
    }
}

/// A value as Iceberg has it.
pub(super) fn datum(value: &S, primitive: &T) -> Option<Datum> {
    let bytes = match value {
        S::Boolean(Some(v)) => vec![u8::from(*v)],
        S::Int32(Some(v)) | S::Date32(Some(v)) => v.to_le_bytes().to_vec(),
        S::Int64(Some(v))
        | S::Time64Microsecond(Some(v))
        | S::TimestampMicrosecond(Some(v), _)
        | S::TimestampNanosecond(Some(v), _) => v.to_le_bytes().to_vec(),
        S::Float32(Some(v)) => v.to_le_bytes().to_vec(),
        S::Float64(Some(v)) => v.to_le_bytes().to_vec(),
        S::Decimal128(Some(v), ..) => v.to_be_bytes().to_vec(),
        S::Utf8(Some(v)) => v.clone().into_bytes(),
        S::LargeBinary(Some(v)) | S::FixedSizeBinary(_, Some(v)) => v.clone(),
        _ => return None,
    };
    Some(Datum::try_from_bytes(&bytes, primitive.clone()).unwrap())
}

/// The partition value of a value.
pub(super) fn transformed(transform: Transform, column: &Column, value: &S) -> Option<Datum> {
    let datum = datum(value, &column.primitive)?;
    // The core crate counts nanoseconds before 1970 towards it.
    let datum = match (&column.primitive, value) {
        (T::TimestampNs, S::TimestampNanosecond(Some(v), _))
            if transform != Transform::Identity =>
        {
            Datum::timestamp_micros(v.div_euclid(1_000))
        }
        _ => datum,
    };
    let function = create_transform_function(&transform).unwrap();
    function.transform_literal(&datum).unwrap()
}
