// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is defined is seen whole, whatever kind of registry holds it.

use datafusion_feast::{FeastContext, FeatureRepository};

use super::{Repositories, lines};

const VIEWS: &str = "SELECT name, kind, entities, join_keys, ttl, timestamp_field, created_timestamp_column, online, \
                     description, owner, tags FROM feast.registry.feature_views ORDER BY name";

#[tokio::test]
async fn every_object_is_seen() {
    let repositories = Repositories::place();
    for name in ["rides", "sql"] {
        let feast = repositories.open(name).await;
        let entities = lines(&feast, "SHOW ENTITIES").await;
        assert_eq!(
            entities,
            [
                "customer | customer_id | STRING |  |  | {}",
                "driver | driver_id | INT64 | Who drives | rides@example.com | {team: rides}",
                "zone | zone_id | INT32 |  |  | {}",
            ],
            "{name}"
        );
        let views = lines(&feast, VIEWS).await;
        for expected in [
            "driver_stats | feature view | [driver] | [driver_id] | 48 hours | event_timestamp | created | true | \
             Figures of a driver | rides@example.com | {größe: ü, team: rides}",
            "customer_profile | feature view | [customer] | [customer_id] |  | event_timestamp |  | true |  |  | {}",
            "driver_profile | feature view | [driver] | [driver_id] | 96 hours | event_timestamp | created | false |  |  | {}",
            "zone_demand | feature view | [zone] | [zone_id] | 12 hours | event_timestamp | created | true |  |  | {}",
            "weather | feature view | [] | [] | 9 hours | event_timestamp | created | true |  |  | {}",
            "live_demand | stream feature view | [zone] | [zone_id] | 24 hours | event_timestamp | created | true |  |  | {}",
        ] {
            let name = expected.split(' ').next().unwrap();
            let found = views
                .iter()
                .find(|view| view.split(' ').next() == Some(name));
            let same = |text: &str| {
                text.replace("ttl", "")
                    .split_whitespace()
                    .collect::<String>()
            };
            let found = found.unwrap_or_else(|| panic!("no view {name} in {views:#?}"));
            assert_eq!(same(&normal(found)), same(expected));
        }
        assert_eq!(views.len(), 20, "{views:#?}");
        let pair = lines(&feast, "SELECT join_keys, source FROM feast.registry.feature_views WHERE name = 'driver_customer'").await;
        assert!(
            pair[0].starts_with("[driver_id, customer_id] | '"),
            "{pair:?}"
        );

        let features = lines(
            &feast,
            "SELECT name, value_type, description FROM feast.registry.features WHERE feature_view = 'driver_stats'",
        )
        .await;
        assert_eq!(
            features,
            [
                "conv_rate | DOUBLE | Accepted of offered",
                "trips_today | INT32 |",
                "rating | DOUBLE |",
                "active | BOOL |",
            ]
        );
        let lists = lines(&feast, "SELECT name, value_type FROM feast.registry.features WHERE feature_view = 'driver_profile'").await;
        assert_eq!(
            lists,
            [
                "badges | STRING_LIST",
                "scores | INT64_LIST",
                "hired | UNIX_TIMESTAMP"
            ]
        );

        let services = lines(&feast, "SELECT name, feature_views, description, owner, tags FROM feast.registry.feature_services ORDER BY name").await;
        assert_eq!(
            services,
            [
                "customer_model | [customer_profile, driver_customer, live_demand] |  |  | {}",
                "driver_model | [driver_stats, driver_profile, driver_customer] |  |  | {}",
                "scored_model | [driver_stats, driver_score] |  |  | {}",
                "trip_model | [driver_stats, weather, origin, destination] | Price of a trip | ml@example.com | {stage: prod}",
            ]
        );
        let mapping = lines(&feast, "SELECT kind, field_mapping FROM feast.registry.data_sources WHERE name = 'lake.features.driver_stats'").await;
        assert_eq!(mapping, ["iceberg | {trips: trips_today}"]);
    }
}

/// Intervals are shown in the same unit.
fn normal(line: &str) -> String {
    line.replace("2 days", "48 hours")
        .replace("4 days", "96 hours")
        .replace("1 days", "24 hours")
        .replace("172800.000000000 secs", "48 hours")
        .replace("345600.000000000 secs", "96 hours")
        .replace("86400.000000000 secs", "24 hours")
}

#[tokio::test]
async fn a_service_is_written_as_sql() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    let text = lines(&feast, "SHOW CREATE FEATURE SERVICE trip_model")
        .await
        .join(" ");
    for part in [
        "AS origin ON (zone_id = origin_id)",
        "zone_demand (demand) AS destination ON (zone_id = destination_id)",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let view = lines(&feast, "SHOW CREATE FEATURE VIEW driver_stats")
        .await
        .join(" ");
    assert!(
        view.contains(r#"FROM lake."features".driver_stats"#),
        "{view}"
    );
    assert!(view.contains("trips AS trips_today"), "{view}");
}

#[tokio::test]
async fn projects_are_apart() {
    let repositories = Repositories::place();
    let repository = FeatureRepository::open(repositories.dir("rides")).unwrap();
    let builder = FeastContext::builder().with_repository(repository);
    let feast = Box::pin(builder.with_project("food").build())
        .await
        .unwrap();
    let views = lines(
        &feast,
        "SELECT name, description FROM feast.registry.feature_views",
    )
    .await;
    assert_eq!(views, ["driver_stats | of food"]);
    let services = lines(
        &feast,
        "SELECT name, features FROM feast.registry.feature_services",
    )
    .await;
    assert_eq!(services, ["trip_model | [driver_stats:badges]"]);
    assert_eq!(feast.notices().unwrap().len(), 3);
    let catalogs = lines(
        &feast,
        "SELECT DISTINCT catalog_name FROM information_schema.schemata WHERE catalog_name = 'lake'",
    )
    .await;
    assert!(catalogs.is_empty(), "{catalogs:?}");

    let other = FeatureRepository::open(repositories.dir("rides")).unwrap();
    let builder = FeastContext::builder().with_repository(other);
    let feast = Box::pin(builder.with_project("nobody").build())
        .await
        .unwrap();
    assert!(lines(&feast, "SHOW FEATURE VIEWS").await.is_empty());
    let notices = feast.notices().unwrap().join("\n");
    assert!(
        notices.contains("nothing of project nobody yet"),
        "{notices}"
    );
}

#[tokio::test]
async fn catalogs_appear_under_their_names() {
    let repositories = Repositories::place();
    for name in ["rides", "sql"] {
        let feast = repositories.open(name).await;
        let count = lines(&feast, "SELECT count(*) FROM lake.features.driver_stats").await;
        assert_eq!(count.len(), 1);
        // Sources that describe one catalog with more and with fewer properties share it.
        let catalogs = "SELECT DISTINCT table_catalog FROM information_schema.tables WHERE table_catalog LIKE 'lake%'";
        assert_eq!(lines(&feast, catalogs).await, ["lake"]);
        let tables = lines(&feast, "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'lake' AND table_schema = 'features' ORDER BY 1").await;
        assert!(tables.contains(&"driver_stats".to_owned()), "{tables:?}");
    }
}

#[tokio::test]
async fn secrets_are_used_and_not_shown() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    let mut shown = format!("{feast:?} {:?}", feast.notices().unwrap());
    for sql in [
        "SHOW DATA SOURCES",
        "SHOW FEATURE VIEWS",
        "SELECT * FROM feast.registry.unsupported",
        "SHOW CREATE FEATURE VIEW driver_stats",
        "DESCRIBE FEATURE VIEW driver_stats",
        "EXPLAIN SELECT * FROM lake.features.driver_stats",
        "SHOW ALL",
    ] {
        shown += &lines(&feast, sql).await.join("\n");
    }
    assert!(!shown.contains("hush"), "{shown}");
    let repository = FeatureRepository::open(repositories.dir("rides")).unwrap();
    assert!(!format!("{repository:?}").contains("hush"));
}
