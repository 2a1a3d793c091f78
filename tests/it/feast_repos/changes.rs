// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Definitions made in a session on a repository stand in its registry, beside what Feast wrote.

use feast_registry::Registry;
use feast_testkit::relocate::fixture;

use super::{Repositories, error, joined, lines, read, rows};

#[test]
fn the_registry_file_is_given_back_byte_for_byte() {
    let bytes = read(fixture("feast_repos/rides/data/registry.db"));
    let registry = Registry::parse(&bytes).unwrap();
    assert_eq!(registry.to_bytes(), bytes);
    assert_eq!(registry.projects(), ["rides", "food"]);
}

#[tokio::test]
async fn opening_and_reading_change_nothing() {
    let repositories = Repositories::place();
    for (name, file) in [
        ("rides", "rides/data/registry.db"),
        ("sql", "sql/registry.sqlite"),
    ] {
        let before = read(repositories.dir(file));
        let feast = repositories.open(name).await;
        lines(&feast, &joined("['driver_stats:*']")).await;
        assert_eq!(read(repositories.dir(file)), before, "{name}");
    }
}

#[tokio::test]
async fn definitions_stay_in_the_repository() {
    let repositories = Repositories::place();
    for (name, folder) in [("rides", "data"), ("sql", "../rides/data")] {
        let feast = repositories.open(name).await;
        for sql in [
            "CREATE FEATURE VIEW by_sql ENTITIES (driver) FEATURES (trips INT) FROM lake.features.driver_stats \
             TIMESTAMP event_timestamp TTL INTERVAL '2 days'"
                .to_owned(),
            format!(
                "CREATE FEATURE VIEW from_file ENTITIES (driver) FEATURES (hired UNIX_TIMESTAMP) FROM '{folder}/driver_profile.parquet' \
                 TIMESTAMP event_timestamp"
            ),
            "CREATE FEATURE SERVICE from_sql AS (by_sql, from_file, driver_stats (active))".to_owned(),
            "DROP FEATURE SERVICE customer_model".to_owned(),
        ] {
            rows(&feast, &sql).await.unwrap_or_else(|e| panic!("{name}: {sql}: {e}"));
        }
        let again = repositories.open(name).await;
        for session in [&feast, &again] {
            let answer = lines(session, &joined("'from_sql'")).await;
            assert_eq!(answer.len(), 2, "{name}");
            let services = lines(
                session,
                "SELECT name FROM feast.registry.feature_services ORDER BY 1",
            )
            .await;
            assert_eq!(
                services,
                ["driver_model", "from_sql", "scored_model", "trip_model"]
            );
            let gone = error(session, &joined("'customer_model'")).await;
            assert!(gone.contains("customer_model"), "{gone}");
            assert_eq!(lines(session, &joined("'trip_model'")).await.len(), 2);
        }
        // As the sources of Feast name the catalog: relative to the repository, without its secrets.
        let source = lines(&again, "SHOW CREATE FEATURE VIEW by_sql")
            .await
            .join(" ");
        assert!(
            source.contains(r#"FROM lake."features".driver_stats"#),
            "{source}"
        );
    }
    let registry = Registry::parse(&read(repositories.dir("rides/data/registry.db"))).unwrap();
    let view = registry.feature_view("rides", "by_sql").unwrap().unwrap();
    let feast_registry::Source::Iceberg(source) = view.source.source else {
        panic!("{:?}", view.source.source);
    };
    assert_eq!(source.endpoint.as_deref(), Some("sqlite:///catalog.db"));
    assert_eq!(source.catalog_properties.len(), 1);
}

#[tokio::test]
async fn a_path_into_an_iceberg_table_is_refused_in_sql_too() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    for path in [
        "warehouse/features/driver_stats/data/*.parquet",
        "warehouse/features/driver_stats",
        "warehouse/features",
        "warehouse/*/*/data/*.parquet",
    ] {
        let sql = format!(
            "CREATE FEATURE VIEW raw ENTITIES (driver) FEATURES (trips INT) FROM '{path}' TIMESTAMP event_timestamp"
        );
        let error = error(&feast, &sql).await;
        assert!(error.contains("as plain Parquet"), "{path}: {error}");
    }
}

#[tokio::test]
async fn an_empty_repository_is_filled_by_sql() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("feature_store.yaml"),
        "project: fresh\nregistry: data/registry.db\nprovider: local\n",
    )
    .unwrap();
    let feast = Box::pin(datafusion_feast::FeastContext::open(folder.path()))
        .await
        .unwrap();
    assert!(feast.notices().unwrap()[0].contains("feast apply"));
    rows(&feast, "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)")
        .await
        .unwrap();
    assert!(feast.notices().unwrap().is_empty());
    let registry = Registry::parse(&read(folder.path().join("data/registry.db"))).unwrap();
    assert!(registry.entity("fresh", "driver").unwrap().is_some());
}
