// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables of many manifests and files.

use std::sync::Arc;

use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{SessionContext, col, lit};
use feast_testkit::manifests::{ManyFiles, ROWS_PER_FILE};
use iceberg::table::Table;

use super::super::manifests::{LoadedManifest, list_manifests, load_manifests};
use super::super::select::{Selection, select_files};
use crate::cache::{CacheKind, IcebergCaches};
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

    async fn load(&self) -> Vec<LoadedManifest> {
        let snapshot = self.table.metadata().current_snapshot().unwrap();
        let listed = list_manifests(&self.table, &self.storage, "ns.many", snapshot);
        let listed = listed.await.unwrap();
        load_manifests(&self.table, &self.storage, "ns.many", 1, listed.data)
            .await
            .unwrap()
    }

    fn select(&self, manifests: &[LoadedManifest], filter: Expr) -> Selection {
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
    let manifests = many.load().await;
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
    let again = many.load().await;
    let same = manifests
        .iter()
        .zip(&again)
        .all(|(a, b)| Arc::ptr_eq(&a.manifest, &b.manifest));
    assert!(same);
    let after = usage().unwrap();
    assert_eq!((after.misses, after.hits), (20, before.hits + 20));
}
