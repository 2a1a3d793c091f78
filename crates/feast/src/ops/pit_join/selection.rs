// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which features of which views a call asks for.

use std::collections::BTreeMap;

use datafusion::common::{Result, plan_err};
use feast_registry::{FeatureRef, FeatureSelection, FeatureView, Registry, ViewKind};

use super::request::{AsOf, Features, PitJoinRequest};
use crate::ddl::did_you_mean;
use crate::ops::from_registry;

/// A view as one call uses it.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) view: FeatureView,
    /// The view's name, or its alias in the service.
    pub(super) name: String,
    pub(super) features: Vec<String>,
    /// The entity side's column for a join key of the view, where the names differ.
    pub(super) join_key_map: BTreeMap<String, String>,
}

/// Resolves the request's features against the definitions, views in the order of their first mention.
pub(super) fn select(
    registry: &Registry,
    project: &str,
    request: &PitJoinRequest,
) -> Result<Vec<Selection>> {
    let selections = match &request.features {
        Features::References(references) => from_references(registry, project, references)?,
        Features::Service(name) => from_service(registry, project, name)?,
    };
    if let AsOf::Views(views) = &request.as_of {
        for view in views.keys() {
            if !selections
                .iter()
                .any(|s| &s.name == view || &s.view.name == view)
            {
                let names = selections
                    .iter()
                    .map(|s| s.name.as_str())
                    .collect::<Vec<_>>();
                return plan_err!(
                    "feast_pit_join: as_of_snapshot names view {view}, which is not among the views asked for: {}",
                    names.join(", ")
                );
            }
        }
    }
    Ok(selections)
}

fn from_references(
    registry: &Registry,
    project: &str,
    references: &[String],
) -> Result<Vec<Selection>> {
    let mut selections: Vec<Selection> = Vec::new();
    for text in references {
        let reference = FeatureRef::parse(text).map_err(from_registry)?;
        let name = unversioned(&reference.view, text)?;
        let at = match selections.iter().position(|s| s.name == name) {
            Some(at) => at,
            None => {
                let view = find_view(registry, project, name)?;
                selections.push(Selection {
                    view,
                    name: name.to_owned(),
                    features: Vec::new(),
                    join_key_map: BTreeMap::new(),
                });
                selections.len() - 1
            }
        };
        let selection = &mut selections[at];
        match &reference.feature {
            FeatureSelection::All => {
                let all = selection
                    .view
                    .features
                    .iter()
                    .map(|f| f.name.clone())
                    .collect::<Vec<_>>();
                selection.features.extend(all);
            }
            FeatureSelection::Named(feature) => {
                check_feature(&selection.view, feature)?;
                selection.features.push(feature.clone());
            }
        }
    }
    Ok(selections)
}

/// `view@latest` is the view; a numbered version is something this version does not keep.
fn unversioned<'a>(view: &'a str, reference: &str) -> Result<&'a str> {
    let Some((name, version)) = view.split_once('@') else {
        return Ok(view);
    };
    let lower = version.to_ascii_lowercase();
    if lower == "latest" {
        return Ok(name);
    }
    let numbered = lower
        .strip_prefix('v')
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if numbered {
        return plan_err!(
            "feature reference {reference} asks for version {version} of view {name}; versions of feature views are not supported by \
             this version, leave out @{version}"
        );
    }
    Ok(view)
}

fn from_service(registry: &Registry, project: &str, name: &str) -> Result<Vec<Selection>> {
    let Some(service) = registry
        .feature_service(project, name)
        .map_err(from_registry)?
    else {
        let known = registry
            .feature_services(project)
            .map_err(from_registry)?
            .into_iter()
            .map(|s| s.name)
            .collect::<Vec<_>>();
        return plan_err!(
            "there is no feature service {name} in project {project}{}; {}; a list of references needs brackets: ['view:feature']",
            did_you_mean(name, known.iter().map(String::as_str)),
            listed("feature services", &known)
        );
    };
    let mut selections: Vec<Selection> = Vec::new();
    for projection in service.projections {
        let view = find_view(registry, project, &projection.view)?;
        let name = projection.alias.unwrap_or_else(|| projection.view.clone());
        if selections.iter().any(|s| s.name == name) {
            return plan_err!(
                "feature service {} names view {name} twice; give one an alias",
                service.name
            );
        }
        let mut features = Vec::with_capacity(projection.features.len());
        for feature in projection.features {
            check_feature(&view, &feature.name)?;
            features.push(feature.name);
        }
        selections.push(Selection {
            view,
            name,
            features,
            join_key_map: projection.join_key_map,
        });
    }
    Ok(selections)
}

fn find_view(registry: &Registry, project: &str, name: &str) -> Result<FeatureView> {
    let Some(view) = registry
        .feature_view(project, name)
        .map_err(from_registry)?
    else {
        let known = registry
            .feature_views(project)
            .map_err(from_registry)?
            .into_iter()
            .map(|v| v.name)
            .collect::<Vec<_>>();
        return plan_err!(
            "there is no feature view {name} in project {project}{}; {}",
            did_you_mean(name, known.iter().map(String::as_str)),
            listed("feature views", &known)
        );
    };
    match view.kind {
        ViewKind::Batch | ViewKind::Stream => Ok(view),
        kind => plan_err!(
            "feature view {name} is of kind {kind:?}, whose values are computed outside of SQL; ask for the views it is made of"
        ),
    }
}

fn check_feature(view: &FeatureView, feature: &str) -> Result<()> {
    if view.features.iter().any(|f| f.name == feature) {
        return Ok(());
    }
    let known = view
        .features
        .iter()
        .map(|f| f.name.clone())
        .collect::<Vec<_>>();
    plan_err!(
        "feature view {} has no feature {feature}{}; {}",
        view.name,
        did_you_mean(feature, known.iter().map(String::as_str)),
        listed("features", &known)
    )
}

fn listed(what: &str, names: &[String]) -> String {
    if names.is_empty() {
        format!("it has no {what}")
    } else {
        format!("{what}: {}", names.join(", "))
    }
}
