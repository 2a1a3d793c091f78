// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry written here alone. With `FEAST_REGISTRY_OUT` set to a path it is left there, for
//! `tests/data/check_with_feast.py` to open with Feast itself.

use super::{at, driver, driver_stats, map, table_source, world};
use crate::{
    Entity, FeatureService, FeatureView, FeatureViewProjection, Field, Registry, Source, ValueType,
};

fn services() -> [FeatureService; 2] {
    let origin = FeatureViewProjection {
        view: "driver_stats".into(),
        alias: Some("origin".into()),
        features: vec![driver_stats().features[1].clone()],
        join_key_map: map(&[("driver_id", "origin_id")]),
    };
    let all = FeatureViewProjection {
        view: "world".into(),
        features: world().features,
        ..FeatureViewProjection::default()
    };
    [
        FeatureService {
            name: "both".into(),
            projections: vec![origin, all],
            description: "Both".into(),
            owner: "me".into(),
            tags: map(&[("a", "b")]),
        },
        FeatureService {
            name: "plain".into(),
            projections: vec![FeatureViewProjection {
                view: "driver_stats".into(),
                features: driver_stats().features,
                ..FeatureViewProjection::default()
            }],
            ..FeatureService::default()
        },
    ]
}

fn types() -> FeatureView {
    // Feast's Python has no plain type for the nested ones and for the null.
    let without = [
        ValueType::Unknown,
        ValueType::Null,
        ValueType::ValueList,
        ValueType::ValueSet,
    ];
    let features = ValueType::ALL
        .iter()
        .filter(|known| !without.contains(known));
    FeatureView {
        name: "types".into(),
        entities: vec!["driver".into(), "city".into()],
        entity_columns: vec![
            Field::new("driver_id", ValueType::Int64),
            Field::new("city_id", ValueType::String),
        ],
        features: features
            .map(|t| Field::new(format!("f_{}", t.name()), *t))
            .collect(),
        ..world()
    }
}

fn sample() -> Registry {
    let mut registry = Registry::new();
    registry.put_entity("rides", &driver(), at(0)).unwrap();
    let city = Entity::new("city", "city_id", ValueType::String);
    registry.put_entity("rides", &city, at(0)).unwrap();
    for view in [driver_stats(), world(), types()] {
        registry.put_feature_view("rides", &view, at(1)).unwrap();
    }
    for service in services() {
        registry
            .put_feature_service("rides", &service, at(2))
            .unwrap();
    }
    registry.put_entity("food", &driver(), at(3)).unwrap();
    registry.touch(at(4)).unwrap();
    registry
}

#[test]
fn what_was_put_is_read() {
    let registry = sample();
    let bytes = registry.to_bytes();
    if let Some(path) = std::env::var_os("FEAST_REGISTRY_OUT") {
        std::fs::write(path, &bytes).unwrap();
    }
    let read = Registry::parse(&bytes).unwrap();
    assert_eq!(read.to_bytes(), bytes);
    assert_eq!(read.projects(), ["rides", "food"]);
    assert_eq!(read.entity("rides", "driver").unwrap(), Some(driver()));
    assert_eq!(read.entities("rides").unwrap().len(), 2);
    assert_eq!(read.entities("food").unwrap(), [driver()]);
    assert_eq!(read.feature_view("rides", "world").unwrap(), Some(world()));
    assert_eq!(read.feature_view("rides", "types").unwrap(), Some(types()));
    assert_eq!(read.feature_services("rides").unwrap(), services());

    let stats = read.feature_view("rides", "driver_stats").unwrap().unwrap();
    let mut expected = driver_stats();
    let Source::Iceberg(source) = &expected.source.source else {
        panic!()
    };
    expected.source.source = Source::Iceberg(source.without_secrets());
    assert_eq!(stats, expected);
    let recorded = read.data_source("rides", &expected.source.name).unwrap();
    assert_eq!(recorded, Some(expected.source));
}

#[test]
fn no_secret_is_written() {
    let bytes = sample().to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("hunter2") && !text.contains("secret-access-key"));
    assert!(text.contains("postgresql://me@host/db"));
}

#[test]
fn the_same_definitions_give_the_same_bytes() {
    assert_eq!(sample().to_bytes(), sample().to_bytes());
}

#[test]
fn a_table_by_its_name_is_a_custom_source() {
    let mut registry = Registry::new();
    let view = FeatureView {
        source: table_source(),
        ..world()
    };
    registry.put_feature_view("rides", &view, at(0)).unwrap();
    let bytes = registry.to_bytes();
    assert_eq!(registry.feature_view("rides", "world").unwrap(), Some(view));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("datafusion_feast.TableSource"));
    assert!(text.contains(r#"{"table": "lake.rides.\"Odd name\""}"#));
}

#[test]
fn views_of_no_entity_are_written_as_feast_does() {
    let mut registry = Registry::new();
    registry.put_feature_view("rides", &world(), at(0)).unwrap();
    let bytes = registry.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("\u{1a}\u{7}__dummy") && text.contains("__dummy_id"));
    assert!(registry.entities("rides").unwrap().is_empty());
    let second = FeatureView {
        name: "second".into(),
        ..world()
    };
    registry.put_feature_view("rides", &second, at(1)).unwrap();
    let dummies = registry
        .parts
        .iter()
        .filter(|part| part.number == 1)
        .count();
    assert_eq!(dummies, 1);
}
