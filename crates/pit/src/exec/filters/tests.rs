// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! For every two types of keys: no row whose key the entity side has is filtered out.

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, FixedSizeBinaryArray, Int64Array, RecordBatch,
    StringArray, TimestampSecondArray,
};
use arrow::compute::cast;
use datafusion::execution::memory_pool::{MemoryConsumer, UnboundedMemoryPool};

use super::*;
use crate::exec::key_set::KeySet;
use crate::exec::task::EndOnDrop;
use crate::kernel::time::Times;
use crate::key_type::key_type;
use crate::spec::{PitFeature, PitKey, PitSpec, PitView};

/// A column and what each of its values is, as text that equal values of all types share.
type Column = (ArrayRef, Vec<Option<String>>);

fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    let texts = cast(column, &DataType::Utf8).unwrap();
    let texts = texts.as_string::<i32>().iter();
    texts.map(|text| text.map(str::to_owned)).collect()
}

/// The values of `wide` that this type holds.
fn narrowed(wide: &ArrayRef, data_type: &DataType) -> Column {
    let column = cast(wide, data_type).unwrap();
    let back = texts(&cast(&column, wide.data_type()).unwrap());
    let kept = texts(wide).into_iter().zip(back);
    let kept: Vec<_> = kept
        .map(|(a, b)| a.filter(|a| Some(a) == b.as_ref()))
        .collect();
    let rows = kept.iter().map(Option::is_some).collect::<Vec<_>>();
    let column = arrow::compute::filter(&column, &rows.into()).unwrap();
    (column, kept.into_iter().filter(Option::is_some).collect())
}

fn numbers() -> Vec<Column> {
    let texts = StringArray::from(vec![
        "0",
        "1",
        "-1",
        "127",
        "-128",
        "128",
        "255",
        "300",
        "-300",
        "65535",
        "65536",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "0.5",
        "-0.5",
        "1.25",
        "99999999.99",
        "0.0001",
    ]);
    let wide = Arc::new(texts) as ArrayRef;
    let wide = cast(&wide, &DataType::Decimal256(70, 8)).unwrap();
    let types = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Decimal128(10, 2),
        DataType::Decimal128(38, 0),
        DataType::Decimal64(18, 1),
        DataType::Decimal256(60, 4),
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Int32)),
    ];
    types.iter().map(|t| narrowed(&wide, t)).collect()
}

fn days() -> Vec<Column> {
    const DAY: i64 = 86_400_000;
    let far = 1 << 32;
    let days = [
        0,
        1,
        -1,
        19_723,
        i64::from(i32::MAX),
        i64::from(i32::MIN),
        far,
        -far,
        far + 1,
    ];
    let millis = days.into_iter().map(|day| day * DAY);
    let millis = millis.chain([DAY / 2, -DAY / 2, i64::MAX, i64::MIN]);
    let wide = Arc::new(Int64Array::from_iter_values(millis)) as ArrayRef;
    let whole = |millis: i64| i32::try_from(millis / DAY).is_ok_and(|_| millis % DAY == 0);
    let numbers = wide.as_primitive::<arrow::datatypes::Int64Type>();
    let whole = numbers.iter().flatten().filter(|millis| whole(*millis));
    let whole = Arc::new(Int64Array::from_iter_values(whole)) as ArrayRef;
    let date64 = |millis: &ArrayRef| cast(millis, &DataType::Date64).unwrap();
    vec![
        (date64(&wide), texts(&wide)),
        (
            cast(&date64(&whole), &DataType::Date32).unwrap(),
            texts(&whole),
        ),
    ]
}

fn instants() -> Vec<Column> {
    let mut columns = Vec::new();
    for (unit, nanos) in [
        (TimeUnit::Second, 1_000_000_000_i128),
        (TimeUnit::Millisecond, 1_000_000),
        (TimeUnit::Microsecond, 1_000),
        (TimeUnit::Nanosecond, 1),
    ] {
        for zone in [None, Some("UTC"), Some("+02:00")] {
            let all = [
                0,
                1_000_000_000,
                -1_000_000_000,
                1_500_000_000,
                -1,
                1,
                1_001_000,
            ];
            let ends = [i64::MIN, i64::MIN + 1, i64::MAX].map(i128::from);
            let ends = ends
                .into_iter()
                .flat_map(|end| [end, end * 1_000, end * 1_000_000_000]);
            let held = all
                .into_iter()
                .chain(ends)
                .filter(|instant| instant % nanos == 0);
            let held = held.filter_map(|instant| i64::try_from(instant / nanos).ok());
            let held = held.collect::<Vec<_>>();
            let told = held
                .iter()
                .map(|value| (i128::from(*value) * nanos).to_string());
            let told = told.map(Some).collect();
            let column = Arc::new(Int64Array::from(held)) as ArrayRef;
            let data_type = DataType::Timestamp(unit, zone.map(Into::into));
            columns.push((cast(&column, &data_type).unwrap(), told));
        }
    }
    columns
}

fn words() -> Vec<Column> {
    let words = [
        "",
        "a",
        "A",
        "1",
        "a word of more than twelve bytes",
        "\u{e9}",
    ];
    let wide = Arc::new(StringArray::from(words.to_vec())) as ArrayRef;
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let types = [
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        dictionary,
    ];
    types.iter().map(|t| narrowed(&wide, t)).collect()
}

fn bytes() -> Vec<Column> {
    let words = vec!["", "a", "b", "0123456789abcdef", "fedcba9876543210"];
    let wide = Arc::new(StringArray::from(words)) as ArrayRef;
    let types = [
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
    ];
    let mut columns: Vec<_> = types.iter().map(|t| narrowed(&wide, t)).collect();
    let long = ["0123456789abcdef", "fedcba9876543210"];
    let fixed = FixedSizeBinaryArray::try_from_iter(long.iter().map(|word| word.as_bytes()));
    let told = long.map(|word| Some(word.to_owned())).to_vec();
    columns.push((Arc::new(fixed.unwrap()), told));
    columns
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Which rows of the view the filter leaves when these are the entity side's keys; by their list and range, and by range alone.
fn left(entity: &ArrayRef, view: &ArrayRef) -> [Vec<bool>; 2] {
    let times = |n| Arc::new(TimestampSecondArray::from(vec![5; n])) as ArrayRef;
    let entities = rows(vec![
        ("key", Arc::clone(entity)),
        ("time", times(entity.len())),
    ]);
    let view_rows = rows(vec![("key", Arc::clone(view)), ("at", times(view.len()))]);
    let key = || "key".to_owned();
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![PitView {
            name: "stats".to_owned(),
            keys: vec![PitKey {
                entity: key(),
                view: key(),
            }],
            event_time: "at".to_owned(),
            created_time: None,
            tie_break: vec![],
            ttl: None,
            created_cutoff: false,
            features: vec![PitFeature {
                column: key(),
                output: "v".to_owned(),
            }],
            provenance: None,
        }],
    };
    let schema = view_rows.schema();
    let plan = ViewPlan::try_new(&spec.views[0], &spec, &entities.schema(), &schema).unwrap();
    let pool: Arc<dyn datafusion::execution::memory_pool::MemoryPool> =
        Arc::new(UnboundedMemoryPool::default());
    let reservation = MemoryConsumer::new("test").register(&pool);
    let here = EndOnDrop::default();
    let entity_times = [Times::try_new(entities.column(1), "").unwrap()];
    let batches = [entities];
    let set = KeySet::build(
        plan.key_set(),
        &batches,
        &entity_times,
        &reservation,
        &here.signal(),
    );
    let mut bounds = set.unwrap().bounds;
    [true, false].map(|listed| {
        if !listed {
            bounds.keys[0].listed.clear();
        }
        let filter = necessary(&plan, &schema, &bounds);
        let passes = filter.evaluate(&view_rows).unwrap();
        let passes = passes.into_array(view_rows.num_rows()).unwrap();
        passes
            .as_boolean()
            .iter()
            .map(|passes| passes == Some(true))
            .collect()
    })
}

#[test]
fn no_row_with_a_key_of_the_entity_side_is_lost() {
    let (mut pairs, mut left_out) = (0, 0);
    for family in [numbers(), days(), instants(), words(), bytes()] {
        for (entity, keys) in &family {
            for (view, view_keys) in &family {
                let (from, to) = (entity.data_type(), view.data_type());
                assert!(key_type("e", from, "v", to).is_ok(), "{from} and {to}");
                pairs += 1;
                // All keys at once; each by itself; each beside the first.
                let one = |at: usize| entity.slice(at, 1);
                let two = |at: usize| arrow::compute::concat(&[&one(0), &one(at)]).unwrap();
                let asked = (0..entity.len()).flat_map(|at| {
                    let of = |places: &[usize]| places.iter().map(|p| &keys[*p]).collect();
                    [(one(at), of(&[at])), (two(at), of(&[0, at]))]
                });
                let all = (Arc::clone(entity), keys.iter().collect::<Vec<_>>());
                for (asked, keys) in asked.chain([all]) {
                    for passes in left(&asked, view) {
                        for (key, passes) in view_keys.iter().zip(passes) {
                            assert!(
                                passes || !keys.contains(&key),
                                "{from} {keys:?} against {to}: {key:?} is filtered out"
                            );
                            left_out += usize::from(!passes);
                        }
                    }
                }
            }
        }
    }
    assert!(
        pairs > 300 && left_out > 10_000,
        "{pairs} pairs, {left_out} left out"
    );
}

#[test]
fn a_row_that_its_own_type_does_not_hold_is_not_lost() {
    let view = Decimal128Array::from(vec![5_000, 7]).with_data_type(DataType::Decimal128(3, 0));
    let entity = Arc::new(Int64Array::from(vec![5_000, 7])) as ArrayRef;
    for passes in left(&entity, &(Arc::new(view) as ArrayRef)) {
        assert_eq!(passes, [true, true]);
    }
}
