// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables of many manifests and files.

use std::sync::Arc;
use std::time::Instant;

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionContext, col, lit};
use feast_testkit::manifests::{ManyFiles, ROWS_PER_FILE};
use iceberg::spec::Manifest;
use iceberg::table::Table;

use super::super::entry_columns::EntryColumns;
use super::super::manifests::{DataManifest, FromManifest, Loaded, list_manifests, load_manifests};
use super::super::select::{Selection, select_files};
use crate::cache::{CacheKind, IcebergCaches, Weigh};
use crate::schema::TableColumns;
use crate::storage::TableStorage;

const DAY: i64 = 86_400_000_000;

struct Many {
    table: Table,
    storage: Arc<TableStorage>,
    columns: TableColumns,
}

impl Many {
    async fn new(many: ManyFiles) -> Self {
        let table = many.write().await.unwrap();
        let storage = TableStorage::for_table(&table).with_caches(Arc::default());
        let columns = TableColumns::try_new("ns.many", table.metadata().current_schema());
        Self {
            storage: Arc::new(storage),
            columns: columns.unwrap(),
            table,
        }
    }

    async fn load<T: FromManifest>(&self) -> Vec<Loaded<T>> {
        let snapshot = self.table.metadata().current_snapshot().unwrap();
        let listed = list_manifests(&self.table, &self.storage, "ns.many", snapshot);
        let listed = listed.await.unwrap();
        load_manifests(&self.table, &self.storage, "ns.many", 1, listed.data)
            .await
            .unwrap()
    }

    fn select(&self, manifests: &[DataManifest], filter: Expr) -> Selection {
        let schema = DFSchema::try_from(self.columns.arrow().as_ref().clone()).unwrap();
        let state = SessionContext::new().state();
        let predicate: Arc<dyn PhysicalExpr> = state.create_physical_expr(filter, &schema).unwrap();
        select_files(manifests, Some(&predicate), &self.columns).unwrap()
    }

    fn caches(&self) -> &IcebergCaches {
        self.storage.caches()
    }
}

fn on_day(day: i64) -> Expr {
    let time = |micros| {
        lit(ScalarValue::TimestampMicrosecond(
            Some(micros),
            Some("UTC".into()),
        ))
    };
    let ts = || col("ts");
    ts().gt_eq(time(day * DAY))
        .and(ts().lt(time((day + 1) * DAY)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manifests_are_read_once_and_chosen_from() {
    let many = Many::new(ManyFiles {
        manifests: 20,
        files: 10,
        days: 5,
        ..ManyFiles::default()
    })
    .await;
    let manifests: Vec<DataManifest> = many.load().await;
    let by_day = many.select(&manifests, on_day(2));
    assert_eq!((by_day.total, by_day.files.len()), (200, 40));
    assert_eq!(
        (by_day.pruned_by_partition, by_day.pruned_by_bounds),
        (160, 0)
    );
    let rows = ROWS_PER_FILE as i64;
    let by_id = col("id").between(lit(rows * 7), lit(rows * 9));
    let by_id = many.select(&manifests, by_id);
    assert_eq!((by_id.files.len(), by_id.pruned_by_bounds), (3, 197));
    let both = many.select(&manifests, on_day(2).and(col("id").lt(lit(rows * 12))));
    assert_eq!((both.files.len(), both.pruned_by_bounds), (2, 38));
    let types = super::super::manifests::column_types(many.table.metadata());
    let first = both.files[0];
    let entry = manifests[first.manifest]
        .manifest
        .entry(first.entry, &types)
        .unwrap();
    assert!(
        entry.file_path().contains("ts_day=1970-01-03/00000002-"),
        "{}",
        entry.file_path()
    );

    let usage = || {
        many.caches()
            .usage()
            .into_iter()
            .find(|u| u.kind == CacheKind::Manifest)
    };
    let before = usage().unwrap();
    assert_eq!((before.misses, before.entries), (20, 20));
    let again: Vec<DataManifest> = many.load().await;
    let same = manifests
        .iter()
        .zip(&again)
        .all(|(a, b)| Arc::ptr_eq(&a.manifest, &b.manifest));
    assert!(same);
    let after = usage().unwrap();
    assert_eq!((after.misses, after.hits), (20, before.hits + 20));
}

/// The memory of this process, where the system tells.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

/// Prints how long each step takes; the numbers of a debug build compare with each other only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for people to read"]
async fn planning_times() {
    let many = Many::new(ManyFiles::default()).await;
    let time = |what: &str, start: Instant| println!("{what}: {:?}", start.elapsed());
    let usage = |what: &str| {
        let bytes: u64 = many.caches().usage().iter().map(|u| u.bytes).sum();
        println!("{what}: {} MiB kept", bytes >> 20);
    };
    let before = resident();
    let start = Instant::now();
    let columns: Vec<Loaded<EntryColumns>> = many.load().await;
    time("100,000 entries by columns", start);
    usage("columns");
    println!(
        "the process grew by {} MiB",
        resident().saturating_sub(before) >> 20
    );
    let start = Instant::now();
    let warm: Vec<DataManifest> = many.load().await;
    time("again", start);
    for (what, filter) in [
        ("one day", on_day(3)),
        ("one file", col("id").eq(lit(12_345_i64))),
        ("a name", col("name").eq(lit("name 00000007"))),
    ] {
        let start = Instant::now();
        let selection = many.select(&warm, filter);
        println!(
            "{what}: {} files in {:?}",
            selection.files.len(),
            start.elapsed()
        );
    }
    let types = super::super::manifests::column_types(many.table.metadata());
    let start = Instant::now();
    for manifest in &columns[..10] {
        for entry in manifest.manifest.live() {
            manifest.manifest.entry(entry, &types).unwrap();
        }
    }
    time("1,000 entries as objects from columns", start);
    let before = resident();
    let start = Instant::now();
    let objects: Vec<Loaded<Manifest>> = many.load().await;
    time("100,000 entries as objects", start);
    let weight: usize = objects.iter().map(|m| m.manifest.weight()).sum();
    println!(
        "they weigh {} MiB, the process grew by {} MiB",
        weight >> 20,
        resident().saturating_sub(before) >> 20
    );
}
