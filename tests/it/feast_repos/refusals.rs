// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What SQL cannot run is listed with the reason and refused by name; everything else is answered.

use super::{Repositories, error, joined, lines};

/// What is refused when it is asked for, and what the error has to say.
const REFUSED: [(&str, &[&str]); 9] = [
    (
        "driver_score",
        &["driver_score", "ask for the views it is made of"],
    ),
    ("spark_query", &["spark_query", "Spark's dialect", "table="]),
    (
        "spark_path",
        &["spark_path", "known to Spark only", "FileSource"],
    ),
    ("bigquery", &["bigquery", "BATCH_BIGQUERY"]),
    (
        "their_class",
        &[
            "their_class",
            "their_company.WarehouseSource",
            "Python code",
        ],
    ),
    ("computed", &["computed", "compute engine"]),
    (
        "data_files",
        &[
            "data_files",
            "features/driver_stats as plain Parquet",
            "IcebergSource",
        ],
    ),
    (
        "table_folder",
        &[
            "table_folder",
            "features/driver_stats as plain Parquet",
            "IcebergSource",
        ],
    ),
    (
        "other_lake",
        &["other_lake", "elsewhere.db", "does not exist"],
    ),
];

#[tokio::test]
async fn every_view_is_answered_or_refused_by_name() {
    let repositories = Repositories::place();
    for name in ["rides", "sql"] {
        let feast = repositories.open(name).await;
        let views = lines(
            &feast,
            "SELECT name FROM feast.registry.feature_views ORDER BY name",
        )
        .await;
        let mut answered = 0;
        for view in &views {
            let sql = joined(&format!("['{view}:*']"));
            match REFUSED.iter().find(|(refused, _)| refused == view) {
                None => {
                    assert_eq!(lines(&feast, &sql).await.len(), 2, "{name} {view}");
                    answered += 1;
                }
                Some((_, parts)) => {
                    let error = error(&feast, &sql).await;
                    for part in *parts {
                        assert!(error.contains(part), "{name} {view}: {error}");
                    }
                }
            }
        }
        assert_eq!(answered, views.len() - REFUSED.len());
        for service in ["trip_model", "driver_model", "customer_model"] {
            assert_eq!(
                lines(&feast, &joined(&format!("'{service}'"))).await.len(),
                2
            );
        }
        let error = error(&feast, &joined("'scored_model'")).await;
        assert!(error.contains("driver_score"), "{error}");
    }
}

#[tokio::test]
async fn views_of_one_table_agree() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    let trips = |view: &str| joined(&format!("['{view}:trips']"));
    let expected = lines(&feast, &trips("our_table")).await;
    assert!(
        expected.iter().any(|row| !row.ends_with("| ")),
        "{expected:?}"
    );
    for view in ["spark_table", "spark_short", "our_iceberg"] {
        assert_eq!(lines(&feast, &trips(view)).await, expected, "{view}");
    }
}

#[tokio::test]
async fn what_cannot_be_queried_is_listed() {
    let repositories = Repositories::place();
    for name in ["rides", "sql"] {
        let feast = repositories.open(name).await;
        let listed = lines(
            &feast,
            "SELECT kind, name, reason FROM feast.registry.unsupported",
        )
        .await;
        let has = |start: &str, part: &str| {
            let found = listed
                .iter()
                .any(|row| row.starts_with(start) && row.contains(part));
            assert!(found, "{name}: {start} … {part} in {listed:#?}");
        };
        has("on-demand feature view | driver_score | ", "Python");
        has("feature view | spark_query | ", "Spark's dialect");
        has("feature view | spark_path | ", "FileSource");
        has("feature view | bigquery | ", "BATCH_BIGQUERY");
        has(
            "feature view | their_class | ",
            "their_company.WarehouseSource",
        );
        has("feature view | computed | ", "compute engine");
        has("feature service | scored_model | ", "'driver_score'");
        has("data source | topic_only | ", "no batch source");
        has("data source | request | ", "with each request");
        let none = |part: &str| {
            assert!(
                !listed.iter().any(|row| row.contains(part)),
                "{part}: {listed:#?}"
            )
        };
        none("| driver_stats |");
        none("| trip_model |");
        none("| push_only |");
        none("| live_demand |");
        none("| demand_topic |");

        let notices = feast.notices().unwrap();
        let noted = |part: &str| {
            assert!(
                notices.iter().any(|notice| notice.contains(part)),
                "{part}: {notices:#?}"
            );
        };
        noted("feast.registry.unsupported");
        noted("elsewhere.db");
        if name == "rides" {
            noted("RIDES_ONLINE_PATH");
            noted("team is not known");
        }
    }
}

#[tokio::test]
async fn a_catalog_of_the_user_stands_in_for_the_sources() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    let catalog = repositories.dir("rides/catalog.db");
    let uri = format!("sqlite:///{}", catalog.display());
    let error = error(&feast, &joined("['other_lake:trips']")).await;
    assert!(error.contains("--catalog 'lake="), "{error}");

    let repository = datafusion_feast::FeatureRepository::open(repositories.dir("rides")).unwrap();
    let own = [("type", "sql"), ("uri", uri.as_str())];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let own = datafusion_feast::CatalogOptions::from_pairs("lake", own).unwrap();
    let builder = datafusion_feast::FeastContext::builder()
        .with_repository(repository)
        .with_catalog(own);
    let feast = Box::pin(builder.build()).await.unwrap();
    assert_eq!(
        lines(
            &feast,
            &joined("['other_lake:trips', 'driver_stats:active']")
        )
        .await
        .len(),
        2
    );
    let notices = feast.notices().unwrap().join("\n");
    assert!(!notices.contains("elsewhere"), "{notices}");
}
