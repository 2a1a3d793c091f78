// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A host that has registered the providers of `iceberg-datafusion` gets this crate's scans.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use datafusion_feast::{CatalogOptions, FeastOptions, SessionStateBuilderExt};
use feast_iceberg::connect;
use iceberg::TableIdent;
use iceberg_datafusion::IcebergStaticTableProvider;

use crate::place::Place;

/// A session of a host with `table` registered as `t` by its own means, with and without our rule.
async fn sessions(place: &Place, namespace: &str, table: &str) -> [SessionContext; 2] {
    let text = place.expand("lake=type=sql,uri=sqlite:///${LAKE}/catalog.db");
    let catalog = connect(&CatalogOptions::parse(&text).unwrap())
        .await
        .unwrap();
    let ident = TableIdent::from_strs([namespace, table]).unwrap();
    let table = catalog.load_table(&ident).await.unwrap();
    let provider = IcebergStaticTableProvider::try_new_from_table(table)
        .await
        .unwrap();
    let provider = Arc::new(provider);
    let defaults = || SessionStateBuilder::new().with_default_features();
    let ours = defaults().with_feast(FeastOptions::default()).unwrap();
    [defaults(), ours].map(|builder| {
        let session = SessionContext::new_with_state(builder.build());
        session
            .register_table("t", Arc::clone(&provider) as _)
            .unwrap();
        session
    })
}

async fn answer(session: &SessionContext, query: &str) -> String {
    let frame = session.sql(query).await.unwrap();
    let batches = frame.collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_the_other_crate_is_replaced() {
    let place = Place::of("${LAKE}");
    let [theirs, ours] = sessions(&place, "features", "trips").await;
    for query in [
        "SELECT * FROM t ORDER BY event_timestamp, region",
        "SELECT count(*) FROM t",
        "SELECT max(event_timestamp), min(event_timestamp) FROM t WHERE region = 'south'",
        "SELECT region, count(*) FROM t WHERE event_timestamp > TIMESTAMP '2025-01-02T00:00:00Z' GROUP BY region ORDER BY 1",
    ] {
        assert_eq!(
            answer(&theirs, query).await,
            answer(&ours, query).await,
            "{query}"
        );
    }
    let plan = answer(&ours, "EXPLAIN SELECT * FROM t WHERE region = 'south'").await;
    assert!(plan.contains("iceberg: table=features.trips"), "{plan}");
    assert!(!plan.contains("IcebergTableScan"), "{plan}");
}

/// The other crate scans with the schema of the snapshot and does not find the renamed column.
#[tokio::test(flavor = "multi_thread")]
async fn columns_are_found_by_id() {
    let place = Place::of("${LAKE}");
    let [_, ours] = sessions(&place, "features", "driver_stats").await;
    let query = "SELECT count(avg_daily_trips), count(total_trips) FROM t";
    let found = answer(&ours, query).await;
    assert!(found.contains("| 92"), "{found}");
}

/// One thread waits for the plan that it drives.
#[tokio::test]
async fn a_runtime_of_one_thread_does_not_hang() {
    let place = Place::of("${LAKE}");
    let [theirs, ours] = sessions(&place, "features", "trips").await;
    let query = "SELECT count(*), count(region) FROM t";
    assert_eq!(answer(&theirs, query).await, answer(&ours, query).await);
}
