// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Position deletes and deletion vectors.

use std::collections::BTreeSet;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn paths_may_be_spelled_in_another_way() {
    for scheme in ["s3a://", "s3n://", "s3://"] {
        for bounds in [true, false] {
            let mut table = people(2);
            let path = append(&mut table, rows(0..5))
                .path
                .replacen("s3://", scheme, 1);
            let file = NewPositions {
                bounds,
                ..new_positions(vec![(path, 3)])
            };
            let file = table.position_deletes(&file).unwrap();
            commit(&mut table, vec![file]);
            check(&table, 4, &[]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_referenced_file_may_be_spelled_in_another_way() {
    let mut table = people(2);
    let path = append(&mut table, rows(0..5))
        .path
        .replacen("s3://", "s3a://", 1);
    let file = NewPositions {
        referenced: Some(path.clone()),
        ..new_positions(vec![(path, 3)])
    };
    let file = table.position_deletes(&file).unwrap();
    commit(&mut table, vec![file]);
    check(&table, 4, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_may_be_there_twice_or_beyond_the_end() {
    let mut table = people(2);
    let path = append(&mut table, rows(0..5)).path.clone();
    delete_positions(
        &mut table,
        vec![(path.clone(), 1), (path.clone(), 1), (path.clone(), 7)],
    );
    delete_positions(&mut table, vec![(path.clone(), 1), (path, i64::MAX)]);
    check(&table, 4, &["SELECT count(*) FROM $t WHERE id > -1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_of_files_that_are_gone_delete_nothing() {
    let mut table = people(2);
    let gone = append(&mut table, rows(0..2));
    append(&mut table, rows(2..5));
    delete_positions(&mut table, vec![(gone.path.clone(), 0)]);
    let change = Change {
        operation: "delete",
        removed: BTreeSet::from([gone.key()]),
        ..Change::default()
    };
    table.commit(MAIN, change).unwrap();
    check(&table, 3, &["SELECT min(id) FROM $t"]).await;
}

/// Positions that the vector lacks are live again.
#[tokio::test(flavor = "multi_thread")]
async fn a_vector_replaces_position_deletes() {
    let mut table = people(2);
    let file = append(&mut table, rows(0..5));
    delete_positions(
        &mut table,
        vec![(file.path.clone(), 0), (file.path.clone(), 1)],
    );
    table.upgrade(3);
    delete_vector(&mut table, &file, &[1, 2]);
    check(&table, 3, &["SELECT id FROM $t WHERE id < 2"]).await;
}

/// Two vectors and a third file's rows in one Puffin file.
#[tokio::test(flavor = "multi_thread")]
async fn vectors_of_several_files_are_in_one_file() {
    let mut table = people(3);
    let files: Vec<_> = (0..3)
        .map(|at| append(&mut table, rows(at * 5..at * 5 + 5)))
        .collect();
    let vectors = [(Arc::clone(&files[0]), [0, 4].into_iter().collect()), {
        (Arc::clone(&files[2]), [1].into_iter().collect())
    }];
    let made = table.deletion_vectors(&vectors).unwrap();
    commit(&mut table, made);
    check(
        &table,
        12,
        &["SELECT id FROM $t WHERE id IN (0, 4, 11, 12)"],
    )
    .await;
}

/// Row groups hold two rows.
#[tokio::test(flavor = "multi_thread")]
async fn deletes_fall_anywhere_in_a_file() {
    let cases: [&[u64]; 7] = [
        &[0],
        &[9],
        &[2, 3],
        &[0, 1, 8, 9],
        &[1, 2],
        &[0, 2, 4, 6, 8],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    ];
    for positions in cases {
        let mut vectors = people(3);
        let file = append(&mut vectors, rows(0..10));
        delete_vector(&mut vectors, &file, positions);
        let mut files = people(2);
        let path = append(&mut files, rows(0..10)).path.clone();
        let deleted = positions.iter().map(|at| (path.clone(), *at as i64));
        delete_positions(&mut files, deleted.collect());
        for table in [vectors, files] {
            let queries = [
                "SELECT id FROM $t WHERE id >= 4",
                "SELECT name FROM $t WHERE id = 9",
            ];
            check(&table, 10 - positions.len(), &queries).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_may_be_kept_in_the_file() {
    let mut table = people(2);
    let path = append(&mut table, rows(0..5)).path.clone();
    let columns = table.current_schema().fields.clone();
    for kept in [Some(rows([3]).remove(0)), None] {
        let file = NewPositions {
            kept: Some((columns.clone(), vec![kept])),
            ..new_positions(vec![(path.clone(), 3)])
        };
        let file = table.position_deletes(&file).unwrap();
        commit(&mut table, vec![file]);
    }
    check(&table, 4, &[]).await;
}

/// The file's columns are known by their ids.
#[tokio::test(flavor = "multi_thread")]
async fn columns_of_position_deletes_may_have_any_names() {
    let mut table = people(2);
    let path = append(&mut table, rows(0..5)).path.clone();
    let file = NewPositions {
        names: ["pos", "file_path"],
        ..new_positions(vec![(path, 3)])
    };
    let file = table.position_deletes(&file).unwrap();
    commit(&mut table, vec![file]);
    check(&table, 4, &[]).await;
}

/// A stream deletes a row that it wrote itself, in the same commit.
#[tokio::test(flavor = "multi_thread")]
async fn position_deletes_hold_for_files_of_their_own_commit() {
    let mut table = people(2);
    let new = new_data(&table, rows(0..5));
    let data = table.data_file(&new).unwrap();
    let deletes = new_positions(vec![(data.path.clone(), 2)]);
    let deletes = table.position_deletes(&deletes).unwrap();
    commit(&mut table, vec![data, deletes]);
    check(&table, 4, &[]).await;
}

/// Columns that have the names of a position delete's.
#[tokio::test(flavor = "multi_thread")]
async fn columns_may_be_called_pos_and_file_path() {
    let mut table = people(2);
    let mut fields = table.current_schema().fields.clone();
    fields[0].name = "pos".to_owned();
    fields[1].name = "file_path".to_owned();
    table.set_columns(fields);
    let path = append(&mut table, rows(0..5)).path.clone();
    delete_positions(&mut table, vec![(path, 2)]);
    delete_equal(&mut table, &[2], vec![vec![text("n4")]]);
    check(&table, 3, &["SELECT pos FROM $t WHERE file_path > 'n0'"]).await;
}
