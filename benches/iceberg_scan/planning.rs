// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Planning a table of 1,000 manifests and 100,000 files with a filter on its partitions.

use std::sync::Arc;
use std::time::Instant;

use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{col, lit};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use feast_iceberg::{IcebergCaches, IcebergTableProvider, SnapshotSelector, TableStorage};
use feast_testkit::manifests::ManyFiles;

pub async fn measure() {
    println!("\n| planning 100,000 files in 1,000 manifests | cold, ms | warm, ms |");
    println!("|---|---:|---:|");
    for (name, scattered) in [
        ("each manifest has one day", false),
        ("each manifest has all days", true),
    ] {
        let table = ManyFiles {
            scattered,
            ..ManyFiles::default()
        };
        let table = table.write().await.unwrap();
        let session = SessionContext::new();
        let state = session.state();
        let day = 86_400_000_000_i64;
        let instant = |at: i64| {
            lit(ScalarValue::TimestampMicrosecond(
                Some(at),
                Some("UTC".into()),
            ))
        };
        let filters = [
            col("ts").gt_eq(instant(40 * day)),
            col("ts").lt(instant(42 * day)),
        ];
        let caches = Arc::new(IcebergCaches::default());
        let mut took = Vec::new();
        for _ in 0..6 {
            let started = Instant::now();
            let storage = TableStorage::for_table(&table).with_caches(Arc::clone(&caches));
            let provider = IcebergTableProvider::try_new(
                table.clone(),
                Arc::new(storage),
                SnapshotSelector::Current,
            )
            .unwrap();
            let plan = provider.scan(&state, None, &filters, None).await.unwrap();
            took.push(started.elapsed().as_secs_f64() * 1e3);
            drop(plan);
        }
        let cold = took.remove(0);
        took.sort_by(f64::total_cmp);
        println!("| {name} | {cold:.0} | {:.1} |", took[took.len() / 2]);
    }
}
