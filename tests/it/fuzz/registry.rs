// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Registries: no bytes make a panic or much memory, what is read is written back as it was, and what is changed in one is read again.

use std::path::Path;

use feast_registry::{Entity, FeatureService, FeatureView, Registry, Timestamp, ValueType};
use feast_testkit::fuzz::{Form, Told};
use feast_testkit::relocate::fixture;

use super::{corpus, tell};

#[test]
fn registries() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["empty", "files", "iceberg", "projects"]
        .map(|name| root.join(format!("crates/registry/tests/data/{name}.db")));
    let repositories = ["rides/data/registry.db", "altered/registry.db"];
    let repositories = repositories.map(|name| fixture("feast_repos").join(name));
    let inputs = files.iter().chain(&repositories);
    let fuzz =
        corpus("registry", Form::Protobuf).with(inputs.map(|file| std::fs::read(file).unwrap()));
    let told: Told = fuzz.run(1_000, read_and_change);
    tell("registry", told, 30);
}

/// Reads all there is, and changes some of it.
fn read_and_change(bytes: &[u8]) -> String {
    let mut registry = match Registry::parse(bytes) {
        Ok(registry) => registry,
        Err(error) => return error.to_string(),
    };
    assert_eq!(registry.to_bytes(), bytes);
    let mut told = String::new();
    let mut tell = |what: String| {
        if told.len() < 200 {
            told.push_str(&what);
        }
    };
    for project in registry.projects() {
        let refusals = registry.refusals(&project).unwrap_or_default();
        tell(format!("{} refused", "x".repeat(refusals.len().min(9))));
        let _ = registry.source_catalogs(&project);
        let views = read(registry.feature_views(&project), &mut tell);
        for view in &views {
            if let Ok(versions) = registry.feature_view_versions(&project, &view.name) {
                for version in versions {
                    let _ = registry.feature_view_version(&project, &view.name, version);
                }
            }
        }
        let services = read(registry.feature_services(&project), &mut tell);
        read(registry.entities(&project), &mut tell);
        read(registry.data_sources(&project), &mut tell);
        change(&mut registry, &project, &views, &services);
    }
    let driver = Entity::new("driver", "driver_id", ValueType::Int64);
    let _ = registry.put_entity("rides", &driver, at(2));
    registry.touch(at(3)).unwrap();
    let written = registry.to_bytes();
    assert!(written.len() < 8 * bytes.len() + 20_000);
    assert_eq!(Registry::parse(&written).unwrap().to_bytes(), written);
    told
}

fn change(
    registry: &mut Registry,
    project: &str,
    views: &[FeatureView],
    services: &[FeatureService],
) {
    for view in views.iter().take(3) {
        let mut changed = view.clone();
        if let Some(feature) = changed.features.first_mut() {
            feature.description.push_str(" changed");
        }
        if registry.put_feature_view(project, &changed, at(1)).is_ok() {
            let stored = registry.feature_view(project, &view.name).unwrap().unwrap();
            assert_eq!(stored.features, changed.features);
        }
        let _ = registry.takers(project, &view.name, None);
    }
    for service in services.iter().take(3) {
        let _ = registry.put_feature_service(project, service, at(1));
        let _ = registry.remove_feature_service(project, &service.name);
    }
    for view in views.iter().take(2) {
        let _ = registry.remove_feature_view(project, &view.name);
    }
}

fn read<T>(objects: feast_registry::Result<Vec<T>>, tell: &mut impl FnMut(String)) -> Vec<T> {
    match objects {
        Ok(objects) => objects,
        Err(error) => {
            tell(error.to_string());
            Vec::new()
        }
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}
