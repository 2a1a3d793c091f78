// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature values: few distinct ones of each type, the awkward ones among them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::dice::Dice;
use super::times::{fit, unit, zone};
use crate::oracle::Value;

/// A feature's type.
pub(super) fn feature_type(dice: &mut Dice) -> DataType {
    let list = |of: DataType| DataType::List(Arc::new(Field::new("item", of, true)));
    match dice.within(0..=25) {
        0..=4 => DataType::Int64,
        5 => DataType::Int32,
        6 => dice
            .pick(&[
                DataType::Int8,
                DataType::Int16,
                DataType::UInt32,
                DataType::UInt64,
            ])
            .clone(),
        7..=10 => DataType::Float64,
        11 => DataType::Float32,
        12..=13 => DataType::Utf8,
        14 => dice
            .pick(&[DataType::LargeUtf8, DataType::Utf8View])
            .clone(),
        15..=16 => DataType::Boolean,
        17 => DataType::Decimal128(12, 3),
        18 => dice
            .pick(&[DataType::Date32, DataType::Binary, DataType::LargeBinary])
            .clone(),
        19 => DataType::Timestamp(unit(dice), zone(dice)),
        20 => list(DataType::Int64),
        21 => list(DataType::Float64),
        22 => DataType::Struct(pair()),
        23 => list(DataType::Struct(pair())),
        24 => list(DataType::Utf8),
        _ => map(),
    }
}

/// A tie-break column's type.
pub(super) fn tie_break_type(dice: &mut Dice) -> DataType {
    dice.pick(&[
        DataType::Int64,
        DataType::Int32,
        DataType::Utf8,
        DataType::Float64,
    ])
    .clone()
}

fn pair() -> Fields {
    let a = Field::new("a", DataType::Int32, true);
    Fields::from(vec![a, Field::new("b", DataType::Float64, true)])
}

fn map() -> DataType {
    let key = Field::new("key", DataType::Utf8, false);
    let entries = Fields::from(vec![key, Field::new("value", DataType::Int64, true)]);
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(entries), false)),
        false,
    )
}

/// The SQL name of a feature's type, where our statements have one.
pub(super) fn sql_type(data_type: &DataType) -> Option<String> {
    let sql = match data_type {
        DataType::Int64 | DataType::UInt64 | DataType::UInt32 => "BIGINT",
        DataType::Int32 | DataType::Int16 | DataType::Int8 => "INT",
        DataType::Float64 => "DOUBLE",
        DataType::Float32 => "REAL",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Boolean => "BOOLEAN",
        DataType::Decimal128(..) => "DECIMAL",
        DataType::Binary | DataType::LargeBinary => "BYTEA",
        DataType::Date32 => "DATE",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Struct(_) => "STRUCT",
        DataType::List(of) => return Some(format!("{}[]", sql_type(of.data_type())?)),
        _ => return None,
    };
    Some(sql.into())
}

/// A column of values with NULLs.
pub(super) fn cells(dice: &mut Dice, data_type: &DataType, rows: usize) -> Vec<Value> {
    let nulls = dice.null_share();
    // Often only two values, so that whole rows tie.
    let few = dice.percent(50);
    let pool: Vec<Value> = (0..if few { 2 } else { 6 })
        .map(|_| value(dice, data_type))
        .collect();
    let cell = |dice: &mut Dice| match dice.percent(nulls) {
        true => Value::Null,
        false => dice.pick(&pool).clone(),
    };
    (0..rows).map(|_| cell(dice)).collect()
}

const FLOATS: [f64; 9] = [
    0.0,
    -0.0,
    1.5,
    -1.5,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e-300,
    f64::MAX,
];
const TEXTS: [&str; 7] = [
    "",
    "a",
    "b",
    "ab",
    "ü",
    "\u{10ffff}",
    "a text longer than twelve bytes",
];

fn value(dice: &mut Dice, data_type: &DataType) -> Value {
    match data_type {
        DataType::Boolean => Value::Bool(dice.percent(50)),
        DataType::Int8 => Value::Int(*dice.pick(&[0, 1, -1, 127, -128])),
        DataType::UInt32 => Value::Int(*dice.pick(&[0, 1, 4_294_967_295])),
        DataType::UInt64 => Value::Int(*dice.pick(&[0, 1, u64::MAX.into()])),
        DataType::Int16 | DataType::Int32 => Value::Int(*dice.pick(&[0, 1, -1, 32_767, -32_768])),
        DataType::Int64 => Value::Int(*dice.pick(&[0, 1, 2, -1, i64::MAX.into(), i64::MIN.into()])),
        DataType::Float32 => Value::Float(f64::from(*dice.pick(&FLOATS) as f32)),
        DataType::Float64 => Value::Float(*dice.pick(&FLOATS)),
        DataType::Decimal128(_, scale) => {
            Value::Decimal(*dice.pick(&[0, 1, -1, 1_000, 999_999_999_999]), *scale)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Value::Str((*dice.pick(&TEXTS)).into())
        }
        DataType::Binary | DataType::LargeBinary => {
            Value::Bytes(dice.pick(&TEXTS).as_bytes().to_vec())
        }
        DataType::Date32 | DataType::Timestamp(..) => {
            let seconds: i128 = *dice.pick(&[0, -1, 86_400, 1_704_067_200]);
            fit(seconds * 1_000_000_000, data_type)
        }
        DataType::List(of) => {
            let length = dice.within(0..=3);
            Value::List((0..length).map(|_| or_null(dice, of.data_type())).collect())
        }
        DataType::Struct(fields) => {
            let part = |f: &Arc<Field>| (f.name().clone(), or_null(dice, f.data_type()));
            Value::Struct(fields.iter().map(part).collect())
        }
        DataType::Map(entries, _) => map_value(dice, entries.data_type()),
        _ => Value::Null,
    }
}

fn or_null(dice: &mut Dice, data_type: &DataType) -> Value {
    match dice.percent(20) {
        true => Value::Null,
        false => value(dice, data_type),
    }
}

fn map_value(dice: &mut Dice, entries: &DataType) -> Value {
    let DataType::Struct(fields) = entries else {
        return Value::Null;
    };
    let keys = dice.some(&["a", "b", "c"], 0);
    let entry = |key: &str| (Value::Str(key.into()), or_null(dice, fields[1].data_type()));
    Value::Map(keys.into_iter().map(entry).collect())
}
