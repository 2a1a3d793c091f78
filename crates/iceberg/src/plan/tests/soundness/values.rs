// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Values at the edges of what transforms and bounds tell apart, for every primitive type.

use std::sync::Arc;

use datafusion::common::ScalarValue as S;
use iceberg::spec::PrimitiveType as T;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

const INT32: [i32; 15] = [
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
const INT64: [i64; 12] = [
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
const FLOATS: [f64; 9] = [
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
const DECIMALS: [i128; 7] = [-100_000, -150, -1, 0, 1, 150, 999_999];
const DATES: [i32; 9] = [-366, -32, -1, 0, 1, 30, 31, 365, 19_000];
const TICKS: [i64; 14] = [
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
const TEXTS: [&str; 20] = [
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
const BYTES: [&[u8]; 9] = [
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
const PAIRS: [[u8; 2]; 5] = [[0, 0], [0, 255], [127, 1], [128, 0], [255, 255]];
const HALVES: [(u64, u64); 6] = [
    (0, 1),
    (0, u64::MAX),
    (7, 1 << 63),
    (7, 3),
    (1 << 63, 0),
    (u64::MAX, 5),
];

/// A name, a type and its values.
pub(super) type Values = (&'static str, T, Vec<S>);

/// The values of every type.
pub(super) fn values() -> Vec<Values> {
    let decimal = T::Decimal {
        precision: 9,
        scale: 2,
    };
    let zone: Option<Arc<str>> = Some("UTC".into());
    vec![
        (
            "flag",
            T::Boolean,
            all([true, false], |v| S::Boolean(Some(v))),
        ),
        ("i", T::Int, all(INT32, |v| S::Int32(Some(v)))),
        ("l", T::Long, all(INT64, |v| S::Int64(Some(v)))),
        ("f", T::Float, all(FLOATS, |v| S::Float32(Some(v as f32)))),
        ("d", T::Double, all(FLOATS, |v| S::Float64(Some(v)))),
        (
            "dec",
            decimal,
            all(DECIMALS, |v| S::Decimal128(Some(v), 9, 2)),
        ),
        ("day", T::Date, all(DATES, |v| S::Date32(Some(v)))),
        (
            "t",
            T::Time,
            all([0, 1, HOUR, DAY - 1], |v| S::Time64Microsecond(Some(v))),
        ),
        (
            "ts",
            T::Timestamp,
            all(TICKS, |v| S::TimestampMicrosecond(Some(v), None)),
        ),
        (
            "tz",
            T::Timestamptz,
            all(TICKS, |v| S::TimestampMicrosecond(Some(v), zone.clone())),
        ),
        (
            "ns",
            T::TimestampNs,
            all(TICKS, |v| S::TimestampNanosecond(Some(v * 1_000 + 7), None)),
        ),
        ("s", T::String, all(TEXTS, |v| S::Utf8(Some(v.to_string())))),
        (
            "b",
            T::Binary,
            all(BYTES, |v| S::LargeBinary(Some(v.to_vec()))),
        ),
        (
            "x",
            T::Fixed(2),
            all(PAIRS, |v| S::FixedSizeBinary(2, Some(v.to_vec()))),
        ),
        ("u", T::Uuid, all(HALVES, uuid)),
    ]
}

fn all<V>(values: impl IntoIterator<Item = V>, scalar: impl Fn(V) -> S) -> Vec<S> {
    values.into_iter().map(scalar).collect()
}

fn uuid((first, second): (u64, u64)) -> S {
    let bytes = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
    S::FixedSizeBinary(16, Some(bytes.to_vec()))
}
