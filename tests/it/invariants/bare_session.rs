// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Every provider plans alone: in a session that has nothing of ours but the table functions the answers
//! are the same. `tests/slt/bare` has the forms and refusals; here is the comparison.

use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_feast::{CatalogOptions, FeastContext};
use feast_iceberg::{IcebergCatalogProvider, connect};

use super::{refusal, rows, table};
use crate::bare::bare_session;
use crate::place::Place;

fn lake_options(place: &Place) -> CatalogOptions {
    let text = place.expand("lake=type=sql,uri=sqlite:///${LAKE}/catalog.db");
    CatalogOptions::parse(&text).unwrap()
}

const VIEW: &str = r#"{
  "entities": [{"name": "driver", "join_key": "driver_id", "type": "BIGINT"}],
  "feature_views": [{"name": "driver_stats", "entities": ["driver"],
    "source": "lake.features.driver_stats", "timestamp": "event_timestamp",
    "created_timestamp": "created", "ttl": "7 days"}]}"#;

#[tokio::test]
async fn a_plain_session_answers_as_ours_does() {
    let place = Place::of("${LAKE}");
    let bare = bare_session(SessionConfig::new().with_target_partitions(3)).unwrap();
    let catalog = connect(&lake_options(&place)).await.unwrap();
    let provider: Arc<dyn CatalogProvider> = Arc::new(IcebergCatalogProvider::new(catalog, "lake"));
    bare.register_catalog("lake", provider);
    let feast = FeastContext::builder()
        .with_catalog(lake_options(&place))
        .build()
        .await
        .unwrap();
    let apply = format!("SELECT * FROM feast_apply('{VIEW}', false)");
    assert_eq!(table(&bare, &apply).await, table(&feast, &apply).await);

    for query in [
        "SELECT * FROM feast_pit_join('${LAKE}/entities.parquet', ['driver_stats:*'], \
         {'full_feature_names': true}) ORDER BY order_id",
        "SELECT order_id, conv_rate FROM feast_pit_join('${LAKE}/entities.parquet', \
         ['driver_stats:conv_rate'], {'as_of_snapshot': {'driver_stats': ${driver_stats@1}}}) \
         WHERE label = 1 ORDER BY order_id",
        "SELECT driver_id, count(*) AS n, avg(conv_rate) AS rate FROM \
         feast_pit_join('${LAKE}/entities.parquet', ['driver_stats:conv_rate'], \
         {'filter_by_created_timestamp': true}) GROUP BY driver_id ORDER BY driver_id",
        "SELECT * FROM feast_pit_join('${LAKE}/entities.parquet', ['driver_stats:conv_rate'], \
         {'provenance': true}) WHERE driver_id > 1003 ORDER BY order_id LIMIT 20",
        "SELECT * FROM feast_snapshot_at(['driver_stats:conv_rate'], TIMESTAMP '2025-01-20T00:00:00', \
         {'as_of_snapshot': {'driver_stats': ${driver_stats@1}}, 'provenance': true})",
        "SELECT * FROM feast_observed_times(['driver_stats:conv_rate'], NULL, '2025-01-05', MAP {})",
        "SELECT * FROM feast_all_versions(['driver_stats:*'], '2025-01-05', NULL, MAP {}) \
         ORDER BY driver_id, event_timestamp",
        "SELECT * FROM lake.features.trips WHERE region = 'south' ORDER BY event_timestamp",
        "SELECT count(*) AS n, sum(total_trips) AS trips FROM lake.features.driver_stats",
        "SELECT * FROM feast_feature_views()",
    ] {
        let query = place.expand(query);
        assert_eq!(
            table(&bare, &query).await,
            table(&feast, &query).await,
            "{query}"
        );
    }
}

/// A call must never be readable in two ways: DataFusion drops what it does not understand before the
/// function sees it, so every count but one is refused.
#[tokio::test]
async fn a_plain_session_takes_three_arguments_only() {
    let bare: SessionContext = bare_session(SessionConfig::new()).unwrap();
    rows(
        &bare,
        "CREATE TABLE orders AS SELECT 1 AS driver_id, now() AS event_timestamp",
    )
    .await;
    for call in [
        "feast_pit_join()",
        "feast_pit_join('orders')",
        "feast_pit_join('orders', ['v:f'])",
        "feast_pit_join('orders', ['v:f'], MAP {}, 1)",
        "feast_pit_join('orders', ['v:f'], full_feature_names => true)",
        "feast_pit_join((SELECT * FROM orders), ['v:f'], MAP {})",
    ] {
        let error = refusal(&bare, &format!("SELECT * FROM {call}")).await;
        let expected = "feast_pit_join expects exactly three positional arguments";
        assert!(error.contains(expected), "{call}: {error}");
    }
}
