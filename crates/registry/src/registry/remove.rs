// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Taking objects out; what others refer to stays.

use crate::entity::DUMMY_ENTITY;
use crate::error::{Error, ErrorKind, Result};
use crate::feature_view::ViewKind;
use crate::message::Message;
use crate::registry::{Kind, Registry};
use crate::tags::BROUGHT_ALONG;

impl Registry {
    /// Removes an entity; false if there is none of that name. One that views use stays.
    pub fn remove_entity(&mut self, project: &str, name: &str) -> Result<bool> {
        if name == DUMMY_ENTITY {
            return Ok(false);
        }
        let mut users = self.feature_views(project)?;
        users.retain(|view| view.entities.iter().any(|entity| entity == name));
        let users = users.into_iter().map(|view| view.name).collect();
        self.remove(Kind::Entity, project, name, views(users))
    }

    /// Removes a feature view, and its data source if the view brought it along and no other view
    /// uses it; false if there is none of that name. One that services use stays.
    pub fn remove_feature_view(&mut self, project: &str, name: &str) -> Result<bool> {
        let Some(view) = self.feature_view(project, name)? else {
            return Ok(false);
        };
        if view.kind != ViewKind::Batch {
            return Err(Error::unsupported(format!(
                "'{name}' is of the kind {}, which only Feast can remove",
                view.kind.name()
            )));
        }
        let users = self.takers(project, name, None)?;
        let kind = Kind::View(ViewKind::Batch);
        let removed = self.remove(kind, project, name, users)?;
        self.drop_brought_along(project, &view.source.name)?;
        Ok(removed)
    }

    /// Removes a feature service; false if there is none of that name.
    pub fn remove_feature_service(&mut self, project: &str, name: &str) -> Result<bool> {
        self.remove(Kind::Service, project, name, None)
    }

    /// Removes a data source; false if there is none of that name. One that views use stays.
    pub fn remove_data_source(&mut self, project: &str, name: &str) -> Result<bool> {
        let users = self.users_of_source(project, name)?;
        self.remove(Kind::DataSource, project, name, views(users))
    }

    fn users_of_source(&self, project: &str, name: &str) -> Result<Vec<String>> {
        let mut users = self.feature_views(project)?;
        users.retain(|view| view.source.name == name);
        Ok(users.into_iter().map(|view| view.name).collect())
    }

    /// Removes a source that only came with a view, once no view uses it.
    pub(super) fn drop_brought_along(&mut self, project: &str, source: &str) -> Result<()> {
        let Some(bytes) = self.stored(Kind::DataSource, project, source) else {
            return Ok(());
        };
        let tags = Message::read(bytes)
            .and_then(|message| message.map(24))
            .map_err(|error| Error::damaged(format!("data source '{source}'"), error))?;
        if tags.contains_key(BROUGHT_ALONG) && self.users_of_source(project, source)?.is_empty() {
            self.remove_data_source(project, source)?;
        }
        Ok(())
    }

    fn remove(
        &mut self,
        kind: Kind,
        project: &str,
        name: &str,
        users: Option<String>,
    ) -> Result<bool> {
        let Some(at) = self.find(kind, project, name) else {
            return Ok(false);
        };
        if let Some(users) = users {
            return Err(Error::new(
                ErrorKind::InUse,
                format!(
                    "{} '{name}' is used by the {users}; remove them first",
                    kind.name()
                ),
            ));
        }
        self.parts.remove(at);
        Ok(true)
    }
}

/// Views that use an object, for people; none if there is none.
fn views(names: Vec<String>) -> Option<String> {
    (!names.is_empty()).then(|| format!("feature views {}", names.join(", ")))
}
