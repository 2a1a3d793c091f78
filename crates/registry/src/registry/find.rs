// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Looking objects up.

use std::collections::BTreeSet;

use crate::entity::{DUMMY_ENTITY, Entity};
use crate::error::{Error, Result};
use crate::feature_view::{FeatureView, ViewKind};
use crate::message::Message;
use crate::registry::{Kind, PROJECT_METADATA, Part, Registry};
use crate::service::FeatureService;
use crate::source::DataSource;
use crate::wire::WireError;

impl Registry {
    /// The projects: those recorded, and those that only objects name.
    pub fn projects(&self) -> Vec<String> {
        let recorded = self
            .parts
            .iter()
            .filter(|part| part.number == Kind::Project.number());
        let recorded = recorded
            .filter_map(|part| part.key.as_ref())
            .map(|key| key.name.clone());
        let named = self.parts.iter().filter_map(|part| part.key.as_ref());
        let named = named.map(|key| key.project.clone());
        let metadata = self
            .parts
            .iter()
            .filter(|part| part.number == PROJECT_METADATA)
            .filter_map(|part| Message::read(part.bytes()).ok()?.string(1).ok());
        let mut seen = BTreeSet::new();
        recorded
            .chain(named)
            .chain(metadata)
            .filter(|name| !name.is_empty() && seen.insert(name.clone()))
            .collect()
    }

    /// The entities of a project, without the one Feast keeps for views of no entity.
    pub fn entities(&self, project: &str) -> Result<Vec<Entity>> {
        let mut entities = self.all(Kind::Entity, project, Entity::decode)?;
        entities.retain(|entity| entity.name != DUMMY_ENTITY);
        Ok(entities)
    }

    /// The entity of that name.
    pub fn entity(&self, project: &str, name: &str) -> Result<Option<Entity>> {
        if name == DUMMY_ENTITY {
            return Ok(None);
        }
        self.one(Kind::Entity, project, name, Entity::decode)
    }

    /// The feature views of a project, of all kinds.
    pub fn feature_views(&self, project: &str) -> Result<Vec<FeatureView>> {
        let mut views = Vec::new();
        for kind in ViewKind::ALL {
            views.extend(self.all(Kind::View(kind), project, |b| FeatureView::decode(kind, b))?);
        }
        Ok(views)
    }

    /// The feature view of that name, of any kind.
    pub fn feature_view(&self, project: &str, name: &str) -> Result<Option<FeatureView>> {
        for kind in ViewKind::ALL {
            let decode = |bytes: &[u8]| FeatureView::decode(kind, bytes);
            if let Some(view) = self.one(Kind::View(kind), project, name, decode)? {
                return Ok(Some(view));
            }
        }
        Ok(None)
    }

    /// The feature services of a project.
    pub fn feature_services(&self, project: &str) -> Result<Vec<FeatureService>> {
        self.all(Kind::Service, project, FeatureService::decode)
    }

    /// The feature service of that name.
    pub fn feature_service(&self, project: &str, name: &str) -> Result<Option<FeatureService>> {
        self.one(Kind::Service, project, name, FeatureService::decode)
    }

    /// The data sources of a project.
    pub fn data_sources(&self, project: &str) -> Result<Vec<DataSource>> {
        self.all(Kind::DataSource, project, DataSource::decode)
    }

    /// The data source of that name.
    pub fn data_source(&self, project: &str, name: &str) -> Result<Option<DataSource>> {
        self.one(Kind::DataSource, project, name, DataSource::decode)
    }

    /// Where an object is among the parts.
    pub(super) fn find(&self, kind: Kind, project: &str, name: &str) -> Option<usize> {
        self.parts.iter().position(|part| {
            part.key
                .as_ref()
                .is_some_and(|key| key.kind == kind && key.project == project && key.name == name)
        })
    }

    /// An object's bytes.
    pub(super) fn stored(&self, kind: Kind, project: &str, name: &str) -> Option<&[u8]> {
        self.find(kind, project, name)
            .map(|at| self.parts[at].bytes())
    }

    fn one<T>(
        &self,
        kind: Kind,
        project: &str,
        name: &str,
        decode: impl Fn(&[u8]) -> Result<T, WireError>,
    ) -> Result<Option<T>> {
        self.find(kind, project, name)
            .map(|at| decoded(&self.parts[at], &decode))
            .transpose()
    }

    fn all<T>(
        &self,
        kind: Kind,
        project: &str,
        decode: impl Fn(&[u8]) -> Result<T, WireError>,
    ) -> Result<Vec<T>> {
        self.parts
            .iter()
            .filter(|part| {
                part.key
                    .as_ref()
                    .is_some_and(|key| key.kind == kind && key.project == project)
            })
            .map(|part| decoded(part, &decode))
            .collect()
    }
}

fn decoded<T>(part: &Part, decode: impl Fn(&[u8]) -> Result<T, WireError>) -> Result<T> {
    decode(part.bytes()).map_err(|error| match &part.key {
        Some(key) => Error::damaged(format!("{} '{}'", key.kind.name(), key.name), error),
        None => Error::damaged("the registry", error),
    })
}
