// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The recorded versions of views, and sources that are queries.

use super::{at, driver, driver_stats, feast_registry, world};
use crate::{DataSource, FeatureView, Field, QuerySource, Registry, Source, ValueType};

#[test]
fn a_version_is_the_view_as_it_was_recorded() {
    let mut registry = Registry::new();
    registry.put_entity("rides", &driver(), at(0)).unwrap();
    let first = driver_stats();
    registry.put_feature_view("rides", &first, at(1)).unwrap();
    let mut second = first.clone();
    second.features.push(Field::new("added", ValueType::String));
    registry.put_feature_view("rides", &second, at(2)).unwrap();
    // Another limit begins no version.
    second.ttl = None;
    registry.put_feature_view("rides", &second, at(3)).unwrap();

    let read = Registry::parse(&registry.to_bytes()).unwrap();
    let versions = |name| read.feature_view_versions("rides", name).unwrap();
    assert_eq!(versions("driver_stats"), [0, 1]);
    assert_eq!(versions("nothing"), [0; 0]);
    let version = |number| {
        read.feature_view_version("rides", "driver_stats", number)
            .unwrap()
    };
    assert_eq!(version(0).unwrap().features, first.features);
    let recorded = version(1).unwrap();
    assert_eq!(recorded.features, second.features);
    assert_eq!(recorded.ttl, first.ttl);
    assert_eq!(version(2), None);
    assert_eq!(
        read.feature_view_version("food", "driver_stats", 0)
            .unwrap(),
        None
    );
}

/// What Feast recorded is read.
#[test]
fn feasts_own_records_are_read() {
    let registry = feast_registry("files");
    for view in registry.feature_views("rides").unwrap() {
        let versions = registry.feature_view_versions("rides", &view.name).unwrap();
        for version in versions {
            let recorded = registry.feature_view_version("rides", &view.name, version);
            let recorded = recorded.unwrap().unwrap();
            assert_eq!(
                (recorded.name, recorded.kind),
                (view.name.clone(), view.kind)
            );
        }
    }
    let versions = registry
        .feature_view_versions("rides", "driver_stats")
        .unwrap();
    assert!(!versions.is_empty());
}

#[test]
fn a_query_is_kept_as_it_is_written() {
    let text = "SELECT 'it''s' AS \"größe\", ts -- all\nFROM lake.rides.stats";
    let query = Source::Query(QuerySource { query: text.into() });
    let view = FeatureView {
        source: DataSource::new("asked", query.clone(), "ts"),
        ..world()
    };
    let mut registry = Registry::new();
    registry.put_feature_view("rides", &view, at(0)).unwrap();
    let read = Registry::parse(&registry.to_bytes()).unwrap();
    let stored = read.feature_view("rides", "world").unwrap().unwrap();
    assert_eq!(stored.source.source, query);
    let source = read.data_source("rides", "asked").unwrap().unwrap();
    assert_eq!(source.source, query);
    // Another kind of source in its place leaves nothing of it.
    let mut table = world();
    table.source.name = "asked".into();
    registry.put_feature_view("rides", &table, at(1)).unwrap();
    let bytes = registry.to_bytes();
    let current = registry.feature_view("rides", "world").unwrap().unwrap();
    assert!(matches!(current.source.source, Source::File(_)));
    assert!(Registry::parse(&bytes).is_ok());

    let mut empty = view;
    empty.source.source = Source::Query(QuerySource { query: " ".into() });
    let error = registry
        .put_feature_view("rides", &empty, at(2))
        .unwrap_err();
    assert!(error.to_string().contains("lacks a query"), "{error}");
}
