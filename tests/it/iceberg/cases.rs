// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Single cases on which Iceberg readers are known to fail, each as small as it can be. Every one is
//! read in all settings, and its rows are those of the model.
//!
//! | case | where |
//! |---|---|
//! | one value in every layout that Parquet has for it | [`files`] |
//! | columns swapped, renamed, reordered, dropped and added again, flat and nested | [`schemas`], random tables |
//! | a column renamed without a new snapshot | [`schemas`] |
//! | LIMIT under a filter that every row of a row group passes, over vectors and equality deletes | [`limits`] |
//! | equality deletes: NULL keys, columns that old files lack, with and without a default, promoted keys, two sets of ids, keys that are not projected, of the table or of a partition, equal and greater sequence numbers | [`equality`] |
//! | position deletes: other spellings of paths, twice, beyond the end, of files that are gone, beside a vector | [`positions`] |
//! | deletes of a whole row group, of the first and last row, of all rows; files split into byte ranges | [`positions`] |
//! | COUNT, MIN and MAX with and without deletes; bounds without NaN, bounds of cut text | [`statistics`] |
//! | a partition's column that files lack, NULL partitions | [`partitions`] |
//! | UUIDs and decimals of partitions as text, bytes and fixed, in metadata tables and under filters | [`metadata_tables`] |
//! | version 1 without schema ids, sizes that are not true, manifests without a header | [`metadata`] |
//! | formats, types, encryption and versions that are not supported | [`refused`] |
//! | two mentions of one table in one query see one snapshot | `tests/it/invariants/snapshots.rs` |
//! | filters of a top-k and of a join prune files | [`statistics`] |
//! | a query that is cancelled while a delete file loads; delete files that cannot be read | `tests/it/iceberg/faults.rs` |

mod equality;
mod files;
mod limits;
mod metadata;
mod metadata_tables;
mod partitions;
mod positions;
mod refused;
mod schemas;
mod statistics;

use std::sync::Arc;

use datafusion_feast::FeastContext;
use feast_iceberg::SnapshotSelector;
use feast_testkit::compare::{RowOrder, compare, compare_rows, rows_of};
use feast_testkit::tables::{
    Change, Datum, Field, Layout, MAIN, MetricsMode, NewData, NewEquality, NewPositions,
    PartitionSpec, Schema, TableFile, TableMaker, Type, unpartitioned,
};

use super::made::{Setting, answer, context, in_memory, known, open, register, register_known};

const SETTINGS: [Setting; 4] = [
    Setting::AUTO,
    Setting::MERGED,
    Setting {
        partitions: 4,
        batch_size: 3,
        merge_on_read: true,
        pushed: false,
    },
    Setting {
        partitions: 4,
        batch_size: 8192,
        merge_on_read: false,
        pushed: true,
    },
];

/// A table of two columns, `id` and `name`.
fn people(version: u8) -> TableMaker {
    partitioned(version, unpartitioned())
}

fn partitioned(version: u8, spec: PartitionSpec) -> TableMaker {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::optional(1, "id", Type::Int),
            Field::optional(2, "name", Type::Text),
        ],
    };
    TableMaker::new("s3://bucket/case", version, schema, spec)
}

fn int(value: i64) -> Datum {
    Datum::Int(value)
}

fn text(value: &str) -> Datum {
    Datum::Text(value.to_owned())
}

/// Rows `(id, name)` with these ids, the names made of them.
fn rows(ids: impl IntoIterator<Item = i64>) -> Vec<Vec<Datum>> {
    ids.into_iter()
        .map(|id| vec![int(id), text(&format!("n{id}"))])
        .collect()
}

/// A layout with row groups of so many rows.
fn grouped(rows_a_group: usize) -> Layout {
    Layout {
        rows_a_group,
        ..Layout::default()
    }
}

/// A data file of the current columns, outside of any partition.
fn new_data(table: &TableMaker, rows: Vec<Vec<Datum>>) -> NewData {
    NewData {
        columns: table.current_schema().fields.clone(),
        rows,
        spec_id: 0,
        partition: Vec::new(),
        layout: grouped(2),
        metrics: MetricsMode::Full,
        oversized: 0,
    }
}

/// Commits a data file with rows of the current columns.
fn append(table: &mut TableMaker, rows: Vec<Vec<Datum>>) -> Arc<TableFile> {
    let new = new_data(table, rows);
    append_file(table, &new)
}

fn append_file(table: &mut TableMaker, new: &NewData) -> Arc<TableFile> {
    let file = table.data_file(new).unwrap();
    let path = file.path.clone();
    commit(table, vec![file]);
    let current = table.current().unwrap();
    Arc::clone(current.data.iter().find(|file| file.path == path).unwrap())
}

/// Commits files.
fn commit(table: &mut TableMaker, added: Vec<TableFile>) -> i64 {
    let change = Change {
        operation: "overwrite",
        added,
        ..Change::default()
    };
    table.commit(MAIN, change).unwrap()
}

/// Position deletes as most engines write them.
fn new_positions(rows: Vec<(String, i64)>) -> NewPositions {
    NewPositions {
        rows,
        spec_id: 0,
        partition: Vec::new(),
        referenced: None,
        bounds: true,
        kept: None,
        names: ["file_path", "pos"],
        layout: Layout::default(),
    }
}

fn delete_positions(table: &mut TableMaker, rows: Vec<(String, i64)>) {
    let file = table.position_deletes(&new_positions(rows)).unwrap();
    commit(table, vec![file]);
}

fn delete_vector(table: &mut TableMaker, file: &Arc<TableFile>, positions: &[u64]) {
    let vector = positions.iter().copied().collect();
    let files = table
        .deletion_vectors(&[(Arc::clone(file), vector)])
        .unwrap();
    commit(table, files);
}

fn new_equality(ids: &[i32], keys: Vec<Vec<Datum>>) -> NewEquality {
    NewEquality {
        ids: ids.to_vec(),
        keys,
        spec_id: 0,
        partition: Vec::new(),
        layout: Layout::default(),
        metrics: MetricsMode::Full,
    }
}

fn delete_equal(table: &mut TableMaker, ids: &[i32], keys: Vec<Vec<Datum>>) {
    let file = table.equality_deletes(&new_equality(ids, keys)).unwrap();
    commit(table, vec![file]);
}

/// The table has so many rows, those of its model, and each query finds in them what it finds in
/// the model's.
async fn check(table: &TableMaker, count: usize, queries: &[&str]) {
    let made = table.finish();
    let feast = context().await.unwrap();
    let opened = open(&made, in_memory(&made).await.unwrap()).await.unwrap();
    let shown = register(&feast, &opened, SnapshotSelector::Current).unwrap();
    let snapshot = table.current().map(AsRef::as_ref);
    let known = known(&made, snapshot, table.current_schema(), &shown).unwrap();
    assert_eq!(known.num_rows(), count, "the case itself is wrong");
    register_known(&feast, &known).unwrap();
    for setting in SETTINGS {
        setting.apply(&feast).unwrap();
        let found = answer(&feast, "SELECT * FROM t").await.unwrap();
        let same = compare(&known, &shown, &found, RowOrder::Any);
        same.unwrap_or_else(|difference| panic!("with {setting:?}: {difference}"));
        for query in ["SELECT count(*) FROM $t"].iter().chain(queries) {
            same_answer(&feast, query, setting).await;
        }
    }
}

async fn same_answer(feast: &FeastContext, query: &str, setting: Setting) {
    let wanted = answer(feast, &query.replace("$t", "m")).await.unwrap();
    let found = answer(feast, &query.replace("$t", "t")).await.unwrap();
    let names: Vec<String> = (0..9).map(|at| format!("column {at}")).collect();
    let (wanted, found) = (rows_of(&wanted).unwrap(), rows_of(&found).unwrap());
    compare_rows(&names, wanted, found, RowOrder::Any)
        .unwrap_or_else(|difference| panic!("{query} with {setting:?}: {difference}"));
}
