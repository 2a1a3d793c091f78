// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys that are instants: in any two units, up to the ends of their ranges, equal instants meet and no others do.

use arrow::array::{AsArray, DictionaryArray, Int8Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int8Type, Int64Type, TimeUnit};

use super::partitioned::optimized;
use super::*;
use crate::exec::PitJoinMode;

const UNITS: [(TimeUnit, i128); 4] = [
    (TimeUnit::Second, 1_000_000_000),
    (TimeUnit::Millisecond, 1_000_000),
    (TimeUnit::Microsecond, 1_000),
    (TimeUnit::Nanosecond, 1),
];

/// Numbers near the ends of the range, and around zero.
const NUMBERS: [i64; 9] = [
    i64::MIN,
    i64::MIN + 1,
    -62_135_596_800,
    -1,
    0,
    1,
    253_402_300_800,
    i64::MAX - 1,
    i64::MAX,
];

/// What a unit can hold of these numbers in any unit.
fn held(nanos: i128) -> Vec<i64> {
    let instants = UNITS
        .iter()
        .flat_map(|(_, unit)| NUMBERS.map(|number| i128::from(number) * unit));
    let exact = instants.filter(|instant| instant % nanos == 0);
    let mut held: Vec<_> = exact
        .filter_map(|instant| i64::try_from(instant / nanos).ok())
        .collect();
    held.sort_unstable();
    held.dedup();
    held
}

/// A column of these numbers; an arrow cast from numbers looks at no calendar.
fn column_of(numbers: &[Option<i64>], unit: TimeUnit, zone: Option<&str>) -> ArrayRef {
    let numbers = Arc::new(Int64Array::from(numbers.to_vec())) as ArrayRef;
    cast(&numbers, &DataType::Timestamp(unit, zone.map(Into::into))).unwrap()
}

/// The same column, each value once, in a dictionary.
fn in_dictionary(column: &ArrayRef) -> ArrayRef {
    let keys = Int8Array::from_iter_values(0..column.len() as i8);
    let dictionary = DictionaryArray::<Int8Type>::try_new(keys, Arc::clone(column));
    Arc::new(dictionary.unwrap())
}

/// Asks for every key of one side against a row of each key of the other, whose `v` is its number among them.
async fn asked(
    context: &SessionContext,
    (entity, rows): (&ArrayRef, &ArrayRef),
    mode: PitJoinMode,
    composite: bool,
) -> Vec<Option<i64>> {
    let ones = |n: usize| Arc::new(Int64Array::from(vec![1; n])) as ArrayRef;
    let numbers = |n: usize| Arc::new(Int64Array::from_iter_values(0..n as i64)) as ArrayRef;
    let (e, r) = (entity.len(), rows.len());
    let entities = batch(vec![
        ("key", Arc::clone(entity)),
        ("other", ones(e)),
        ("row", numbers(e)),
        ("time", times(&vec![Some(5); e])),
    ]);
    let rows = batch(vec![
        ("key", Arc::clone(rows)),
        ("other", ones(r)),
        ("at", times(&vec![Some(5); r])),
        ("v", numbers(r)),
    ]);
    let key = |name: &str| PitKey {
        entity: name.to_owned(),
        view: name.to_owned(),
    };
    let names: &[&str] = if composite {
        &["other", "key"]
    } else {
        &["key"]
    };
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![PitView {
            keys: names.iter().map(|name| key(name)).collect(),
            created_time: None,
            ..view(None)
        }],
    };
    let halves = |b: &RecordBatch| {
        let half = b.num_rows() / 2;
        vec![
            vec![b.slice(0, half)],
            vec![b.slice(half, b.num_rows() - half)],
        ]
    };
    let entity = scan(context, halves(&entities)).await;
    let input = scan(context, halves(&rows)).await;
    let spec = Arc::new(spec);
    let join = PitJoinExec::try_new_with_mode(entity, vec![input], spec, mode).unwrap();
    let plan = optimized(Arc::new(join), &context.copied_config());
    let answer = collect(plan, context.task_ctx()).await.unwrap();
    let all = arrow::compute::concat_batches(&answer[0].schema(), &answer).unwrap();
    let row = all.column_by_name("row").unwrap();
    let order = arrow::compute::sort_to_indices(row, None, None).unwrap();
    let found = all.column_by_name("v").unwrap();
    let found = arrow::compute::take(found, &order, None).unwrap();
    found.as_primitive::<Int64Type>().iter().collect()
}

#[tokio::test]
async fn equal_instants_meet_at_any_unit_and_number_of_partitions() {
    let zones = [
        (None, Some("UTC")),
        (Some("+02:00"), None),
        (None, None),
        (Some("UTC"), Some("UTC")),
    ];
    let mut met = 0;
    for (at, (unit, nanos)) in UNITS.into_iter().enumerate() {
        for (other_at, (other_unit, other_nanos)) in UNITS.into_iter().enumerate() {
            let (zone, other_zone) = zones[(at + other_at) % zones.len()];
            let with_null = |nanos| held(nanos).into_iter().map(Some).chain([None]);
            let (left, right): (Vec<_>, Vec<_>) =
                (with_null(nanos).collect(), with_null(other_nanos).collect());
            let instant = |value: &Option<i64>, nanos| value.map(|value| i128::from(value) * nanos);
            let meets = |value: &Option<i64>| {
                let wanted = instant(value, nanos)?;
                let mut others = right.iter();
                let place = others.position(|other| instant(other, other_nanos) == Some(wanted));
                place.map(|place| place as i64)
            };
            let expected: Vec<_> = left.iter().map(meets).collect();
            met += expected.iter().flatten().count();
            let mut entity = column_of(&left, unit, zone);
            let mut rows = column_of(&right, other_unit, other_zone);
            for (mode, partitions) in [
                (PitJoinMode::Collected, 1),
                (PitJoinMode::Collected, 7),
                (PitJoinMode::Partitioned, 1),
                (PitJoinMode::Partitioned, 7),
            ] {
                let config = SessionConfig::new().with_target_partitions(partitions);
                let context = SessionContext::new_with_config(config);
                let columns = (&entity, &rows);
                let found = asked(&context, columns, mode, partitions == 7).await;
                let what = format!("{unit:?} {zone:?} to {other_unit:?} {other_zone:?}");
                assert_eq!(found, expected, "{what}, {mode:?}, {partitions} partitions");
                // The next two are asked with dictionaries, one on each side.
                match (mode, partitions) {
                    (PitJoinMode::Collected, 7) => entity = in_dictionary(&entity),
                    (PitJoinMode::Partitioned, 1) => rows = in_dictionary(&rows),
                    _ => {}
                }
            }
        }
    }
    assert!(met > 100, "{met}");
}
