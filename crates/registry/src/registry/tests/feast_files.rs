// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What Feast wrote is understood, and given back byte for byte.

use super::{at, feast_file, feast_registry, map};
use crate::{FeatureViewProjection, Registry, Source, Timestamp, Ttl, ValueType, ViewKind};

#[test]
fn unchanged_registries_are_byte_identical() {
    for name in ["files", "iceberg", "projects", "empty"] {
        let bytes = feast_file(name);
        assert_eq!(Registry::parse(&bytes).unwrap().to_bytes(), bytes, "{name}");
    }
}

#[test]
fn entities_are_read_without_feasts_own() {
    let registry = feast_registry("files");
    let names: Vec<_> = registry
        .entities("rides")
        .unwrap()
        .into_iter()
        .map(|e| e.name)
        .collect();
    assert_eq!(names, ["driver", "customer"]);
    let driver = registry.entity("rides", "driver").unwrap().unwrap();
    assert_eq!(driver.join_key, "driver_id");
    assert_eq!(driver.value_type, ValueType::Int64);
    assert_eq!(driver.description, "A driver");
    assert_eq!(driver.owner, "ops@example.com");
    assert_eq!(driver.tags, map(&[("team", "rides"), ("tier", "1")]));
    assert_eq!(registry.entity("rides", "__dummy").unwrap(), None);
    assert_eq!(registry.entity("food", "driver").unwrap(), None);
}

#[test]
fn views_of_every_kind_are_read() {
    let registry = feast_registry("files");
    let views = registry.feature_views("rides").unwrap();
    let mut kinds: Vec<_> = views
        .iter()
        .map(|view| (view.name.as_str(), view.kind))
        .collect();
    kinds.sort_by_key(|(name, _)| *name);
    assert_eq!(
        kinds,
        [
            ("added", ViewKind::OnDemand),
            ("driver_stats", ViewKind::Batch),
            ("labels", ViewKind::Label),
            ("pairs", ViewKind::Batch),
            ("pushed", ViewKind::Stream),
            ("types", ViewKind::Batch),
            ("world", ViewKind::Batch),
        ]
    );
    let get = |name| registry.feature_view("rides", name).unwrap().unwrap();

    let world = get("world");
    assert!(world.entities.is_empty() && world.entity_columns.is_empty() && !world.online);
    assert_eq!(world.ttl, None);
    assert_eq!(get("pairs").entity_columns.len(), 2);

    let pushed = get("pushed");
    assert_eq!(pushed.ttl, Some(Ttl::new(7_200, 0)));
    assert_eq!(pushed.source.name, "push_batch");
    assert_eq!(pushed.features[0].name, "speed");
    let added = get("added");
    assert_eq!(added.features[0].name, "sum");
    assert!(added.entities.is_empty());
    assert!(matches!(&added.source.source, Source::Other { kind, .. } if kind.contains("demand")));
    let labels = get("labels");
    assert_eq!(labels.features[0].name, "good");
    assert_eq!(labels.entity_columns[0].name, "driver_id");
    assert_eq!(labels.source.name, "label_batch");
}

#[test]
fn a_view_is_read_in_full() {
    let stats = feast_registry("files")
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    assert_eq!(stats.entities, ["driver"]);
    assert_eq!(stats.entity_columns[0].name, "driver_id");
    let features: Vec<_> = stats.features.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(features, ["conv_rate", "trips"]);
    assert_eq!(stats.feature("conv_rate").unwrap().description, "rate");
    assert_eq!(
        stats.feature("conv_rate").unwrap().tags,
        map(&[("unit", "1")])
    );
    assert_eq!(stats.ttl, Some(Ttl::new(86_400, 500_000_000)));
    assert!(stats.online && stats.tie_break.is_empty());
    assert_eq!(stats.description, "Stats by the hour");
    let day = Timestamp::new(1_767_225_600, 0);
    let end = Timestamp::new(1_767_323_045, 678_901_000);
    assert_eq!(stats.materialization_intervals, [(day, end)]);
    let source = stats.source;
    assert_eq!(source.name, "driver_stats_source");
    assert!(matches!(&source.source, Source::File(f) if f.uri == "data/driver_stats.parquet"));
    assert_eq!(source.timestamp_field, "event_timestamp");
    assert_eq!(source.created_timestamp_column.as_deref(), Some("created"));
    assert_eq!(source.field_mapping, map(&[("cr", "conv_rate")]));
    assert_eq!(source.tags, map(&[("origin", "spark")]));
    assert_eq!(source.owner, "data@example.com");
}

#[test]
fn every_type_that_feast_writes_is_known() {
    let view = feast_registry("files")
        .feature_view("rides", "types")
        .unwrap()
        .unwrap();
    assert!(view.features.len() >= 43, "{}", view.features.len());
    for feature in view.features {
        let name = feature.name.strip_prefix("f_").unwrap();
        assert_eq!(
            ValueType::from_name(name),
            Some(feature.value_type),
            "{name}"
        );
    }
}

#[test]
fn services_are_read() {
    let registry = feast_registry("files");
    let services = registry.feature_services("rides").unwrap();
    assert_eq!(services.len(), 2);
    let all = registry
        .feature_service("rides", "all_stats")
        .unwrap()
        .unwrap();
    assert_eq!(all.owner, "me");
    assert_eq!(all.tags, map(&[("a", "b")]));
    let views: Vec<_> = all
        .projections
        .iter()
        .map(FeatureViewProjection::name_to_use)
        .collect();
    assert_eq!(views, ["driver_stats", "world"]);
    let renamed = registry
        .feature_service("rides", "renamed")
        .unwrap()
        .unwrap();
    let origin = &renamed.projections[0];
    assert_eq!(
        (origin.view.as_str(), origin.alias.as_deref()),
        ("driver_stats", Some("origin"))
    );
    assert_eq!(origin.features.len(), 1);
    assert_eq!(origin.features[0].name, "trips");
    assert_eq!(origin.join_key_map, map(&[("driver_id", "origin_id")]));
}

#[test]
fn sources_of_every_kind_are_read() {
    let registry = feast_registry("files");
    let push = registry.data_source("rides", "push").unwrap().unwrap();
    assert!(matches!(&push.source, Source::Other { kind, .. } if kind == "PUSH_SOURCE"));
    let request = registry.data_source("rides", "request").unwrap().unwrap();
    assert!(matches!(&request.source, Source::Other { kind, .. } if kind == "REQUEST_SOURCE"));

    let registry = feast_registry("iceberg");
    let source = registry
        .data_source("rides", "lake.rides.driver_stats")
        .unwrap()
        .unwrap();
    let Source::Iceberg(source) = source.source else {
        panic!("{source:?}")
    };
    assert_eq!(source.catalog_name, "lake");
    assert_eq!(source.catalog_type, "sql");
    assert_eq!(
        source.endpoint.as_deref(),
        Some("sqlite:///warehouse/catalog.db")
    );
    assert_eq!(source.warehouse.as_deref(), Some("warehouse"));
    assert_eq!(
        (source.namespace.as_str(), source.table.as_str()),
        ("rides", "driver_stats")
    );
    assert_eq!(
        source.catalog_properties,
        map(&[("prefix", "größe \"x\" 😀")]),
        "no token"
    );
    let plain = registry
        .data_source("rides", "s3://bucket/wh.a.b.t")
        .unwrap()
        .unwrap();
    let Source::Iceberg(plain) = plain.source else {
        panic!("{plain:?}")
    };
    assert_eq!(
        (plain.catalog_type.as_str(), plain.namespace.as_str()),
        ("rest", "a.b")
    );
    let unity = registry
        .feature_view("rides", "payments")
        .unwrap()
        .unwrap()
        .source;
    assert!(matches!(&unity.source, Source::Iceberg(source) if source.table == "payments"));
}

#[test]
fn several_projects_in_one_file_are_kept_apart() {
    let mut registry = feast_registry("projects");
    assert_eq!(registry.projects(), ["rides", "food"]);
    let view = |registry: &Registry, project| {
        registry
            .feature_view(project, "driver_stats")
            .unwrap()
            .unwrap()
    };
    assert_eq!(view(&registry, "rides").description, "of rides");
    assert_eq!(view(&registry, "food").features.len(), 3);
    assert_eq!(registry.feature_views("none").unwrap(), []);

    let mut changed = view(&registry, "food");
    changed.description = "new".into();
    registry.put_feature_view("food", &changed, at(0)).unwrap();
    assert_eq!(view(&registry, "rides").description, "of rides");
    assert_eq!(view(&registry, "food").description, "new");
    assert!(
        registry
            .remove_feature_service("food", "all_stats")
            .unwrap()
    );
    assert_eq!(registry.feature_services("rides").unwrap().len(), 1);
    assert_eq!(registry.feature_services("food").unwrap().len(), 0);
}

#[test]
fn an_empty_registry_of_feasts_is_empty() {
    let registry = feast_registry("empty");
    assert!(registry.projects().is_empty());
    assert!(registry.version_id().is_some());
    assert!(Registry::parse(b"").unwrap().projects().is_empty());
}
