// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Recording an object: the one that is there is replaced, or kept where it is as it should be.

use datafusion::common::Result;
use feast_registry::{Entity, FeatureService, FeatureView, Registry, Timestamp};

use super::error::from_registry;
use super::{RegistryObject, entity, feature_service, feature_view};

/// An object that the registry keeps.
pub(super) trait Recorded: RegistryObject + Sized {
    /// The one of that name.
    fn stored(
        registry: &Registry,
        project: &str,
        name: &str,
    ) -> feast_registry::Result<Option<Self>>;

    /// The parts in which the other one differs.
    fn differences(&self, new: &Self) -> Vec<String>;

    /// Writes it.
    fn put(
        &self,
        registry: &mut Registry,
        project: &str,
        now: Timestamp,
    ) -> feast_registry::Result<()>;
}

/// Writes the object unless it is there as it should be; the parts in which it differs from the one
/// that was there, `None` if none was.
pub(super) fn replace_or_keep<O: Recorded>(
    registry: &mut Registry,
    project: &str,
    now: Timestamp,
    new: &O,
) -> Result<Option<Vec<String>>> {
    let old = O::stored(registry, project, new.name()).map_err(from_registry)?;
    let differences = old.map(|old| old.differences(new));
    if differences.as_ref().is_none_or(|list| !list.is_empty()) {
        new.put(registry, project, now).map_err(from_registry)?;
        registry.touch(now).map_err(from_registry)?;
    }
    Ok(differences)
}

/// What each kind of object has for this.
macro_rules! recorded {
    ($object:ty, $stored:ident, $put:ident, $differences:path) => {
        impl Recorded for $object {
            fn stored(
                registry: &Registry,
                project: &str,
                name: &str,
            ) -> feast_registry::Result<Option<Self>> {
                registry.$stored(project, name)
            }

            fn differences(&self, new: &Self) -> Vec<String> {
                $differences(self, new)
            }

            fn put(
                &self,
                registry: &mut Registry,
                project: &str,
                now: Timestamp,
            ) -> feast_registry::Result<()> {
                registry.$put(project, self, now)
            }
        }
    };
}

recorded!(Entity, entity, put_entity, entity::differences);
recorded!(
    FeatureView,
    feature_view,
    put_feature_view,
    feature_view::differences
);
recorded!(
    FeatureService,
    feature_service,
    put_feature_service,
    feature_service::differences
);

/// The names of the parts that differ.
pub(super) fn differing<const N: usize>(parts: [(&str, bool); N]) -> Vec<String> {
    parts
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(part, _)| part.to_owned())
        .collect()
}
