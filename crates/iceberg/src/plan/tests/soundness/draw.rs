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

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn uuid(first: u64, second: u64) -> S {
    let bytes = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
    S::FixedSizeBinary(16, Some(bytes.to_vec()))
}

/// One column of each primitive type.
pub(super) fn columns() -> Vec<Column> {
    let ticks = [
        -400 * DAY,
        -DAY - 1,
        -DAY,
        -HOUR,
        -1,
        0,
        1,
        HOUR - 1,
        HOUR,
        DAY - 1,
        DAY,
        40 * DAY,
        800 * DAY + 5 * HOUR,
        1_700_000_000_123_456,
    ];
    let texts = [
        "",
        "a",
        "ab",
        "ab%c",
        "ab%d",
        "abc",
        "abcd",
        "abcdefgh",
        "abé",
        "ab\u{10FFFF}",
        "ab\u{D7FF}",
        "b",
        "foo%bar",
        "foo\\bar",
        "foo_bar",
        "fooa",
        "ü",
        "日本語テキスト",
        "zz",
        "\u{10FFFF}\u{10FFFF}",
    ];
    let bytes: [&[u8]; 9] = [
        &[],
        &[0],
        &[0, 255],
        &[1, 2, 3],
        &[1, 2, 3, 4, 5, 6],
        &[127],
        &[128],
        &[255],
        &[255, 255, 255],
    ];
    let int32 = [
        i32::MIN + 20,
        -100,
        -11,
        -10,
        -9,
        -1,
        0,
        1,
        5,
        9,
        10,
        11,
        34,
        100,
        i32::MAX,
    ];
    let int64 = [
        i64::MIN + 20,
        -5_000_000_000,
        -11,
        -10,
        -1,
        0,
        1,
        9,
        10,
        34,
        35,
        i64::MAX,
    ];
    let floats = [
        -f64::INFINITY,
        -1.5,
        -0.0,
        0.0,
        0.5,
        1.5,
        2.5,
        f64::INFINITY,
        f64::NAN,
    ];
    let zone: Option<Arc<str>> = Some("UTC".into());
    let decimal = |digits: [i128; 7]| digits.map(|v| S::Decimal128(Some(v), 9, 2)).to_vec();
    let numbered: Vec<(&'static str, T, Vec<S>)> = vec![
        (
            "flag",
            T::Boolean,
            [true, false].map(|v| S::Boolean(Some(v))).to_vec(),
        ),
        ("i", T::Int, int32.map(|v| S::Int32(Some(v))).to_vec()),
        ("l", T::Long, int64.map(|v| S::Int64(Some(v))).to_vec()),
        (
            "f",
            T::Float,
            floats.map(|v| S::Float32(Some(v as f32))).to_vec(),
        ),
        ("d", T::Double, floats.map(|v| S::Float64(Some(v))).to_vec()),
        (
            "dec",
            T::Decimal {
                precision: 9,
                scale: 2,
            },
            decimal([-100_000, -150, -1, 0, 1, 150, 999_999]),
        ),
        (
            "day",
            T::Date,
            [-366, -32, -1, 0, 1, 30, 31, 365, 19_000]
                .map(|v| S::Date32(Some(v)))
                .to_vec(),
        ),
        (
            "t",
            T::Time,
            [0, 1, HOUR, DAY - 1]
                .map(|v| S::Time64Microsecond(Some(v)))
                .to_vec(),
        ),
        (
            "ts",
            T::Timestamp,
            ticks
                .map(|v| S::TimestampMicrosecond(Some(v), None))
                .to_vec(),
        ),
        (
            "tz",
            T::Timestamptz,
            ticks
                .map(|v| S::TimestampMicrosecond(Some(v), zone.clone()))
                .to_vec(),
        ),
        (
            "ns",
            T::TimestampNs,
            ticks
                .map(|v| S::TimestampNanosecond(Some(v * 1_000 + 7), None))
                .to_vec(),
        ),
        (
            "s",
            T::String,
            texts.map(|v| S::Utf8(Some(v.to_string()))).to_vec(),
        ),
        (
            "b",
            T::Binary,
            bytes.map(|v| S::LargeBinary(Some(v.to_vec()))).to_vec(),
        ),
        (
            "x",
            T::Fixed(2),
            [[0, 0], [0, 255], [127, 1], [128, 0], [255, 255]]
                .map(|v: [u8; 2]| S::FixedSizeBinary(2, Some(v.to_vec())))
                .to_vec(),
        ),
        (
            "u",
            T::Uuid,
            vec![
                uuid(0, 1),
                uuid(0, u64::MAX),
                uuid(7, 1 << 63),
                uuid(7, 3),
                uuid(1 << 63, 0),
                uuid(u64::MAX, 5),
            ],
        ),
    ];
    let ids = (1..).zip(numbered);
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
