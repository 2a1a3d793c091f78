// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Edits change what they name and leave the rest.

use super::{at, driver, driver_stats, feast_registry, file_source, iceberg_source, map, world};
use crate::edit::Draft;
use crate::message::Message;
use crate::registry::{Kind, Part, Registry};
use crate::wire::{bytes_field, varint_field};
use crate::{FeatureView, Field, Source, Timestamp, ValueType, ViewKind};

const VIEW: Kind = Kind::View(ViewKind::Batch);

fn stored(registry: &Registry, kind: Kind, name: &str) -> Vec<u8> {
    registry.stored(kind, "rides", name).unwrap().to_vec()
}

/// Adds fields that this library does not know to every object and to what is nested in views.
fn with_unknown_fields(registry: &Registry) -> Registry {
    fn unknown(bytes: &[u8]) -> Vec<u8> {
        // The last is a group, number 899.
        let group = b"\x9b\x38\x08\x01\x9c\x38".to_vec();
        [
            bytes.to_vec(),
            varint_field(900, 42),
            bytes_field(901, b"later"),
            group,
        ]
        .concat()
    }
    let parts = registry.parts.iter().map(|part| match &part.key {
        Some(key) if key.kind == VIEW => {
            let message = Message::read(part.bytes()).unwrap();
            let spec = message.message(1).unwrap().unwrap();
            let mut draft = Draft::of(Some(part.bytes())).unwrap();
            let mut spec = Draft::of(Some(&spec)).unwrap();
            let source = spec.get(7).unwrap().unwrap();
            spec.message(7, &unknown(&source)).unwrap();
            draft.message(1, &unknown(&spec.into_bytes())).unwrap();
            Part::object(key.clone(), &unknown(&draft.into_bytes()))
        }
        Some(key) => Part::object(key.clone(), &unknown(part.bytes())),
        None => part.clone(),
    });
    let mut parts: Vec<_> = parts.collect();
    let raw = bytes_field(77, b"a registry of later times");
    parts.insert(
        0,
        Part {
            number: 77,
            body: 0..0,
            raw,
            key: None,
        },
    );
    Registry { parts }
}

fn count(bytes: &[u8], needle: &[u8]) -> usize {
    bytes
        .windows(needle.len())
        .filter(|window| *window == needle)
        .count()
}

#[test]
fn putting_what_is_there_changes_only_the_time() {
    for (name, views) in [("files", 4), ("iceberg", 2)] {
        let mut registry = feast_registry(name);
        let before = registry.to_bytes();
        let mut put = 0;
        for view in registry.feature_views("rides").unwrap() {
            if view.kind == ViewKind::Batch {
                registry.put_feature_view("rides", &view, at(0)).unwrap();
                put += 1;
            }
        }
        assert_eq!(put, views);
        for service in registry.feature_services("rides").unwrap() {
            registry
                .put_feature_service("rides", &service, at(0))
                .unwrap();
        }
        for source in registry.data_sources("rides").unwrap() {
            registry.put_data_source("rides", &source, at(0)).unwrap();
        }
        for entity in registry.entities("rides").unwrap() {
            registry.put_entity("rides", &entity, at(0)).unwrap();
        }
        let after = registry.to_bytes();
        // Only the last_updated_timestamp of views, services and entities differs, at equal length
        // but for view sources that a service embeds anew.
        let reread = Registry::parse(&after).unwrap();
        let old = Registry::parse(&before).unwrap();
        assert_eq!(
            reread.feature_views("rides").unwrap(),
            old.feature_views("rides").unwrap()
        );
        assert_eq!(
            reread.data_sources("rides").unwrap(),
            old.data_sources("rides").unwrap()
        );
        for (a, b) in old.parts.iter().zip(&reread.parts) {
            match &a.key {
                Some(key) if matches!(key.kind, Kind::DataSource | Kind::Project) => {
                    assert_eq!(a.raw, b.raw, "{key:?}");
                }
                Some(key) if key.kind == VIEW => {
                    let spec = |part: &Part| {
                        Message::read(part.bytes())
                            .unwrap()
                            .message(1)
                            .unwrap()
                            .unwrap()
                            .into_owned()
                    };
                    assert_eq!(spec(a), spec(b), "{key:?}");
                }
                Some(_) => {}
                None => assert_eq!(a.raw, b.raw),
            }
        }
    }
}

#[test]
fn unknown_fields_survive_every_edit() {
    let mut registry = with_unknown_fields(&feast_registry("files"));
    let before = registry.to_bytes();
    let mut registry_again = Registry::parse(&before).unwrap();
    assert_eq!(registry_again.to_bytes(), before);

    let mut view = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    view.description = "changed".into();
    view.features.push(Field::new("new", ValueType::String));
    view.source.description = "changed too".into();
    let Source::File(file) = &mut view.source.source else {
        panic!()
    };
    file.uri = "elsewhere.parquet".into();
    let mut driver = registry.entity("rides", "driver").unwrap().unwrap();
    driver.owner = "changed".into();
    let mut service = registry
        .feature_service("rides", "renamed")
        .unwrap()
        .unwrap();
    service.description = "changed".into();
    for registry in [&mut registry, &mut registry_again] {
        registry.put_feature_view("rides", &view, at(0)).unwrap();
        registry.put_entity("rides", &driver, at(0)).unwrap();
        registry
            .put_feature_service("rides", &service, at(0))
            .unwrap();
        registry.touch(at(1)).unwrap();
    }
    assert_eq!(registry.to_bytes(), registry_again.to_bytes());
    for needle in [
        &b"\xaa\x38\x05later"[..],
        b"\x9b\x38\x08\x01\x9c\x38",
        b"\xa0\x38\x2a",
    ] {
        // The edited view has three, its source in the book, the entity and the service one each.
        assert!(count(&stored(&registry, VIEW, "driver_stats"), needle) >= 3);
        for (kind, name) in [
            (Kind::DataSource, "driver_stats_source"),
            (Kind::Entity, "driver"),
            (Kind::Service, "renamed"),
        ] {
            assert!(count(&stored(&registry, kind, name), needle) >= 1, "{name}");
        }
    }
    assert_eq!(count(&registry.to_bytes(), b"a registry of later times"), 1);
    assert_eq!(
        registry.feature_view("rides", "driver_stats").unwrap(),
        Some(view)
    );
}

#[test]
fn what_a_source_carries_stays_with_it_and_goes_with_it() {
    let mut registry = feast_registry("files");
    let at_source = registry
        .find(Kind::DataSource, "rides", "world_source")
        .unwrap();
    let mut draft = Draft::of(Some(registry.parts[at_source].bytes())).unwrap();
    draft
        .edit(11, |options| options.string(3, "http://minio:9000"))
        .unwrap();
    draft.string(4, "day").unwrap();
    let key = registry.parts[at_source].key.clone().unwrap();
    registry.parts[at_source] = Part::object(key, &draft.into_bytes());

    let mut source = file_source();
    source.timestamp_field = "other".into();
    registry.put_data_source("rides", &source, at(0)).unwrap();
    let has = |registry: &Registry, needle: &str| {
        count(
            &stored(registry, Kind::DataSource, "world_source"),
            needle.as_bytes(),
        ) > 0
    };
    assert!(has(&registry, "http://minio:9000") && has(&registry, "day"));

    source.source = iceberg_source().source;
    registry.put_data_source("rides", &source, at(0)).unwrap();
    assert!(!has(&registry, "minio") && !has(&registry, "day") && has(&registry, "IcebergSource"));
}

#[test]
fn created_stays_and_updated_moves() {
    let mut registry = Registry::new();
    let stamps = |registry: &Registry, kind, name: &str, (meta, first, second)| {
        let bytes = stored(registry, kind, name);
        let meta = Message::read(&bytes)
            .unwrap()
            .message(meta)
            .unwrap()
            .unwrap()
            .into_owned();
        let meta = Message::read(&meta).unwrap();
        let stamp = |n| Timestamp::decode(&meta.message(n).unwrap().unwrap()).unwrap();
        (stamp(first), stamp(second))
    };
    registry.put_entity("rides", &driver(), at(0)).unwrap();
    registry
        .put_feature_view("rides", &driver_stats(), at(0))
        .unwrap();
    let mut view = driver_stats();
    view.source.owner = "changed".into();
    registry.put_entity("rides", &driver(), at(9)).unwrap();
    registry.put_feature_view("rides", &view, at(9)).unwrap();
    let both = (at(0), at(9));
    assert_eq!(stamps(&registry, Kind::Entity, "driver", (2, 1, 2)), both);
    assert_eq!(stamps(&registry, VIEW, "driver_stats", (2, 1, 2)), both);
    assert_eq!(
        stamps(&registry, Kind::DataSource, &view.source.name, (50, 3, 4)),
        both
    );
    assert_eq!(
        stamps(&registry, Kind::Project, "rides", (2, 1, 2)),
        (at(0), at(0))
    );
}

#[test]
fn materialized_windows_stay_unless_given() {
    let mut registry = feast_registry("files");
    let mut view = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    let windows = std::mem::take(&mut view.materialization_intervals);
    view.ttl = None;
    registry.put_feature_view("rides", &view, at(0)).unwrap();
    let mut read = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    assert_eq!(read.materialization_intervals, windows);
    assert_eq!(read.ttl, None);
    read.materialization_intervals.push((at(0), at(5)));
    registry.put_feature_view("rides", &read, at(6)).unwrap();
    assert_eq!(
        registry.feature_view("rides", "driver_stats").unwrap(),
        Some(read)
    );
}

#[test]
fn a_version_begins_when_columns_change() {
    let versions = |registry: &Registry| -> Vec<i32> {
        let part = registry
            .parts
            .iter()
            .find(|part| part.number == 18)
            .unwrap();
        let history = Message::read(part.bytes()).unwrap();
        let records = history.repeated(1).unwrap();
        records
            .iter()
            .map(|r| Message::read(r).unwrap().int32(3).unwrap())
            .collect()
    };
    let mut registry = Registry::new();
    registry.put_feature_view("rides", &world(), at(0)).unwrap();
    assert_eq!(versions(&registry), [0]);
    let mut view = FeatureView {
        description: "x".into(),
        online: true,
        ..world()
    };
    registry.put_feature_view("rides", &view, at(1)).unwrap();
    assert_eq!(versions(&registry), [0]);
    view.features.push(Field::new("wind", ValueType::Float));
    registry.put_feature_view("rides", &view, at(2)).unwrap();
    assert_eq!(versions(&registry), [0, 1]);

    // A history that Feast began goes on, by project.
    let mut registry = feast_registry("projects");
    let mut view = registry
        .feature_view("food", "driver_stats")
        .unwrap()
        .unwrap();
    view.features.pop();
    registry.put_feature_view("food", &view, at(0)).unwrap();
    assert_eq!(versions(&registry), [0, 0, 1, 2]);
    Registry::parse(&registry.to_bytes()).unwrap();
}

#[test]
fn tags_of_ours_are_apart_from_the_users() {
    let mut registry = Registry::new();
    registry.put_entity("rides", &driver(), at(0)).unwrap();
    let mut view = driver_stats();
    registry.put_feature_view("rides", &view, at(0)).unwrap();
    let bytes = stored(&registry, VIEW, "driver_stats");
    assert_eq!(count(&bytes, br#"["seq", "gr\u00f6\u00dfe"]"#), 1);
    let read = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    assert_eq!(read.tags, map(&[("team", "rides")]));
    assert_eq!(read.tie_break, ["seq", "größe"]);
    view.tie_break.clear();
    registry.put_feature_view("rides", &view, at(1)).unwrap();
    assert_eq!(
        count(
            &stored(&registry, VIEW, "driver_stats"),
            b"datafusion_feast."
        ),
        0
    );
}

#[test]
fn a_source_that_came_with_a_view_goes_with_the_last_one() {
    let mut registry = Registry::new();
    let names = |registry: &Registry| -> Vec<String> {
        registry
            .data_sources("rides")
            .unwrap()
            .into_iter()
            .map(|source| source.name)
            .collect()
    };
    let second = FeatureView {
        name: "second".into(),
        ..world()
    };
    registry.put_feature_view("rides", &world(), at(0)).unwrap();
    registry.put_feature_view("rides", &second, at(0)).unwrap();
    assert!(registry.remove_feature_view("rides", "world").unwrap());
    assert_eq!(names(&registry), ["world_source"]);
    let moved = FeatureView {
        source: super::table_source(),
        ..second
    };
    registry.put_feature_view("rides", &moved, at(1)).unwrap();
    assert_eq!(names(&registry), ["odd"]);
    assert!(registry.remove_feature_view("rides", "second").unwrap());
    assert!(names(&registry).is_empty());
    assert!(!registry.remove_feature_view("rides", "second").unwrap());

    registry
        .put_data_source("rides", &file_source(), at(2))
        .unwrap();
    registry.put_feature_view("rides", &world(), at(2)).unwrap();
    registry.remove_feature_view("rides", "world").unwrap();
    assert_eq!(names(&registry), ["world_source"], "recorded by itself");
}

#[test]
fn touch_gives_a_new_version() {
    let mut registry = feast_registry("files");
    let before = registry.version_id().unwrap();
    registry.touch(at(0)).unwrap();
    let after = registry.version_id().unwrap();
    assert_ne!(before, after);
    assert_eq!(after.len(), 36);
    let read = Registry::parse(&registry.to_bytes()).unwrap();
    assert_eq!(read.version_id(), Some(after));
    let mut fresh = Registry::parse(b"").unwrap();
    fresh.touch(at(0)).unwrap();
    assert!(fresh.to_bytes().starts_with(b"\x1a\x011\x22\x24"));
}
