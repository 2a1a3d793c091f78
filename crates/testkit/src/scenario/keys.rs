// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys: few distinct values, of one family of types on both sides.

use arrow::datatypes::DataType;

use super::dice::Dice;
use super::times::{fit, unit, zone};
use crate::oracle::Value;

/// A key that entity rows and views share.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// The key's name, which is its entity's join key.
    pub(super) name: String,
    /// The name of its entity.
    pub(super) entity: String,
    family: Family,
    pool: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Integer,
    Text,
    Bytes,
    Uuid,
    Date,
    Decimal,
    Time,
}

const INTEGERS: [DataType; 8] = [
    DataType::Int64,
    DataType::Int32,
    DataType::Int16,
    DataType::Int8,
    DataType::UInt64,
    DataType::UInt32,
    DataType::UInt16,
    DataType::UInt8,
];

impl Domain {
    pub(super) fn draw(dice: &mut Dice, number: usize) -> Self {
        let family = dice.weighted(&[
            (40, Family::Integer),
            (25, Family::Text),
            (8, Family::Bytes),
            (7, Family::Uuid),
            (6, Family::Date),
            (7, Family::Decimal),
            (7, Family::Time),
        ]);
        let mut pool = dice.some(&candidates(family), 1);
        pool.truncate(5);
        let name = match dice.within(0..=5) {
            0 => format!("Key {number}"),
            _ => format!("k{number}"),
        };
        Self {
            entity: format!("e_{number}"),
            name,
            family,
            pool,
        }
    }

    /// The SQL type that the entity is declared with; sometimes left to the source.
    pub(super) fn sql_type(&self, dice: &mut Dice) -> Option<String> {
        let sql = match self.family {
            Family::Integer => "BIGINT",
            Family::Text => "VARCHAR",
            Family::Bytes | Family::Uuid | Family::Date | Family::Decimal | Family::Time => {
                return None;
            }
        };
        dice.percent(50).then(|| sql.into())
    }

    /// A type that a column of this key can have.
    pub(super) fn column_type(&self, dice: &mut Dice) -> DataType {
        match self.family {
            Family::Integer if dice.percent(45) => DataType::Int64,
            Family::Integer => dice.pick(&INTEGERS).clone(),
            Family::Text => dice
                .pick(&[DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View])
                .clone(),
            Family::Bytes => dice
                .pick(&[
                    DataType::Binary,
                    DataType::LargeBinary,
                    DataType::BinaryView,
                ])
                .clone(),
            Family::Uuid => DataType::FixedSizeBinary(16),
            Family::Date => DataType::Date32,
            Family::Decimal => dice.weighted(&[
                (70, DataType::Decimal128(10, 2)),
                (20, DataType::Decimal128(18, 2)),
                (10, DataType::Decimal128(20, 4)),
            ]),
            Family::Time => DataType::Timestamp(unit(dice), zone(dice)),
        }
    }

    /// A column of keys with NULLs.
    pub(super) fn cells(&self, dice: &mut Dice, data_type: &DataType, rows: usize) -> Vec<Value> {
        let nulls = dice.weighted(&[(55, 0), (35, 10), (10, 40)]);
        let fitting: Vec<Value> = self
            .pool
            .iter()
            .filter_map(|v| fitted(v, data_type))
            .collect();
        let cell = |dice: &mut Dice| match dice.percent(nulls) || fitting.is_empty() {
            true => Value::Null,
            false => dice.pick(&fitting).clone(),
        };
        (0..rows).map(|_| cell(dice)).collect()
    }
}

fn candidates(family: Family) -> Vec<Value> {
    let int = |v: i128| Value::Int(v);
    let text = |v: &str| Value::Str(v.into());
    let bytes = |v: &[u8]| Value::Bytes(v.into());
    match family {
        Family::Integer => [
            0,
            1,
            2,
            3,
            7,
            -1,
            127,
            -128,
            255,
            256,
            65_535,
            2_147_483_648,
        ]
        .into_iter()
        .chain([
            i64::MIN.into(),
            i64::MAX.into(),
            u64::MAX.into(),
            (i64::MAX as i128) + 1,
        ])
        .map(int)
        .collect(),
        Family::Text => [
            "",
            "a",
            "b",
            "A",
            "aa",
            "é",
            "a longer text than twelve bytes",
            "1",
            "01",
            "a\0",
        ]
        .into_iter()
        .map(text)
        .collect(),
        Family::Bytes => {
            let long: &[u8] = b"0123456789abcdef";
            let all: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"a", b"\xff", long];
            all.into_iter().map(bytes).collect()
        }
        Family::Uuid => (0..6_u8).map(|i| bytes(&[i; 16])).collect(),
        Family::Date => [0, 1, -1, 19_723, 19_724]
            .into_iter()
            .map(Value::Date)
            .collect(),
        Family::Decimal => [0, 1, -1, 100, 150, 99_999_999]
            .into_iter()
            .map(|v| Value::Decimal(v, 2))
            .collect(),
        // The last two do not fit nanoseconds.
        Family::Time => [
            0,
            1,
            -1,
            1_704_067_200,
            1_704_067_201,
            -62_135_596_800,
            253_402_300_799,
        ]
        .into_iter()
        .map(|seconds: i128| Value::Instant(seconds * 1_000_000_000))
        .collect(),
    }
}

/// The value in a column of a type, if the type can hold it.
fn fitted(value: &Value, data_type: &DataType) -> Option<Value> {
    let within = |v: i128, least: i128, greatest: i128| {
        (least..=greatest).contains(&v).then(|| value.clone())
    };
    match (value, data_type) {
        (Value::Int(v), DataType::Int8) => within(*v, i8::MIN.into(), i8::MAX.into()),
        (Value::Int(v), DataType::Int16) => within(*v, i16::MIN.into(), i16::MAX.into()),
        (Value::Int(v), DataType::Int32) => within(*v, i32::MIN.into(), i32::MAX.into()),
        (Value::Int(v), DataType::Int64) => within(*v, i64::MIN.into(), i64::MAX.into()),
        (Value::Int(v), DataType::UInt8) => within(*v, 0, u8::MAX.into()),
        (Value::Int(v), DataType::UInt16) => within(*v, 0, u16::MAX.into()),
        (Value::Int(v), DataType::UInt32) => within(*v, 0, u32::MAX.into()),
        (Value::Int(v), DataType::UInt64) => within(*v, 0, u64::MAX.into()),
        (Value::Decimal(v, scale), DataType::Decimal128(_, to)) => {
            let factor = 10_i128.pow(u32::try_from(to - scale).ok()?);
            Some(Value::Decimal(v * factor, *to))
        }
        (Value::Instant(v), DataType::Timestamp(..)) => Some(fit(*v, data_type)),
        _ => Some(value.clone()),
    }
}
