// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int32Array, Int64Array, LargeBinaryArray, StringArray,
    StringViewArray, StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Fields};
use serde_json::{Value, json};

use super::fixture::{Fixture, batch, by_equality, metadata, optional, stored};
use crate::deletes::EqualityDeletes;
use crate::error::ErrorKind;
use crate::plan::DeleteFile;
use crate::schema::key_columns;

const FILE: &str = "memory:///t/data/eq.parquet";

fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn table(columns: &[Value]) -> Fixture {
    Fixture::with(metadata(&[json!(columns)], &json!({})))
}

async fn sets(fixture: &Fixture, files: &[&Arc<DeleteFile>]) -> Vec<Arc<EqualityDeletes>> {
    fixture
        .loader()
        .equality(&by_equality(files))
        .await
        .unwrap()
}

fn kept(set: &EqualityDeletes, keys: &[ArrayRef], sequence: i64) -> Vec<bool> {
    let kept = set.keep(keys, sequence).unwrap();
    kept.iter().map(Option::unwrap).collect()
}

#[tokio::test]
async fn null_equals_null() {
    let fixture = table(&[optional(1, "a", "long"), optional(2, "b", "string")]);
    let columns = batch([
        (2, "b", strings(&[Some("x"), None, None])),
        (1, "a", longs(&[None, Some(1), None])),
        (9, "other", longs(&[Some(5), Some(5), Some(5)])),
    ]);
    let file = fixture.equality(FILE, &columns, &[2, 1], 3).await;
    let set = &sets(&fixture, &[&file]).await[0];
    assert_eq!(set.ids(), [1, 2]);
    let a = longs(&[None, Some(1), None, Some(1), None, Some(0)]);
    let b = strings(&[Some("x"), None, None, Some("x"), Some(""), None]);
    let keys = [a, b];
    assert_eq!(kept(set, &keys, 2), [false, false, false, true, true, true]);
}

#[tokio::test]
async fn only_what_is_older_is_deleted() {
    let fixture = table(&[optional(1, "a", "long")]);
    let key = |values: &[Option<i64>]| batch([(1, "a", longs(values))]);
    let old = fixture
        .equality("memory:///1", &key(&[Some(1), Some(2)]), &[1], 3)
        .await;
    let new = fixture
        .equality("memory:///2", &key(&[Some(2), Some(2)]), &[1], 5)
        .await;
    for order in [[&old, &new], [&new, &old]] {
        let set = &sets(&fixture, &order).await[0];
        let keys = [longs(&[Some(1), Some(2), Some(3)])];
        assert_eq!(kept(set, &keys, 2), [false, false, true]);
        assert_eq!(
            kept(set, &keys, 3),
            [true, false, true],
            "the same sequence is not older"
        );
        assert_eq!(kept(set, &keys, 4), [true, false, true]);
        assert_eq!(kept(set, &keys, 5), [true, true, true], "inserted again");
    }
}

#[tokio::test]
async fn sets_of_columns_and_partitions_are_apart() {
    let fixture = table(&[optional(1, "a", "long"), optional(2, "b", "long")]);
    let (a, b) = (
        batch([(1, "a", longs(&[Some(1)]))]),
        batch([(2, "b", longs(&[Some(1)]))]),
    );
    let by_a = fixture.equality("memory:///1", &a, &[1], 3).await;
    let by_b = fixture.equality("memory:///2", &b, &[2], 3).await;
    let here = fixture.in_partition(&by_a, 7);
    let there = fixture.in_partition(&by_a, 8);
    let loader = fixture.loader();
    let of = async |files: &[&Arc<DeleteFile>]| loader.equality(&by_equality(files)).await.unwrap();
    let all = of(&[&by_a, &by_b, &here, &there]).await;
    let mut ids: Vec<_> = all.iter().map(|set| set.ids().to_vec()).collect();
    ids.sort();
    assert_eq!(ids, [vec![1], vec![1], vec![1], vec![2]]);
    let everywhere = of(&[&by_a]).await;
    let here = of(&[&here]).await;
    assert!(!Arc::ptr_eq(&everywhere[0], &here[0]));
    assert!(
        all.iter().any(|set| Arc::ptr_eq(set, &here[0])),
        "shared by the scan"
    );
}

#[tokio::test]
async fn a_set_grows_with_the_files_that_ask() {
    let fixture = table(&[optional(1, "a", "long")]);
    let key = |value| batch([(1, "a", longs(&[Some(value)]))]);
    let one = fixture.equality("memory:///1", &key(1), &[1], 3).await;
    let two = fixture.equality("memory:///2", &key(2), &[1], 5).await;
    let loader = fixture.loader();
    let of = async |files: &[&Arc<DeleteFile>]| loader.equality(&by_equality(files)).await.unwrap();
    let newest = of(&[&two]).await;
    let keys = [longs(&[Some(1), Some(2)])];
    assert_eq!(kept(&newest[0], &keys, 4), [true, false]);
    let all = of(&[&one, &two]).await;
    assert!(Arc::ptr_eq(&newest[0], &all[0]));
    assert_eq!(kept(&all[0], &keys, 2), [false, false]);
    assert_eq!(
        kept(&newest[0], &keys, 4),
        [true, false],
        "more deletes, the same answer"
    );
}

#[tokio::test]
async fn promoted_keys_meet() {
    let schemas = [
        json!([
            optional(1, "i", "int"),
            optional(2, "f", "float"),
            optional(3, "d", "decimal(5,2)")
        ]),
        json!([
            optional(1, "i", "long"),
            optional(2, "f", "double"),
            optional(3, "d", "decimal(9,2)")
        ]),
    ];
    let fixture = Fixture::with(metadata(&schemas, &json!({})));
    let decimal = |precision| -> ArrayRef {
        let values = Decimal128Array::from(vec![Some(123), None]);
        Arc::new(values.with_precision_and_scale(precision, 2).unwrap())
    };
    let narrow_floats: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.5), None]));
    let wide_floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.5), None]));
    let narrow = [ints(&[Some(7), None]), narrow_floats, decimal(5)];
    let wide = [longs(&[Some(7), None]), wide_floats, decimal(9)];
    let columns = |arrays: &[ArrayRef; 3]| {
        let [i, f, d] = arrays.clone();
        batch([(1, "i", i), (2, "f", f), (3, "d", d)])
    };
    for (deletes, data) in [(&narrow, &wide), (&wide, &narrow), (&narrow, &narrow)] {
        let fixture = Fixture::with(Arc::clone(&fixture.metadata));
        let file = fixture
            .equality(FILE, &columns(deletes), &[1, 2, 3], 3)
            .await;
        let set = &sets(&fixture, &[&file]).await[0];
        assert_eq!(kept(set, data, 1), [false, false]);
    }
}

#[tokio::test]
async fn floats_compare_as_their_writers_do() {
    let fixture = table(&[optional(1, "x", "double")]);
    let floats = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let other_nan = f64::from_bits(0xFFF8_0000_0000_0001);
    assert!(other_nan.is_nan());
    let file = batch([(1, "x", floats(&[f64::NAN, 0.0]))]);
    let file = fixture.equality(FILE, &file, &[1], 3).await;
    let set = &sets(&fixture, &[&file]).await[0];
    let data = [floats(&[other_nan, -0.0, 0.0, 1.0, f64::INFINITY])];
    assert_eq!(kept(set, &data, 1), [false, true, false, true, true]);
}

#[tokio::test]
async fn keys_of_every_primitive_type() {
    let bytes: [&[u8]; 2] = [b"abcd", b"wxyz"];
    let uuid = FixedSizeBinaryArray::try_from_iter([[7_u8; 16], [8_u8; 16]].into_iter()).unwrap();
    let fixed = FixedSizeBinaryArray::try_from_iter(bytes.into_iter()).unwrap();
    let zoned = TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("+00:00");
    let utc = TimestampMicrosecondArray::from(vec![1, 2]).with_timezone("UTC");
    let cases: Vec<(&str, ArrayRef, ArrayRef)> = vec![
        (
            "boolean",
            Arc::new(BooleanArray::from(vec![true, false])),
            Arc::new(BooleanArray::from(vec![true, false])),
        ),
        ("int", ints(&[Some(1), Some(2)]), ints(&[Some(1), Some(2)])),
        (
            "date",
            Arc::new(Date32Array::from(vec![1, 2])),
            Arc::new(Date32Array::from(vec![1, 2])),
        ),
        (
            "time",
            Arc::new(Time64MicrosecondArray::from(vec![1, 2])),
            Arc::new(Time64MicrosecondArray::from(vec![1, 2])),
        ),
        (
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from(vec![1, 2])),
            Arc::new(TimestampMicrosecondArray::from(vec![1, 2])),
        ),
        ("timestamptz", Arc::new(zoned), Arc::new(utc)),
        (
            "string",
            strings(&[Some("a"), Some("")]),
            Arc::new(StringViewArray::from(vec!["a", ""])),
        ),
        (
            "binary",
            Arc::new(LargeBinaryArray::from(bytes.to_vec())),
            Arc::new(LargeBinaryArray::from(bytes.to_vec())),
        ),
        ("fixed[4]", Arc::new(fixed.clone()), Arc::new(fixed)),
        ("uuid", Arc::new(uuid.clone()), Arc::new(uuid)),
    ];
    for (kind, stored, read) in cases {
        let fixture = table(&[optional(1, "k", kind)]);
        let file = fixture
            .equality(FILE, &batch([(1, "k", stored.slice(0, 1))]), &[1], 3)
            .await;
        let set = &sets(&fixture, &[&file]).await[0];
        assert_eq!(kept(set, &[read], 1), [false, true], "{kind}");
    }
    let fixture = table(&[optional(1, "k", "string")]);
    let file = batch([(1, "k", strings(&[Some("a"), None]))]);
    let file = fixture.equality(FILE, &file, &[1], 3).await;
    let set = &sets(&fixture, &[&file]).await[0];
    let words = strings(&[Some("a"), Some("b"), None]);
    let kind = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    assert_eq!(
        kept(set, &[cast(&words, &kind).unwrap()], 1),
        [false, true, false]
    );
    let absent = new_null_array(&DataType::Null, 2);
    assert_eq!(kept(set, &[absent], 1), [false, false]);
}

/// A struct `s` (id 1) with a field `x` (id 2) in a struct `i` (id 3).
fn nested() -> Value {
    json!({"id": 1, "name": "s", "required": false, "type": {"type": "struct", "fields": [
        {"id": 3, "name": "i", "required": false, "type": {"type": "struct", "fields": [
            optional(4, "y", "long"), optional(2, "x", "long")
        ]}}
    ]}})
}

/// Rows of `nested`, where the first is NULL at the top and the second inside.
fn nested_rows(ids: bool) -> ArrayRef {
    let id = |id| if ids { id } else { 0 };
    let x = stored(id(2), "x", DataType::Int64);
    let inner = StructArray::new(
        Fields::from(vec![x]),
        vec![longs(&[Some(1), Some(2), Some(3)])],
        Some(NullBuffer::from(vec![true, false, true])),
    );
    let i = stored(id(3), "i", inner.data_type().clone());
    let nulls = Some(NullBuffer::from(vec![false, true, true]));
    Arc::new(StructArray::new(
        Fields::from(vec![i]),
        vec![Arc::new(inner)],
        nulls,
    ))
}

#[tokio::test]
async fn fields_of_structs_are_keys() {
    for ids in [true, false] {
        let fixture = table(&[nested()]);
        let id = if ids { 1 } else { 0 };
        let rows = batch([(id, "s", nested_rows(ids))]);
        let two = fixture
            .equality("memory:///2", &rows.slice(1, 2), &[2], 3)
            .await;
        let three = fixture
            .equality("memory:///3", &rows.slice(2, 1), &[2], 3)
            .await;
        let keys = [longs(&[None, Some(1), Some(2), Some(3)])];
        assert_eq!(
            kept(&sets(&fixture, &[&two]).await[0], &keys, 1),
            [false, true, true, false]
        );
        assert_eq!(
            kept(&sets(&fixture, &[&three]).await[0], &keys, 1),
            [true, true, true, false]
        );
    }
}

#[tokio::test]
async fn files_without_ids_go_by_mapping_then_by_name() {
    let mapping = json!([{"field-id": 1, "names": ["old_a"]}]).to_string();
    let properties = json!({"schema.name-mapping.default": mapping});
    for (properties, column) in [
        (properties.clone(), "old_a"),
        (properties, "a"),
        (json!({}), "a"),
    ] {
        let schema = json!([optional(2, "b", "long"), optional(1, "a", "long")]);
        let fixture = Fixture::with(metadata(&[schema], &properties));
        let file = batch([(0, "b", longs(&[Some(9)])), (0, column, longs(&[Some(1)]))]);
        let file = fixture.equality(FILE, &file, &[1], 3).await;
        let set = &sets(&fixture, &[&file]).await[0];
        assert_eq!(
            kept(set, &[longs(&[Some(1), Some(9)])], 1),
            [false, true],
            "{column}"
        );
    }
}

#[tokio::test]
async fn dropped_columns_have_their_last_type() {
    let schemas = [
        json!([optional(1, "a", "int"), optional(2, "b", "int")]),
        json!([optional(1, "a", "int"), optional(2, "b", "long")]),
        json!([optional(1, "a", "long"), optional(5, "b#2", "long")]),
    ];
    let fixture = Fixture::with(metadata(&schemas, &json!({})));
    let file = batch([(2, "b", ints(&[Some(4)]))]);
    let file = fixture.equality(FILE, &file, &[2], 3).await;
    let set = &sets(&fixture, &[&file]).await[0];
    assert_eq!(kept(set, &[longs(&[Some(4), None])], 1), [false, true]);
    let columns = key_columns(&fixture.metadata, [2, 1]).unwrap();
    assert_eq!(columns[0].field.name(), "b#2#", "a name that no column has");
    for column in columns {
        assert!(column.field.is_nullable());
        assert_eq!(column.field.data_type(), &DataType::Int64);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused_by_name() {
    let list = json!({"id": 3, "name": "l", "required": false, "type":
        {"type": "list", "element-id": 4, "element": "long", "element-required": false}});
    let fixture = table(&[optional(1, "a", "long"), nested_as(7), list]);
    let rows = batch([(1, "a", longs(&[Some(1)]))]);
    for (ids, kind, found) in [
        (&[1, 2][..], ErrorKind::Damaged, "field id 2"),
        (&[][..], ErrorKind::Damaged, "no equality ids"),
        (
            &[7][..],
            ErrorKind::Unsupported,
            "column s (field id 7) is a struct",
        ),
        (&[4][..], ErrorKind::Unsupported, "inside a list or map"),
        (&[8][..], ErrorKind::Damaged, "no column s.x (field id 8)"),
    ] {
        let file = fixture.equality(FILE, &rows, ids, 3).await;
        let error = fixture
            .loader()
            .equality(&by_equality(&[&file]))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        for named in [found, "ns.t", "snapshot 77"] {
            assert!(text.contains(named), "{named}: {text}");
        }
    }
    let wrong = fixture
        .equality(FILE, &batch([(1, "a", strings(&[Some("1")]))]), &[1], 3)
        .await;
    let error = fixture
        .loader()
        .equality(&by_equality(&[&wrong]))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains(FILE) && error.contains("Utf8"), "{error}");
}

fn nested_as(id: i32) -> Value {
    json!({"id": id, "name": "s", "required": false, "type": {"type": "struct", "fields": [
        optional(8, "x", "long")
    ]}})
}
