// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What services and on-demand views hold of a view is as the view has it.

use super::{at, feast_registry};
use crate::message::Message;
use crate::registry::{Kind, Registry};
use crate::{ErrorKind, FeatureService, FeatureViewProjection, Field, Ttl, ViewKind};

const ON_DEMAND: Kind = Kind::View(ViewKind::OnDemand);

fn stored(registry: &Registry, kind: Kind, name: &str) -> Vec<u8> {
    registry.stored(kind, "rides", name).unwrap().to_vec()
}

/// The messages at a path of field numbers.
fn at_path(bytes: &[u8], path: &[u32]) -> Vec<Vec<u8>> {
    let Some((number, rest)) = path.split_first() else {
        return vec![bytes.to_vec()];
    };
    let message = Message::read(bytes).unwrap();
    let found = message.repeated(*number).unwrap();
    found.into_iter().flat_map(|it| at_path(it, rest)).collect()
}

#[test]
fn copies_follow_the_view() {
    let mut registry = feast_registry("files");
    let before = registry.clone();
    let mut view = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    view.features[0].description = "changed".to_owned();
    registry.put_feature_view("rides", &view, at(1)).unwrap();

    let field = stored(&registry, Kind::View(ViewKind::Batch), "driver_stats");
    let field = at_path(&field, &[1, 4])[0].clone();
    assert!(field.ends_with(b"changed"));
    let service = stored(&registry, Kind::Service, "all_stats");
    assert_eq!(at_path(&service, &[1, 3, 2])[0], field);
    let on_demand = stored(&registry, ON_DEMAND, "added");
    assert!(at_path(&on_demand, &[1, 4, 2, 3, 2]).contains(&field));
    // What takes nothing that changed stays as it is, and so does the code of the on-demand view.
    for (path, kind, name) in [
        (&[][..], Kind::Service, "renamed"),
        (&[1, 10], ON_DEMAND, "added"),
        (&[1, 3], ON_DEMAND, "added"),
    ] {
        let parts = |registry: &Registry| at_path(&stored(registry, kind, name), path);
        let old = parts(&before);
        assert!(!old.is_empty());
        assert_eq!(old, parts(&registry), "{name}");
    }
}

#[test]
fn what_is_not_copied_changes_nothing_else() {
    let mut registry = feast_registry("files");
    let before = registry.clone();
    let mut view = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    view.ttl = Some(Ttl::new(5, 0));
    registry.put_feature_view("rides", &view, at(1)).unwrap();
    for (kind, name) in [
        (Kind::Service, "all_stats"),
        (Kind::Service, "renamed"),
        (ON_DEMAND, "added"),
    ] {
        assert_eq!(stored(&registry, kind, name), stored(&before, kind, name));
    }
}

#[test]
fn a_copy_of_what_is_gone_stays() {
    let mut registry = feast_registry("files");
    let before = stored(&registry, Kind::Service, "all_stats");
    let mut view = registry
        .feature_view("rides", "driver_stats")
        .unwrap()
        .unwrap();
    view.features.retain(|feature| feature.name != "trips");
    view.features[0].description = "changed".to_owned();
    registry.put_feature_view("rides", &view, at(1)).unwrap();
    assert_eq!(stored(&registry, Kind::Service, "all_stats"), before);
}

#[test]
fn a_service_takes_all_that_a_view_says_of_a_feature() {
    let mut registry = feast_registry("files");
    let service = FeatureService {
        name: "vectors".to_owned(),
        projections: vec![FeatureViewProjection {
            view: "types".to_owned(),
            features: vec![Field {
                name: "f_float_list".to_owned(),
                ..Field::default()
            }],
            ..FeatureViewProjection::default()
        }],
        ..FeatureService::default()
    };
    registry
        .put_feature_service("rides", &service, at(1))
        .unwrap();
    let view = stored(&registry, Kind::View(ViewKind::Batch), "types");
    let named =
        |bytes: &Vec<u8>| Message::read(bytes).unwrap().string(1).unwrap() == "f_float_list";
    let field = at_path(&view, &[1, 4]).into_iter().find(named).unwrap();
    let service = stored(&registry, Kind::Service, "vectors");
    assert_eq!(at_path(&service, &[1, 3, 2]), [field]);
}

#[test]
fn takers_are_named_and_keep_the_view() {
    let mut registry = feast_registry("files");
    let takers =
        |registry: &Registry, feature| registry.takers("rides", "driver_stats", feature).unwrap();
    assert_eq!(
        takers(&registry, Some("conv_rate")).as_deref(),
        Some("feature services all_stats and the on-demand feature views added")
    );
    assert_eq!(takers(&registry, Some("nothing")), None);
    for service in ["all_stats", "renamed"] {
        registry.remove_feature_service("rides", service).unwrap();
    }
    let error = registry.remove_feature_view("rides", "driver_stats");
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InUse);
    assert!(error.to_string().contains("added"), "{error}");
}
