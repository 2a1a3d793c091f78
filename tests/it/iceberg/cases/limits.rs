// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Limits over deletes. DataFusion's Parquet reader drops the selection of rows where every row of
//! enough row groups passes the filter.

use super::*;

/// Whatever rows a limit takes, so many of the live ones it takes.
const QUERIES: [&str; 4] = [
    "SELECT count(*), min(id) >= 2 FROM (SELECT id FROM $t WHERE id > -1 LIMIT 3)",
    "SELECT count(*), min(id) >= 2 FROM (SELECT id FROM $t LIMIT 3)",
    "SELECT id FROM $t WHERE id > -1 ORDER BY id LIMIT 3",
    "SELECT count(*) FROM (SELECT id FROM $t WHERE id > -1 LIMIT 100)",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_forgets_no_vector() {
    let mut table = people(3);
    let file = append(&mut table, rows(0..12));
    delete_vector(&mut table, &file, &[0, 1, 10]);
    check(&table, 9, &QUERIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_forgets_no_position_delete() {
    let mut table = people(2);
    let path = append(&mut table, rows(0..12)).path.clone();
    delete_positions(
        &mut table,
        vec![(path.clone(), 0), (path.clone(), 1), (path, 10)],
    );
    check(&table, 9, &QUERIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_forgets_no_equality_delete() {
    let mut table = people(2);
    append(&mut table, rows(0..12));
    delete_equal(
        &mut table,
        &[1],
        vec![vec![int(0)], vec![int(1)], vec![int(10)]],
    );
    check(&table, 9, &QUERIES).await;
    // The key is in none of these.
    check(
        &table,
        9,
        &["SELECT count(name) FROM (SELECT name FROM $t LIMIT 9)"],
    )
    .await;
}

/// A file with deletes and one without give a limit its rows together.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_met_by_two_kinds_of_files() {
    let mut table = people(3);
    let file = append(&mut table, rows(0..6));
    append(&mut table, rows(6..8));
    delete_vector(&mut table, &file, &[0, 1, 2, 3, 4]);
    let count = "SELECT count(*) FROM (SELECT id FROM $t LIMIT 3)";
    check(&table, 3, &[count, "SELECT max(id) FROM $t WHERE id < 7"]).await;
}
