// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random values. Domains are small, so that keys meet, and have the edges that readers trip over.

use crate::dice::Dice;
use crate::tables::datum::Datum;
use crate::tables::types::{Field, Type};

const DAY: i64 = 86_400_000_000;

const TEXTS: [&str; 12] = [
    "",
    "a",
    "b",
    "B",
    "ab",
    "ä",
    "z\u{10ffff}",
    "\u{d7ff}x",
    "🦀",
    "the same sixteen characters and one",
    "the same sixteen characters and two",
    "the same sixteen\u{10ffff}\u{10ffff}",
];

const FLOATS: [f32; 10] = [
    0.0,
    -0.0,
    1.5,
    -1.5,
    2.0,
    3.25,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
];

/// The values of a row of `columns`.
pub(super) fn row(dice: &mut Dice, columns: &[Field], null_shares: &[u32]) -> Vec<Datum> {
    let columns = columns.iter().zip(null_shares);
    columns
        .map(|(column, share)| value(dice, column, *share))
        .collect()
}

/// A value of a field; so many of a hundred are NULL, if the field allows it.
pub(super) fn value(dice: &mut Dice, field: &Field, null_share: u32) -> Datum {
    if !field.required && dice.percent(null_share) {
        return Datum::Null;
    }
    match &field.ty {
        Type::Struct(fields) => {
            let inside = fields
                .iter()
                .map(|field| (field.id, value(dice, field, 20)));
            Datum::Struct(inside.collect())
        }
        Type::List(element) => {
            let count = dice.within(0..=3);
            Datum::List((0..count).map(|_| value(dice, element, 20)).collect())
        }
        Type::Map(key, held) => {
            let mut entries: Vec<(Datum, Datum)> = Vec::new();
            for _ in 0..dice.within(0..=2) {
                let key = value(dice, key, 0);
                if !entries.iter().any(|(known, _)| known.same(&key)) {
                    entries.push((key, value(dice, held, 20)));
                }
            }
            Datum::Map(entries)
        }
        primitive => self::primitive(dice, primitive),
    }
}

/// A value of a primitive type.
pub(super) fn primitive(dice: &mut Dice, ty: &Type) -> Datum {
    let edge = dice.percent(4);
    match ty {
        Type::Boolean => Datum::Bool(dice.percent(50)),
        Type::Int if edge => Datum::Int(*dice.pick(&[i32::MIN.into(), i32::MAX.into()])),
        Type::Long if edge => Datum::Int(*dice.pick(&[i64::MIN, i64::MAX])),
        Type::Int | Type::Long => Datum::Int(dice.within(0..=8) as i64 - 2),
        Type::Float => Datum::Float(*dice.pick(&FLOATS)),
        Type::Double => Datum::Double((*dice.pick(&FLOATS)).into()),
        Type::Decimal(precision, _) if edge => {
            let greatest = 10_i128.pow((*precision).into()) - 1;
            Datum::Decimal(*dice.pick(&[greatest, -greatest]))
        }
        Type::Decimal(..) => Datum::Decimal(*dice.pick(&[0, 1, -1, 20, 127, 128, -128, -129])),
        Type::Date => Datum::Int(*dice.pick(&[-366, -1, 0, 1, 364, 365, 19_000, 19_001, 19_032])),
        Type::Time => Datum::Int(*dice.pick(&[0, 1, DAY / 2, DAY - 1])),
        Type::Timestamp | Type::Timestamptz => Datum::Int(instant(dice)),
        Type::TimestampNs | Type::TimestamptzNs => {
            Datum::Int(instant(dice) * 1000 + *dice.pick(&[0, 1, 999]))
        }
        Type::Text => Datum::Text((*dice.pick(&TEXTS)).to_owned()),
        Type::Uuid => bytes(dice, 16),
        Type::Fixed(length) => bytes(dice, *length),
        _ => {
            let length = *dice.pick(&[0, 1, 2, 5]);
            bytes(dice, length)
        }
    }
}

fn instant(dice: &mut Dice) -> i64 {
    let day = *dice.pick(&[-366, -1, 0, 1, 19_000, 19_001, 19_031]);
    let within = *dice.pick(&[0, 1, 3_599_999_999, 3_600_000_000, DAY - 1]);
    day * DAY + within
}

fn bytes(dice: &mut Dice, length: usize) -> Datum {
    Datum::Bytes(
        (0..length)
            .map(|_| *dice.pick(&[0, 1, 0x7f, 0x80, 0xff]))
            .collect(),
    )
}
