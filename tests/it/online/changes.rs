// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Sources that were not only appended to: overwritten, deleted from, compacted, expired. Only the keys of files that changed
//! are derived again, and the answers are those of the source as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion_feast::FeastContext;
use feast_iceberg::SqlCatalog;
use feast_testkit::tables::{
    Change, Datum, Field, Layout, MAIN, MetricsMode, NewData, NewEquality, NewPositions, Schema,
    TableFile, TableMaker, Type, unpartitioned,
};
use iceberg::{Catalog, NamespaceIdent, TableIdent};

use super::{OnlineLake, lines, rows};

/// A day of January 2025 in microseconds since 1970.
pub(super) fn day(day: i64) -> i64 {
    (20_088 + day) * 86_400_000_000
}

/// The table `lake.shop.h` as another engine writes it.
pub(super) struct Source {
    maker: TableMaker,
    catalog: SqlCatalog,
}

/// A row: key, day, value.
pub(super) type Row = (Option<i64>, i64, Option<i64>);

impl Source {
    /// An empty table, and the view `h` over it.
    pub(super) async fn new(lake: &OnlineLake, version: u8) -> Self {
        let schema = Schema {
            id: 0,
            fields: vec![
                Field::optional(1, "k", Type::Long),
                Field::optional(2, "ts", Type::Timestamp),
                Field::optional(3, "v", Type::Long),
            ],
        };
        let path = lake.dir.path();
        let location = format!("{}/made", path.display());
        let source = Self {
            maker: TableMaker::new(&location, version, schema, unpartitioned()),
            catalog: lake.catalog().await,
        };
        source.publish().await;
        let feast = lake.session().await;
        for statement in [
            "CREATE ENTITY k JOIN KEY (k BIGINT)",
            "CREATE FEATURE VIEW h ENTITIES (k) FEATURES (v BIGINT) FROM lake.shop.h TIMESTAMP ts",
        ] {
            rows(&feast, statement).await;
        }
        source
    }

    /// What was committed is what the catalog has.
    async fn publish(&self) {
        let made = self.maker.finish();
        made.write().unwrap();
        let ident = TableIdent::new(NamespaceIdent::new("shop".to_owned()), "h".to_owned());
        if self.catalog.table_exists(&ident).await.unwrap() {
            self.catalog.drop_table(&ident).await.unwrap();
        }
        let registered = self.catalog.register_table(&ident, made.metadata);
        registered.await.unwrap();
    }

    pub(super) fn file(&mut self, rows: &[Row]) -> TableFile {
        let number = |value: Option<i64>| value.map_or(Datum::Null, Datum::Int);
        let rows = rows
            .iter()
            .map(|(key, at, value)| vec![number(*key), Datum::Int(day(*at)), number(*value)]);
        let new = NewData {
            columns: self.maker.current_schema().fields.clone(),
            rows: rows.collect(),
            spec_id: 0,
            partition: Vec::new(),
            layout: Layout::default(),
            metrics: MetricsMode::Full,
            oversized: 0,
        };
        self.maker.data_file(&new).unwrap()
    }

    pub(super) async fn commit(
        &mut self,
        operation: &'static str,
        added: Vec<TableFile>,
        removed: Vec<String>,
    ) -> i64 {
        let change = Change {
            operation,
            added,
            removed: removed.into_iter().collect(),
            ..Change::default()
        };
        let id = self.maker.commit(MAIN, change).unwrap();
        self.publish().await;
        id
    }

    pub(super) async fn append(&mut self, rows: &[Row]) -> i64 {
        let file = self.file(rows);
        self.commit("append", vec![file], vec![]).await
    }

    /// The live data files, in the order of their commits.
    pub(super) fn files(&self) -> Vec<Arc<TableFile>> {
        let current = self.maker.current();
        let mut files = current.map_or_else(Vec::new, |snapshot| snapshot.data.clone());
        files.sort_by_key(|file| file.sequence);
        files
    }

    /// Deletes rows at positions of a file.
    pub(super) async fn delete_positions(&mut self, file: &Arc<TableFile>, positions: &[i64]) {
        let deletes = match self.maker.version() {
            2 => {
                let new = NewPositions {
                    rows: positions
                        .iter()
                        .map(|at| (file.path.clone(), *at))
                        .collect(),
                    spec_id: 0,
                    partition: Vec::new(),
                    referenced: None,
                    bounds: true,
                    kept: None,
                    names: ["file_path", "pos"],
                    layout: Layout::default(),
                };
                vec![self.maker.position_deletes(&new).unwrap()]
            }
            _ => {
                let positions = positions.iter().map(|at| *at as u64).collect();
                let vectors = [(Arc::clone(file), positions)];
                self.maker.deletion_vectors(&vectors).unwrap()
            }
        };
        self.commit("delete", deletes, vec![]).await;
    }

    /// Deletes all rows of a key, by its value.
    pub(super) async fn delete_key(&mut self, key: i64) {
        let new = NewEquality {
            ids: vec![1],
            keys: vec![vec![Datum::Int(key)]],
            spec_id: 0,
            partition: Vec::new(),
            layout: Layout::default(),
            metrics: MetricsMode::Full,
        };
        let deletes = self.maker.equality_deletes(&new).unwrap();
        self.commit("delete", vec![deletes], vec![]).await;
    }

    pub(super) async fn expire(&mut self, ids: &[i64]) {
        let ids: BTreeSet<i64> = ids.iter().copied().collect();
        self.maker.expire(&ids);
        self.publish().await;
    }
}

const DONE: &str = "SELECT rows_read, rows_written, notice FROM feast_materialize('h')";
const LOOKUP: &str = "SELECT * FROM feast_online_lookup(['h:v'], [1, 2, 3], source => 'online')";
const PARITY: &str = "SELECT * FROM feast_verify_parity('h')";

async fn fresh(version: u8) -> (OnlineLake, Source, FeastContext) {
    let lake = OnlineLake::new().await;
    let mut source = Source::new(&lake, version).await;
    source
        .append(&[(Some(1), 1, Some(10)), (Some(2), 1, Some(20))])
        .await;
    source
        .append(&[
            (Some(1), 2, Some(11)),
            (Some(3), 2, Some(30)),
            (None, 2, Some(9)),
        ])
        .await;
    let feast = lake.session().await;
    assert_eq!(lines(&feast, DONE).await, ["5 3 "]);
    assert_eq!(lines(&feast, LOOKUP).await, ["1 11", "2 20", "3 30"]);
    (lake, source, feast)
}

async fn agrees(feast: &FeastContext) {
    assert_eq!(lines(feast, PARITY).await, [""; 0]);
}

#[tokio::test]
async fn keys_of_deleted_rows_are_derived_again() {
    for version in [2, 3] {
        let (_lake, mut source, feast) = fresh(version).await;
        let second = Arc::clone(&source.files()[1]);
        source.delete_positions(&second, &[0, 1]).await;
        // Keys 1 and 3 were in that file: a marker each, and of 1 the row that is left.
        assert_eq!(lines(&feast, DONE).await, ["2 3 "], "{version}");
        assert_eq!(lines(&feast, LOOKUP).await, ["1 10", "2 20", "3 "]);
        agrees(&feast).await;
        let again = "0 0 nothing has changed since the last time";
        assert_eq!(lines(&feast, DONE).await, [again]);
    }
}

#[tokio::test]
async fn keys_deleted_by_value_vanish() {
    let (_lake, mut source, feast) = fresh(2).await;
    source.delete_key(2).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 11", "2 ", "3 30"]);
    agrees(&feast).await;
}

#[tokio::test]
async fn an_overwrite_replaces_its_keys_and_keeps_what_was_pushed() {
    let (_lake, mut source, feast) = fresh(2).await;
    let push = |key: i64, at: &str, value: i64| {
        format!(
            "SELECT * FROM feast_write_online('h', (SELECT CAST({key} AS BIGINT) AS k, TIMESTAMP '{at}' AS ts, CAST({value} AS BIGINT) AS v))"
        )
    };
    rows(&feast, &push(3, "2025-01-20T00:00:00", 33)).await;
    rows(&feast, &push(2, "2024-01-01T00:00:00", 1)).await;
    let removed: Vec<String> = source.files().iter().map(|file| file.key()).collect();
    let file = source.file(&[(Some(1), 3, Some(12))]);
    source.commit("overwrite", vec![file], removed).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    // Of key 2 only the pushed row is left, of key 3 it is the newest anyway.
    assert_eq!(lines(&feast, LOOKUP).await, ["1 12", "2 1", "3 33"]);
    let offline = LOOKUP.replace("online'", "offline'");
    assert_eq!(lines(&feast, &offline).await, ["1 12", "2 ", "3 "]);
}

#[tokio::test]
async fn a_compaction_changes_no_answer() {
    let (_lake, mut source, feast) = fresh(2).await;
    source.append(&[(Some(2), 5, Some(22))]).await;
    let removed: Vec<String> = source.files().iter().map(|file| file.key()).collect();
    let file = source.file(&[
        (Some(1), 1, Some(10)),
        (Some(2), 1, Some(20)),
        (Some(1), 2, Some(11)),
        (Some(3), 2, Some(30)),
        (None, 2, Some(9)),
        (Some(2), 5, Some(22)),
    ]);
    source.commit("replace", vec![file], removed).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 11", "2 22", "3 30"]);
    agrees(&feast).await;
}

#[tokio::test]
async fn late_and_added_rows_come_beside_touched_keys() {
    let (_lake, mut source, feast) = fresh(2).await;
    let first = Arc::clone(&source.files()[0]);
    source.delete_positions(&first, &[1]).await;
    source
        .append(&[
            (Some(3), 1, Some(29)),
            (Some(2), 0, Some(19)),
            (Some(1), 9, Some(15)),
        ])
        .await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 15", "2 19", "3 30"]);
    agrees(&feast).await;
}

#[tokio::test]
async fn an_expired_snapshot_means_all_over_again() {
    let (_lake, mut source, feast) = fresh(2).await;
    let old: Vec<i64> = lines(&feast, "SELECT snapshot_id FROM lake.shop.\"h$snapshots\"")
        .await
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    let second = Arc::clone(&source.files()[1]);
    source.delete_positions(&second, &[0]).await;
    source.expire(&old).await;
    let done = lines(&feast, DONE).await;
    assert!(
        done[0].contains("materialized in full: snapshot"),
        "{done:?}"
    );
    assert!(done[0].contains("is expired"), "{done:?}");
    assert_eq!(lines(&feast, LOOKUP).await, ["1 10", "2 20", "3 30"]);
    agrees(&feast).await;
}

/// A window that was read between two versions left rows that are gone since.
#[tokio::test]
async fn rows_of_a_window_that_are_gone_since_go() {
    let (_lake, mut source, feast) = fresh(2).await;
    source.append(&[(Some(2), 7, Some(27))]).await;
    rows(
        &feast,
        "MATERIALIZE FEATURE VIEW h FROM '2025-01-05T00:00:00Z' TO '2025-01-30T00:00:00Z'",
    )
    .await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 11", "2 27", "3 30"]);
    let removed = vec![source.files()[2].key()];
    source.commit("delete", vec![], removed).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 11", "2 20", "3 30"]);
    agrees(&feast).await;
}

/// A key that was deleted in the source does not come back with the files that its rows were left out of, whichever way it
/// was deleted.
#[tokio::test]
async fn a_key_deleted_before_its_files_were_rewritten_stays_gone() {
    for version in [2, 3] {
        for windowed in [false, true] {
            let (_lake, mut source, feast) = fresh(version).await;
            let second = Arc::clone(&source.files()[1]);
            source.delete_positions(&second, &[1]).await;
            if windowed {
                // A window in between saw the rows that are left.
                rows(
                    &feast,
                    "MATERIALIZE FEATURE VIEW h FROM '2025-01-01T00:00:00Z' TO '2025-01-02T00:00:00Z'",
                )
                .await;
            }
            let removed: Vec<String> = source.files().iter().map(|file| file.key()).collect();
            let file = source.file(&[
                (Some(1), 1, Some(10)),
                (Some(2), 1, Some(20)),
                (Some(1), 2, Some(11)),
                (None, 2, Some(9)),
            ]);
            source.commit("replace", vec![file], removed).await;
            source.append(&[(Some(2), 4, Some(24))]).await;
            rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
            let found = lines(&feast, LOOKUP).await;
            assert_eq!(found, ["1 11", "2 24", "3 "], "{version} {windowed}");
            agrees(&feast).await;
            let again = "0 0 nothing has changed since the last time";
            assert_eq!(lines(&feast, DONE).await, [again]);
            rows(&feast, "MATERIALIZE FEATURE VIEW h FULL").await;
            assert_eq!(lines(&feast, LOOKUP).await, ["1 11", "2 24", "3 "]);
        }
    }
}

/// A key that was deleted online only is in the source still: it stays gone with rows that are appended for others, and comes
/// back when its file is rewritten, since its rows are derived again.
#[tokio::test]
async fn a_key_deleted_online_only_comes_back_with_its_rewritten_file() {
    let (_lake, mut source, feast) = fresh(2).await;
    let delete = "SELECT * FROM feast_delete_online('h', (SELECT CAST(2 AS BIGINT) AS k))";
    rows(&feast, delete).await;
    source.append(&[(Some(1), 6, Some(16))]).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 16", "2 ", "3 30"]);
    let first = source.files()[0].key();
    let file = source.file(&[(Some(1), 1, Some(10)), (Some(2), 1, Some(20))]);
    source.commit("replace", vec![file], vec![first]).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 16", "2 20", "3 30"]);
    // Deleted in the source, too, it is gone for good.
    rows(&feast, delete).await;
    source.delete_key(2).await;
    let removed: Vec<String> = source.files().iter().map(|file| file.key()).collect();
    let file = source.file(&[
        (Some(1), 2, Some(11)),
        (Some(3), 2, Some(30)),
        (Some(1), 6, Some(16)),
    ]);
    source.commit("replace", vec![file], removed).await;
    rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
    assert_eq!(lines(&feast, LOOKUP).await, ["1 16", "2 ", "3 30"]);
    agrees(&feast).await;
}
