// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Sources that give two catalogs one name: each view reads its own.

use std::path::Path;

use datafusion_feast::FeastContext;
use feast_registry::{
    DataSource, Entity, FeatureView, Field, IcebergSource, Registry, Source, Timestamp, ValueType,
};
use feast_testkit::relocate::{fixture, place};

use super::{Repositories, lines, read, rows};

/// `features.driver_stats` of a catalog that is called `lake`.
fn view(name: &str, folder: &Path) -> FeatureView {
    let table = IcebergSource {
        catalog_name: "lake".to_owned(),
        catalog_type: "sql".to_owned(),
        namespace: "features".to_owned(),
        table: "driver_stats".to_owned(),
        endpoint: Some(format!("sqlite:///{}", folder.join("catalog.db").display())),
        ..IcebergSource::default()
    };
    let mut source = DataSource::new(
        format!("{name}_source"),
        Source::Iceberg(table),
        "event_timestamp",
    );
    source.created_timestamp_column = Some("created".to_owned());
    let mut view = FeatureView::new(name, source);
    view.entities = vec!["driver".to_owned()];
    view.entity_columns = vec![Field::new("driver_id", ValueType::Int64)];
    view.features = vec![Field::new("conv_rate", ValueType::Double)];
    view
}

async fn newest(feast: &FeastContext, catalog: &str) -> Vec<String> {
    let sql = format!(
        "SELECT conv_rate FROM {catalog}.features.driver_stats
         WHERE driver_id = 1003 AND event_timestamp <= TIMESTAMP '2026-01-09T00:00:00Z'
         ORDER BY event_timestamp DESC, created DESC LIMIT 1"
    );
    lines(feast, &sql).await
}

async fn joined(feast: &FeastContext, view: &str) -> Vec<String> {
    let sql = format!(
        "SELECT conv_rate FROM feast_pit_join(entities => (SELECT 1003 AS driver_id,
           TIMESTAMP '2026-01-09T00:00:00Z' AS event_timestamp), features => ['{view}:conv_rate'])"
    );
    lines(feast, &sql).await
}

#[tokio::test]
async fn two_catalogs_of_one_name_stay_apart() {
    let repositories = Repositories::place();
    let other = repositories.dir("other");
    place(&fixture("pyiceberg/v0_12"), &other).unwrap();
    let dir = repositories.dir("two");
    std::fs::create_dir(&dir).unwrap();
    let yaml = "project: two\nregistry: registry.db\n";
    std::fs::write(dir.join("feature_store.yaml"), yaml).unwrap();
    let (mut registry, now) = (Registry::new(), Timestamp::new(1, 0));
    let driver = Entity::new("driver", "driver_id", ValueType::Int64);
    registry.put_entity("two", &driver, now).unwrap();
    for (name, folder) in [
        ("rides", repositories.dir("rides")),
        ("others", other.clone()),
    ] {
        registry
            .put_feature_view("two", &view(name, &folder), now)
            .unwrap();
    }
    std::fs::write(dir.join("registry.db"), registry.to_bytes()).unwrap();

    let feast = repositories.open("two").await;
    let notices = feast.notices().unwrap();
    assert!(
        notices.len() == 1 && notices[0].contains("lake_2"),
        "{notices:?}"
    );
    let (one, two) = (newest(&feast, "lake").await, newest(&feast, "lake_2").await);
    assert_ne!(one, two);
    let (rides, others) = (
        joined(&feast, "rides").await,
        joined(&feast, "others").await,
    );
    // The order in which they are attached is that of their addresses.
    assert!([&one, &two].contains(&&rides) && [&one, &two].contains(&&others));
    assert_ne!(rides, others);
    let first = FeastContext::builder().build().await.unwrap();
    let attach = format!(
        "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///{}')",
        other.join("catalog.db").display()
    );
    rows(&first, &attach).await.unwrap();
    assert_eq!(newest(&first, "lake").await, others);

    // A definition over the second one is found again by what it says.
    for (name, catalog) in [("of_one", "lake"), ("of_two", "lake_2")] {
        let sql = format!(
            "CREATE FEATURE VIEW {name} ENTITIES (driver) FEATURES (conv_rate DOUBLE)
             FROM {catalog}.features.driver_stats TIMESTAMP event_timestamp CREATED TIMESTAMP created"
        );
        rows(&feast, &sql).await.unwrap();
    }
    let written = Registry::parse(&read(dir.join("registry.db"))).unwrap();
    for name in ["of_one", "of_two"] {
        let view = written.feature_view("two", name).unwrap().unwrap();
        let Source::Iceberg(source) = view.source.source else {
            panic!("{name}");
        };
        assert_eq!(source.catalog_name, "lake");
    }
    for feast in [feast, repositories.open("two").await] {
        assert_eq!(joined(&feast, "of_one").await, one);
        assert_eq!(joined(&feast, "of_two").await, two);
    }
}
