// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which features of which views a call asks for.

use std::collections::BTreeMap;

use datafusion::common::{Result, plan_err};
use feast_registry::{FeatureRef, FeatureSelection, FeatureView, Registry};

use super::Call;
use super::request::{AsOf, Features, PitJoinRequest};
use crate::ddl::did_you_mean;
use crate::ops::from_registry;

/// A view as one call uses it.
#[derive(Debug)]
pub(in crate::ops) struct Selection {
    pub(in crate::ops) view: FeatureView,
    /// The view's name, or its alias in the service.
    pub(in crate::ops) name: String,
    pub(in crate::ops) features: Vec<String>,
    /// The entity side's column for a join key of the view, where the names differ.
    pub(in crate::ops) join_key_map: BTreeMap<String, String>,
}

/// Resolves the request's features against the definitions, views in the order of their first mention.
pub(in crate::ops) fn select(
    registry: &Registry,
    project: &str,
    call: Call,
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
                    "{}: as_of_snapshot names view {view}, which is not among the views asked for: {}",
                    call.name(),
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
        let name = match reference.version {
            Some(version) => format!("{}@v{version}", reference.view),
            None => reference.view.clone(),
        };
        let at = match selections.iter().position(|s| s.name == name) {
            Some(at) => at,
            None => {
                let view = match reference.version {
                    Some(version) => versioned(registry, project, &reference.view, version)?,
                    None => find_view(registry, project, &reference.view)?,
                };
                selections.push(Selection {
                    view,
                    name,
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

/// The view as a version of it was recorded: its columns, source and TTL at that time.
fn versioned(registry: &Registry, project: &str, name: &str, version: u32) -> Result<FeatureView> {
    let current = find_view(registry, project, name)?;
    let number = i32::try_from(version).unwrap_or(i32::MAX);
    let found = registry.feature_view_version(project, name, number);
    if let Some(view) = found.map_err(from_registry)? {
        return Ok(FeatureView {
            name: current.name,
            ..view
        });
    }
    let known = registry.feature_view_versions(project, name);
    let known = known.map_err(from_registry)?;
    let known: Vec<String> = known.iter().map(|known| format!("v{known}")).collect();
    if known.is_empty() {
        return plan_err!(
            "no versions of feature view {name} are recorded in this registry, so there is no v{version}; leave out @v{version}"
        );
    }
    plan_err!(
        "feature view {name} has no version v{version}; recorded are {}; leave out @v{version} for the latest",
        known.join(", ")
    )
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
    match view.refusal() {
        None => Ok(view),
        Some(why) => plan_err!("{} {name} cannot be queried: {why}", view.kind.name()),
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
