// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rules a view must keep, as far as they are visible in its definition.

use std::collections::BTreeSet;

use crate::entity::{DUMMY_ENTITY, Entity};
use crate::error::{Error, ErrorKind, Result};
use crate::feature_view::{FeatureView, ViewKind};
use crate::{names, tags};

impl FeatureView {
    /// Checks the definition against the entities of its project.
    pub(crate) fn check(&self, entities: &[Entity]) -> Result<()> {
        names::check_view(&self.name)?;
        let what = format!("feature view '{}'", self.name);
        if self.kind != ViewKind::Batch {
            return Err(Error::unsupported(format!(
                "'{}' is of the kind {}, which only Feast can write",
                self.name,
                self.kind.name()
            )));
        }
        tags::check(&what, &self.tags)?;
        self.source.check()?;
        if self.source.timestamp_field.is_empty() {
            return Err(Error::invalid(format!(
                "{what} has no event time column; name the column that says when a value was true"
            )));
        }
        if self.features.is_empty() {
            return Err(Error::invalid(format!(
                "{what} has no features; name at least one"
            )));
        }
        if self.ttl.is_some_and(|ttl| ttl.seconds < 0 || ttl.nanos < 0) {
            return Err(Error::invalid(format!(
                "{what} has a negative time to live; give a positive one, or none for no limit"
            )));
        }
        self.check_keys(&what, entities)?;
        self.check_columns(&what)
    }

    fn check_keys(&self, what: &str, entities: &[Entity]) -> Result<()> {
        let mut keys: BTreeSet<&str> = BTreeSet::new();
        for name in &self.entities {
            let Some(entity) = entities.iter().find(|entity| entity.name == *name) else {
                let known: Vec<_> = entities.iter().map(|entity| entity.name.as_str()).collect();
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "{what} is of the entity '{name}', which does not exist; create it \
                         first{}",
                        if known.is_empty() || *name == DUMMY_ENTITY {
                            String::new()
                        } else {
                            format!(" or use one of: {}", known.join(", "))
                        }
                    ),
                ));
            };
            if !keys.insert(&entity.join_key) {
                return Err(Error::invalid(format!(
                    "{what} has two entities with the join key '{}'; leave one of them out",
                    entity.join_key
                )));
            }
        }
        let columns: BTreeSet<&str> = self
            .entity_columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        if keys != columns {
            let list =
                |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
            return Err(Error::invalid(format!(
                "{what} has the key columns ({}), its entities have the join keys ({}); they must \
                 be the same",
                list(&columns),
                list(&keys)
            )));
        }
        Ok(())
    }

    fn check_columns(&self, what: &str) -> Result<()> {
        let mut seen = BTreeSet::new();
        for column in self.entity_columns.iter().chain(&self.features) {
            if column.name.trim().is_empty() {
                return Err(Error::invalid(format!(
                    "{what} has a column without a name"
                )));
            }
            if !seen.insert(column.name.as_str()) {
                return Err(Error::invalid(format!(
                    "{what} has the column '{}' twice; name each key and feature once",
                    column.name
                )));
            }
            // A swap maps a name away and another one onto it; Feast refuses that as well.
            if let Some(mapped) = self.source.field_mapping.get(&column.name)
                && *mapped != column.name
            {
                return Err(Error::invalid(format!(
                    "{what} has the column '{}', which its field mapping renames to '{mapped}'; \
                     use '{mapped}', or leave the mapping out",
                    column.name
                )));
            }
        }
        Ok(())
    }
}
