// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the metrics tell of one pass and of two, on rows that can be counted by hand.

use super::*;

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter();
    let columns = columns.map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn micros(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()))
}

fn rows(driver: &[Option<i64>], at: &[Option<i64>], s: &[&str]) -> RecordBatch {
    let v = (10..).take(s.len()).map(Some).collect::<Vec<_>>();
    table(vec![
        ("s", Arc::new(StringArray::from(s.to_vec()))),
        ("driver", numbers(driver)),
        ("v", numbers(&v)),
        ("at", micros(at)),
    ])
}

/// Six slots: key 1 at 5, 9 and 30, key 2 at 29, key 3 at 8, key 5 at 6 twice; TTL 6. Ten rows in two partitions.
fn case() -> Case {
    let key = |k: i64| Some(k);
    let driver = [
        key(1),
        key(1),
        key(1),
        key(2),
        key(3),
        key(5),
        key(5),
        None,
        key(1),
    ];
    let time = [5, 9, 30, 29, 8, 6, 6, 9].map(Some);
    let time: Vec<_> = time.into_iter().chain([None]).collect();
    let entities = table(vec![("driver", numbers(&driver)), ("time", micros(&time))]);
    let first = rows(
        &[key(1), key(1), key(2), key(3), None],
        &[Some(4), Some(12), Some(30), Some(7), Some(4)],
        &["a", "b", "c", "d", "of nobody"],
    );
    let second = rows(
        &[key(3), key(4), key(1), key(5), key(5)],
        &[Some(7), Some(1), None, Some(2), Some(3)],
        &["e", "not asked for", "at no time", "f", "g"],
    );
    let feature = |name: &str| PitFeature {
        column: name.to_owned(),
        output: name.to_owned(),
    };
    Case {
        entities,
        history: vec![vec![first], vec![second]],
        view: PitView {
            name: "stats".to_owned(),
            keys: vec![PitKey {
                entity: "driver".to_owned(),
                view: "driver".to_owned(),
            }],
            event_time: "at".to_owned(),
            created_time: None,
            tie_break: vec!["s".to_owned(), "v".to_owned()],
            ttl: Some(Duration::from_micros(6)),
            created_cutoff: false,
            features: vec![feature("s"), feature("v")],
            provenance: None,
        },
    }
}

const NAMES: [&str; 8] = [
    "rows_probed",
    "rows_matched",
    "rows_expired",
    "slots_filled",
    "slots_expired",
    "slots_tied",
    "late_payload",
    "rows_fetched",
];

async fn counted(mode: fn(&ConfigOptions) -> PayloadMode) -> [usize; 8] {
    let join = case().join();
    let answer = collect(Arc::clone(&join) as _, session(8192, 0, mode)).await;
    let answer = concat_batches(&join.schema(), &answer.unwrap()).unwrap();
    let texts = answer.column_by_name("s").unwrap();
    let wanted = [
        Some("a"),
        Some("a"),
        None,
        None,
        Some("e"),
        Some("g"),
        Some("g"),
        None,
        None,
    ];
    assert_eq!(texts.as_ref(), &StringArray::from(wanted.to_vec()));
    assert_eq!(count(&join, "entity_rows"), 9);
    assert_eq!(count(&join, "slots"), 6);
    NAMES.map(|name| count(&join, &format!("stats.{name}")))
}

/// Rows of key 1 at 4, of key 3 at 7 twice, and of key 5 at 2 and 3 have a slot in time; that of key 1 at 12 is too old at 30, that
/// of key 2 at 30 is too new. The row at 4 answers two slots and not the third.
#[tokio::test]
async fn one_pass_and_two_count_what_they_did() {
    let one_pass = counted(|_| PayloadMode::OnePass).await;
    assert_eq!(one_pass, [10, 5, 1, 4, 1, 0, 0, 0]);
    // Two rows of equal times tie where only keys and times are read. All are read again for that slot, which both rows match; the
    // two other winners are fetched.
    let late = counted(|_| PayloadMode::Late).await;
    assert_eq!(late, [20, 7, 1, 4, 1, 1, 1, 2]);
}
