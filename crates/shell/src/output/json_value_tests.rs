// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::sync::Arc;

use arrow::array::{
    BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    Decimal256Array, DictionaryArray, DurationMicrosecondArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int32Array,
    Int64Array, IntervalMonthDayNanoArray, LargeBinaryArray, LargeListArray, LargeStringArray,
    ListArray, ListViewArray, MapArray, NullArray, RunArray, StringArray, StringViewArray,
    StructArray, Time32MillisecondArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Field, Fields, IntervalMonthDayNano, UnionFields, i256};

use super::*;

fn values(array: impl Array + 'static) -> Vec<String> {
    let array: ArrayRef = Arc::new(array);
    let encode = encoder(&array).unwrap();
    (0..array.len())
        .map(|row| {
            let mut out = Vec::new();
            encode(row, &mut out).unwrap();
            // Whatever is written must be JSON.
            let _: serde_json::Value = serde_json::from_slice(&out).unwrap();
            String::from_utf8(out).unwrap()
        })
        .collect()
}

#[test]
fn integers_are_exact() {
    assert_eq!(
        values(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None])),
        ["-9223372036854775808", "9223372036854775807", "null"]
    );
    assert_eq!(
        values(UInt64Array::from(vec![u64::MAX])),
        ["18446744073709551615"]
    );
    assert_eq!(values(Int8Array::from(vec![-128])), ["-128"]);
    assert_eq!(
        values(BooleanArray::from(vec![Some(true), Some(false), None])),
        ["true", "false", "null"]
    );
    assert_eq!(values(NullArray::new(1)), ["null"]);
}

#[test]
fn floats_round_trip_and_the_rest_are_strings() {
    assert_eq!(
        values(Float64Array::from(vec![
            0.1,
            1.0,
            -0.0,
            1e300,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY
        ])),
        [
            "0.1",
            "1.0",
            "-0.0",
            "1e+300",
            "\"NaN\"",
            "\"Infinity\"",
            "\"-Infinity\""
        ]
    );
    assert_eq!(
        values(Float32Array::from(vec![0.1_f32, f32::NAN])),
        ["0.1", "\"NaN\""]
    );
    let half = Float16Array::from_iter_values([
        <Float16Type as ArrowPrimitiveType>::Native::from_f32(1.5),
        <Float16Type as ArrowPrimitiveType>::Native::INFINITY,
    ]);
    assert_eq!(values(half), ["1.5", "\"Infinity\""]);
}

#[test]
fn decimals_are_strings() {
    let narrow = Decimal128Array::from(vec![Some(12_345), Some(-5), None])
        .with_precision_and_scale(20, 3)
        .unwrap();
    assert_eq!(values(narrow), ["\"12.345\"", "\"-0.005\"", "null"]);
    let wide = Decimal256Array::from(vec![i256::from_i128(i128::MAX)])
        .with_precision_and_scale(76, 0)
        .unwrap();
    assert_eq!(
        values(wide),
        ["\"170141183460469231731687303715884105727\""]
    );
}

#[test]
fn text_and_bytes() {
    assert_eq!(
        values(StringArray::from(vec!["a\"b", "é"])),
        ["\"a\\\"b\"", "\"é\""]
    );
    assert_eq!(values(LargeStringArray::from(vec!["x"])), ["\"x\""]);
    assert_eq!(
        values(StringViewArray::from(vec!["x\u{1}"])),
        ["\"x\\u0001\""]
    );
    let bytes: &[u8] = &[0, 10, 255];
    assert_eq!(values(BinaryArray::from(vec![bytes])), ["\"000aff\""]);
    assert_eq!(values(LargeBinaryArray::from(vec![bytes])), ["\"000aff\""]);
    assert_eq!(values(BinaryViewArray::from(vec![bytes])), ["\"000aff\""]);
    let fixed = FixedSizeBinaryArray::try_from_iter([vec![1_u8, 2]].into_iter()).unwrap();
    assert_eq!(values(fixed), ["\"0102\""]);
}

#[test]
fn dates_times_and_timestamps() {
    assert_eq!(values(Date32Array::from(vec![20_454])), ["\"2026-01-01\""]);
    assert_eq!(values(Date64Array::from(vec![-1])), ["\"1969-12-31\""]);
    assert_eq!(
        values(Time32MillisecondArray::from(vec![1_001])),
        ["\"00:00:01.001000\""]
    );
    assert_eq!(
        values(Time64NanosecondArray::from(vec![7])),
        ["\"00:00:00.000000007\""]
    );
    let micros = 1_767_225_600_000_001;
    let naive = TimestampMicrosecondArray::from(vec![Some(micros), None]);
    assert_eq!(
        values(naive.clone()),
        ["\"2026-01-01T00:00:00.000001\"", "null"]
    );
    assert_eq!(
        values(naive.with_timezone("Asia/Tokyo")),
        ["\"2026-01-01T00:00:00.000001Z\"", "null"]
    );
    assert_eq!(
        values(TimestampMillisecondArray::from(vec![1])),
        ["\"1970-01-01T00:00:00.001000\""]
    );
    assert_eq!(
        values(TimestampNanosecondArray::from(vec![1]).with_timezone("UTC")),
        ["\"1970-01-01T00:00:00.000000001Z\""]
    );
}

#[test]
fn spans_of_time_are_text() {
    for text in values(DurationMicrosecondArray::from(vec![90_000_000])) {
        assert!(text.starts_with('"'), "{text}");
    }
    for text in values(IntervalMonthDayNanoArray::from(vec![
        IntervalMonthDayNano::new(1, 2, 3),
    ])) {
        assert!(text.contains("1 mon"), "{text}");
    }
}

#[test]
fn lists_of_every_layout() {
    let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let expected = ["[1,null]", "[3]"];
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0_i32, 2, 3]));
    let list = ListArray::new(Arc::clone(&item), offsets, Arc::clone(&ints), None);
    assert_eq!(values(list.slice(1, 1)), ["[3]"]);
    assert_eq!(values(list), expected);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0_i64, 2, 3]));
    let large = LargeListArray::new(Arc::clone(&item), offsets, Arc::clone(&ints), None);
    assert_eq!(values(large), expected);
    let view = ListViewArray::new(
        Arc::clone(&item),
        ScalarBuffer::from(vec![0, 2]),
        ScalarBuffer::from(vec![2, 1]),
        Arc::clone(&ints),
        None,
    );
    assert_eq!(values(view), expected);
    let fixed = FixedSizeListArray::new(item, 1, ints, None);
    assert_eq!(values(fixed.slice(1, 2)), ["[null]", "[3]"]);
    assert_eq!(values(fixed), ["[1]", "[null]", "[3]"]);
}

#[test]
fn structs_maps_and_unions() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("y")]));
    let fields = Fields::from(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("s", DataType::Utf8, true),
    ]);
    let nulls = arrow::buffer::NullBuffer::from(vec![true, false]);
    let structs = StructArray::new(
        fields,
        vec![Arc::clone(&numbers), Arc::clone(&names)],
        Some(nulls),
    );
    assert_eq!(values(structs), ["{\"n\":1,\"s\":\"x\"}", "null"]);

    for (keys, expected) in [
        (names, "{\"x\":1,\"y\":null}"),
        (
            Arc::new(Int32Array::from(vec![7, 8])) as ArrayRef,
            "{\"7\":1,\"8\":null}",
        ),
    ] {
        let entries = StructArray::new(
            Fields::from(vec![
                Field::new("keys", keys.data_type().clone(), false),
                Field::new("values", DataType::Int32, true),
            ]),
            vec![keys, Arc::clone(&numbers)],
            None,
        );
        let entry = Arc::new(Field::new("entries", entries.data_type().clone(), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0_i32, 2]));
        assert_eq!(
            values(MapArray::new(entry, offsets, entries, None, false)),
            [expected]
        );
    }

    let fields = UnionFields::from_fields(vec![
        Field::new("n", DataType::Int32, true),
        Field::new("b", DataType::Boolean, true),
    ]);
    let children: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![5])),
        Arc::new(BooleanArray::from(vec![true])),
    ];
    let ids = ScalarBuffer::from(vec![1_i8, 0]);
    let offsets = ScalarBuffer::from(vec![0_i32, 0]);
    let union = UnionArray::try_new(fields, ids, Some(offsets), children).unwrap();
    assert_eq!(values(union), ["true", "5"]);
}

#[test]
fn encoded_arrays_give_their_values() {
    let words: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b"), Some("a")]
        .into_iter()
        .collect();
    assert_eq!(values(words), ["\"a\"", "null", "\"b\"", "\"a\""]);
    let empty: DictionaryArray<Int8Type> = vec![None::<&str>, None].into_iter().collect();
    assert_eq!(values(empty), ["null", "null"]);
    let run: RunArray<Int32Type> = vec![Some("a"), Some("a"), None].into_iter().collect();
    assert_eq!(values(run.slice(1, 2)), ["\"a\"", "null"]);
}
