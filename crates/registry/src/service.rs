// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature services: features of several views under one name.

use std::collections::{BTreeMap, BTreeSet};

use crate::edit::Draft;
use crate::error::{Error, ErrorKind, Result};
use crate::feature_view::{FeatureView, ViewKind, feature_number, source_number};
use crate::field::{Field, decode_fields};
use crate::message::Message;
use crate::time::{Timestamp, stamp};
use crate::wire::WireError;
use crate::{names, tags};

/// What a service takes from one view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureViewProjection {
    /// The view's name.
    pub view: String,
    /// The name it goes by in results.
    pub alias: Option<String>,
    /// The features; when written, none given are all of the view's.
    pub features: Vec<Field>,
    /// Join key of the view to the column of the entity rows; the same name if absent.
    pub join_key_map: BTreeMap<String, String>,
}

impl FeatureViewProjection {
    /// The alias, or the view's name.
    pub fn name_to_use(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.view)
    }
}

/// Features of several views under one name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureService {
    /// The name.
    pub name: String,
    /// What it takes from which view.
    pub projections: Vec<FeatureViewProjection>,
    /// A text for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// Free key-value pairs.
    pub tags: BTreeMap<String, String>,
}

/// A view that a service takes from, with the bytes that are copied of it.
#[derive(Debug)]
pub(crate) struct Viewed {
    pub(crate) view: FeatureView,
    pub(crate) source: Option<Vec<u8>>,
    /// The features by name.
    pub(crate) fields: BTreeMap<String, Vec<u8>>,
}

impl Viewed {
    pub(crate) fn new(view: FeatureView, bytes: &[u8]) -> Result<Self, WireError> {
        let spec = Message::read(bytes)?.message(1)?.unwrap_or_default();
        let spec = Message::read(&spec)?;
        let source = spec.message(source_number(view.kind))?;
        let source = source.map(std::borrow::Cow::into_owned);
        let mut fields = BTreeMap::new();
        for field in spec.repeated(feature_number(view.kind))? {
            fields.insert(Message::read(field)?.string(1)?, field.to_vec());
        }
        Ok(Self {
            view,
            source,
            fields,
        })
    }
}

impl FeatureService {
    pub(crate) fn check(&self) -> Result<()> {
        names::check("feature service", &self.name)?;
        let what = format!("feature service '{}'", self.name);
        tags::check(&what, &self.tags)?;
        if self.projections.is_empty() {
            return Err(Error::invalid(format!(
                "{what} takes from no feature view; name at least one"
            )));
        }
        let mut seen = BTreeSet::new();
        for projection in &self.projections {
            if !seen.insert(projection.name_to_use()) {
                return Err(Error::invalid(format!(
                    "{what} has '{}' twice; give one of them an alias",
                    projection.name_to_use()
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        let spec = message.message(1)?.unwrap_or_default();
        let spec = Message::read(&spec)?;
        Ok(Self {
            name: spec.string(1)?,
            projections: spec
                .repeated(3)?
                .into_iter()
                .map(FeatureViewProjection::decode)
                .collect::<Result<_, _>>()?,
            tags: tags::users(&spec.map(4)?),
            description: spec.string(5)?,
            owner: spec.string(6)?,
        })
    }

    /// Writes the service over its former bytes; there is a view for each projection.
    pub(crate) fn encode(
        &self,
        project: &str,
        existing: Option<&[u8]>,
        views: &[Viewed],
        now: Timestamp,
    ) -> Result<Vec<u8>, WireError> {
        let mut draft = Draft::of(existing)?;
        let former = draft.get(1)?.unwrap_or_default();
        let former = Message::read(&former)?;
        let mut stored = BTreeMap::new();
        for bytes in former.repeated(3)? {
            let projection = FeatureViewProjection::decode(bytes)?;
            stored.insert((projection.view, projection.alias), bytes);
        }
        let mut projections = Vec::with_capacity(self.projections.len());
        for (projection, viewed) in self.projections.iter().zip(views) {
            let key = (projection.view.clone(), projection.alias.clone());
            projections.push(projection.encode(stored.get(&key).copied(), viewed)?);
        }
        draft.edit(1, |spec| {
            spec.string(1, &self.name)?;
            spec.string(2, project)?;
            spec.messages(3, projections);
            spec.map(4, &tags::with_ours(&self.tags, &former.map(4)?, []))?;
            spec.string(5, &self.description)?;
            spec.string(6, &self.owner)
        })?;
        draft.edit(2, |meta| stamp(meta, 1, 2, now))?;
        Ok(draft.into_bytes())
    }
}

impl FeatureViewProjection {
    /// The view's own fields for the features asked for, all if none are.
    pub(crate) fn resolve(&self, service: &str, view: &FeatureView) -> Result<Self> {
        let what = || format!("feature service '{service}' takes from '{}'", self.view);
        let mut features = Vec::new();
        for asked in &self.features {
            let Some(known) = view.feature(&asked.name) else {
                let known: Vec<_> = view.features.iter().map(|f| f.name.as_str()).collect();
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "{} the feature '{}', which that view does not have; it has: {}",
                        what(),
                        asked.name,
                        known.join(", ")
                    ),
                ));
            };
            features.push(known.clone());
        }
        if features.is_empty() {
            features.clone_from(&view.features);
        }
        for key in self.join_key_map.keys() {
            if !view.entity_columns.iter().any(|column| column.name == *key) {
                let known: Vec<_> = view
                    .entity_columns
                    .iter()
                    .map(|c| c.name.as_str())
                    .collect();
                return Err(Error::invalid(format!(
                    "{} and maps the join key '{key}', which that view does not have; it has: {}",
                    what(),
                    known.join(", ")
                )));
            }
        }
        Ok(Self {
            features,
            ..self.clone()
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        Ok(Self {
            view: message.string(1)?,
            features: decode_fields(&message, 2)?,
            alias: message.optional_string(3)?,
            join_key_map: message.map(4)?,
        })
    }

    /// The projection over its former bytes. The features are those of the view with all that it says of them: Feast compares.
    pub(crate) fn encode(
        &self,
        existing: Option<&[u8]>,
        viewed: &Viewed,
    ) -> Result<Vec<u8>, WireError> {
        let mut draft = Draft::of(existing)?;
        let mut features = Vec::with_capacity(self.features.len());
        for feature in &self.features {
            features.push(match viewed.fields.get(&feature.name) {
                Some(bytes) => bytes.clone(),
                None => feature.encode(None)?,
            });
        }
        let created = viewed
            .view
            .source
            .created_timestamp_column
            .as_deref()
            .unwrap_or_default();
        draft.string(1, &self.view)?;
        draft.messages(2, features);
        draft.string(3, self.alias.as_deref().unwrap_or_default())?;
        draft.map(4, &self.join_key_map)?;
        // Feast has the created column here too; readers take the event time from the source.
        draft.string(5, created)?;
        draft.string(7, created)?;
        if let Some(source) = &viewed.source {
            draft.message(8, source)?;
        }
        let view_type = match viewed.view.kind {
            ViewKind::Label => "labelView",
            _ => "featureView",
        };
        draft.string(11, view_type)?;
        Ok(draft.into_bytes())
    }
}
