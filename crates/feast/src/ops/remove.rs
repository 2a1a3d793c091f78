// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `DROP`: what others still use stays.

use datafusion::common::Result;
use feast_registry::{Registry, Timestamp};

use super::change::{Action, Outcome};
use super::error::{from_registry, not_found};
use crate::ddl::{Drop, ObjectKind};

/// Removes one object. The registry refuses what others use, and takes a view's source with its view.
pub(super) fn remove(
    registry: &mut Registry,
    project: &str,
    statement: &Drop,
    now: Timestamp,
) -> Result<Outcome> {
    let (kind, name) = (statement.kind, statement.name.as_str());
    let removed = match kind {
        ObjectKind::Entity => registry.remove_entity(project, name),
        ObjectKind::FeatureView => registry.remove_feature_view(project, name),
        ObjectKind::FeatureService => registry.remove_feature_service(project, name),
    };
    if removed.map_err(from_registry)? {
        registry.touch(now).map_err(from_registry)?;
        return Ok(Outcome::new(kind, name, Action::Drop, String::new()));
    }
    if statement.if_exists {
        let detail = "it does not exist".to_owned();
        return Ok(Outcome::new(kind, name, Action::Unchanged, detail));
    }
    Err(match kind {
        ObjectKind::Entity => not_found(
            kind,
            name,
            &registry.entities(project).map_err(from_registry)?,
        ),
        ObjectKind::FeatureView => not_found(
            kind,
            name,
            &registry.feature_views(project).map_err(from_registry)?,
        ),
        ObjectKind::FeatureService => not_found(
            kind,
            name,
            &registry.feature_services(project).map_err(from_registry)?,
        ),
    })
}
