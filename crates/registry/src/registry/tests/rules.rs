// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Definitions that break a rule are refused with a text that helps, and change nothing.

use super::{at, driver, driver_stats, feast_registry, file_source, map, world};
use crate::{
    DataSource, Entity, ErrorKind, FeatureService, FeatureView, FeatureViewProjection, Field,
    Registry, Source, Ttl, ValueType,
};

fn with_driver() -> Registry {
    let mut registry = Registry::new();
    registry.put_entity("rides", &driver(), at(0)).unwrap();
    registry
        .put_feature_view("rides", &driver_stats(), at(0))
        .unwrap();
    registry
}

#[track_caller]
fn refused(
    change: impl FnOnce(&mut Registry) -> crate::Result<()>,
    kind: ErrorKind,
    words: &[&str],
) {
    let mut registry = with_driver();
    let before = registry.to_bytes();
    let error = change(&mut registry).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
    assert!(!text.ends_with('.'), "{text}");
    assert_eq!(registry.to_bytes(), before, "nothing changed");
}

#[test]
fn entities() {
    let put = |entity: Entity| move |r: &mut Registry| r.put_entity("rides", &entity, at(1));
    let invalid = ErrorKind::InvalidDefinition;
    refused(
        put(Entity::new("", "id", ValueType::Int64)),
        invalid,
        &["no name"],
    );
    refused(
        put(Entity::new("__dummy", "id", ValueType::Int64)),
        invalid,
        &["__dummy"],
    );
    refused(
        put(Entity::new("x", "", ValueType::Int64)),
        invalid,
        &["'x'", "join key"],
    );
    refused(
        |r| r.put_entity("a b", &driver(), at(1)),
        invalid,
        &["project", "'a b'"],
    );
    refused(
        |r| r.remove_entity("rides", "driver").map(drop),
        ErrorKind::InUse,
        &["entity 'driver'", "driver_stats"],
    );
    assert!(!with_driver().remove_entity("rides", "other").unwrap());
    assert!(!with_driver().remove_entity("other", "driver").unwrap());
}

#[test]
fn views() {
    fn put(
        change: impl FnOnce(&mut FeatureView),
    ) -> impl FnOnce(&mut Registry) -> crate::Result<()> {
        let mut view = FeatureView {
            name: "another".into(),
            ..driver_stats()
        };
        change(&mut view);
        move |r| r.put_feature_view("rides", &view, at(1))
    }
    let invalid = ErrorKind::InvalidDefinition;
    refused(put(|v| v.name = "a:b".into()), invalid, &["'a:b'", "':'"]);
    refused(
        put(|v| v.name = "Driver_Stats".into()),
        ErrorKind::AlreadyExists,
        &["only in case"],
    );
    refused(
        put(|v| v.entities.push("rider".into())),
        ErrorKind::NotFound,
        &["'rider'", "create it first", "driver"],
    );
    refused(
        put(|v| v.entities.push("driver".into())),
        invalid,
        &["driver_id", "two entities"],
    );
    refused(
        put(|v| v.entity_columns.clear()),
        invalid,
        &["key columns", "(driver_id)"],
    );
    refused(put(|v| v.features.clear()), invalid, &["no features"]);
    refused(
        put(|v| v.features[1].name = "conv_rate".into()),
        invalid,
        &["'conv_rate' twice"],
    );
    refused(
        put(|v| v.features[1].name = "driver_id".into()),
        invalid,
        &["'driver_id' twice"],
    );
    refused(
        put(|v| v.features[1].name = "cr".into()),
        invalid,
        &["'cr'", "field mapping"],
    );
    refused(
        put(|v| v.source.timestamp_field.clear()),
        invalid,
        &["event time"],
    );
    refused(
        put(|v| v.source.created_timestamp_column = Some("event_timestamp".into())),
        invalid,
        &["event_timestamp", "two columns"],
    );
    refused(
        put(|v| v.ttl = Some(Ttl::new(-1, 0))),
        invalid,
        &["negative"],
    );
    refused(
        put(|v| v.tags = map(&[("datafusion_feast.x", "1")])),
        invalid,
        &["datafusion_feast.x"],
    );
    refused(
        put(|v| {
            let kind = "BATCH_BIGQUERY".into();
            v.source.source = Source::Other {
                kind,
                name: String::new(),
            };
        }),
        ErrorKind::Unsupported,
        &["BATCH_BIGQUERY", "lake.rides.driver_stats"],
    );
}

#[test]
fn views_that_only_feast_can_write() {
    let mut registry = feast_registry("files");
    let pushed = registry.feature_view("rides", "pushed").unwrap().unwrap();
    let error = registry
        .put_feature_view("rides", &pushed, at(0))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let taken = FeatureView {
        name: "labels".into(),
        ..world()
    };
    let error = registry
        .put_feature_view("rides", &taken, at(0))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("label view"), "{error}");
    let error = registry.remove_feature_view("rides", "added").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(registry.to_bytes(), super::feast_file("files"));
}

#[test]
fn services() {
    let taken = |view: &str| FeatureViewProjection {
        view: view.into(),
        ..Default::default()
    };
    let put = |projections: Vec<FeatureViewProjection>| {
        let service = FeatureService {
            name: "s".into(),
            projections,
            ..Default::default()
        };
        move |r: &mut Registry| r.put_feature_service("rides", &service, at(1))
    };
    refused(
        put(vec![]),
        ErrorKind::InvalidDefinition,
        &["'s'", "no feature view"],
    );
    refused(
        put(vec![taken("none")]),
        ErrorKind::NotFound,
        &["'none'", "driver_stats"],
    );
    let twice = vec![taken("driver_stats"), taken("driver_stats")];
    refused(
        put(twice),
        ErrorKind::InvalidDefinition,
        &["twice", "alias"],
    );
    let mut unknown = taken("driver_stats");
    unknown.features.push(Field::new("speed", ValueType::Float));
    refused(
        put(vec![unknown]),
        ErrorKind::NotFound,
        &["'speed'", "conv_rate, trips"],
    );
    let mut mapped = taken("driver_stats");
    mapped.join_key_map = map(&[("rider_id", "x")]);
    refused(
        put(vec![mapped]),
        ErrorKind::InvalidDefinition,
        &["'rider_id'", "driver_id"],
    );
}

#[test]
fn what_services_use_stays() {
    let mut registry = with_driver();
    let service = FeatureService {
        name: "s".into(),
        projections: vec![FeatureViewProjection {
            view: "driver_stats".into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    registry
        .put_feature_service("rides", &service, at(1))
        .unwrap();
    let service = registry.feature_service("rides", "s").unwrap().unwrap();
    assert_eq!(
        service.projections[0].features,
        driver_stats().features,
        "all of them"
    );
    let error = registry
        .remove_feature_view("rides", "driver_stats")
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(registry.remove_feature_service("rides", "s").unwrap());
    assert!(!registry.remove_feature_service("rides", "s").unwrap());
    assert!(
        registry
            .remove_feature_view("rides", "driver_stats")
            .unwrap()
    );
    assert!(registry.remove_entity("rides", "driver").unwrap());
}

#[test]
fn sources() {
    let put =
        |source: DataSource| move |r: &mut Registry| r.put_data_source("rides", &source, at(1));
    let unnamed = DataSource {
        name: String::new(),
        ..file_source()
    };
    refused(put(unnamed), ErrorKind::InvalidDefinition, &["no name"]);
    let empty = Source::File(crate::FileSource::default());
    refused(
        put(DataSource {
            source: empty,
            ..file_source()
        }),
        ErrorKind::InvalidDefinition,
        &["world_source", "a path"],
    );
    refused(
        |r| {
            r.remove_data_source("rides", "lake.rides.driver_stats")
                .map(drop)
        },
        ErrorKind::InUse,
        &["driver_stats"],
    );
}
