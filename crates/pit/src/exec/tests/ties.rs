// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Ties by columns that are not asked for.

use super::*;

/// Ties go by `u`, then `v`; only `v` is asked for.
fn by_another_column() -> PitView {
    PitView {
        tie_break: vec!["u".to_owned(), "v".to_owned()],
        ..view(None)
    }
}

fn rows(rows: &[(i64, i64, &str, i64)]) -> RecordBatch {
    let at = rows.iter().map(|r| Some(r.1)).collect::<Vec<_>>();
    let driver = Int64Array::from_iter_values(rows.iter().map(|r| r.0));
    let u = StringArray::from_iter_values(rows.iter().map(|r| r.2));
    let v = Int64Array::from_iter_values(rows.iter().map(|r| r.3));
    batch(vec![
        ("driver", Arc::new(driver) as ArrayRef),
        ("at", times(&at)),
        ("created", times(&vec![None; rows.len()])),
        ("u", Arc::new(u)),
        ("v", Arc::new(v)),
    ])
}

async fn tied(partitions: Vec<Vec<RecordBatch>>) -> (Vec<Option<i64>>, usize, usize) {
    let context = SessionContext::new();
    let entity = scan(&context, vec![vec![entities()]]).await;
    let input = scan(&context, partitions).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![by_another_column()],
    };
    let join = Arc::new(PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap());
    assert_eq!(join.children().len(), 3);
    assert!(join.children()[1].schema().index_of("u").is_err());
    let answer = collect(Arc::clone(&join) as _, context.task_ctx())
        .await
        .unwrap();
    let metrics = join.metrics().unwrap();
    let metric = |name: &str| metrics.sum_by_name(name).map_or(0, |v| v.as_usize());
    (
        column(&answer, "v"),
        metric("stats.slots_tied"),
        metric("stats.rows_probed"),
    )
}

#[tokio::test]
async fn a_second_read_decides_what_tied() {
    let all = [
        (1, 4, "b", 1),
        (1, 4, "c", 2),
        (1, 4, "a", 9),
        (1, 6, "z", 7),
        (1, 6, "y", 8),
        (2, 1, "x", 5),
    ];
    let expected = [Some(2), Some(7), Some(5), None, None, Some(2)];
    // In every rotation, and each row in a partition of its own.
    for turn in 0..all.len() {
        let mut turned = all.to_vec();
        turned.rotate_left(turn);
        let (answer, slots, _) = tied(vec![vec![rows(&turned)]]).await;
        assert_eq!((answer.as_slice(), slots), (expected.as_slice(), 2));
        let apart = turned.iter().map(|row| vec![rows(&[*row])]).collect();
        let (answer, slots, _) = tied(apart).await;
        assert_eq!((answer.as_slice(), slots), (expected.as_slice(), 2));
    }
}

#[tokio::test]
async fn equal_answers_need_no_second_read() {
    let all = rows(&[(1, 4, "b", 1), (1, 4, "c", 1), (1, 5, "d", 3)]);
    let count = all.num_rows();
    let (answer, slots, probed) = tied(vec![vec![all]]).await;
    assert_eq!(answer[0], Some(3));
    assert_eq!((slots, probed), (0, count));
}

#[tokio::test]
async fn a_newer_row_unties() {
    // The rows at 4 tie and are then led by the one at 5.
    let (answer, slots, _) = tied(vec![vec![
        rows(&[(1, 4, "b", 1), (1, 4, "c", 2)]),
        rows(&[(1, 5, "d", 3)]),
    ]])
    .await;
    assert_eq!((answer[0], slots), (Some(3), 0));
}
