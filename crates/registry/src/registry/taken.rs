// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What takes from a view, services and on-demand views, holds a copy of the features it takes. Feast refuses a copy that is not as
//! the view has it, so the copies change with the view.

use crate::edit::Draft;
use crate::error::{Error, Result};
use crate::feature_view::ViewKind;
use crate::message::Message;
use crate::registry::{Kind, Part, Registry};
use crate::service::{FeatureViewProjection, Viewed};
use crate::source::DataSource;
use crate::time::{Timestamp, stamp};
use crate::wire::WireError;

/// The kinds that take from views, with what people call several of them.
const TAKERS: [(Kind, &str); 2] = [
    (Kind::Service, "feature services"),
    (Kind::View(ViewKind::OnDemand), "on-demand feature views"),
];

impl Registry {
    /// Who takes from a view, or one feature of it, for people: `feature services a, b`. None if nobody does.
    pub fn takers(
        &self,
        project: &str,
        view: &str,
        feature: Option<&str>,
    ) -> Result<Option<String>> {
        let mut groups = Vec::new();
        for (kind, called) in TAKERS {
            let mut names = Vec::new();
            for part in self.parts_of(kind, project) {
                let mut takes = false;
                with_projections(kind, part.bytes(), |bytes| {
                    let projection = FeatureViewProjection::decode(bytes)?;
                    let has = |name| projection.features.iter().any(|field| field.name == name);
                    takes |= projection.view == view && feature.is_none_or(has);
                    Ok(bytes.to_vec())
                })
                .map_err(|error| damaged(part, error))?;
                if takes && let Some(key) = &part.key {
                    names.push(key.name.as_str());
                }
            }
            if !names.is_empty() {
                groups.push(format!("{called} {}", names.join(", ")));
            }
        }
        Ok((!groups.is_empty()).then(|| groups.join(" and the ")))
    }

    /// Brings the copies of a view up to date. One with a feature that the view no longer has stays as it is, and is told of when it
    /// is used.
    pub(super) fn renew_copies(&mut self, project: &str, view: &str, now: Timestamp) -> Result<()> {
        let Some(viewed) = self.viewed(project, view)? else {
            return Ok(());
        };
        for (kind, _) in TAKERS {
            for at in 0..self.parts.len() {
                let part = &self.parts[at];
                let Some(key) = part.key.clone() else {
                    continue;
                };
                if key.kind != kind || key.project != project {
                    continue;
                }
                let renewed = renewed(kind, part.bytes(), &viewed, now);
                if let Some(body) = renewed.map_err(|error| damaged(part, error))? {
                    self.parts[at] = Part::object(key, &body);
                }
            }
        }
        Ok(())
    }

    /// A view with the bytes that are copied of it.
    pub(super) fn viewed(&self, project: &str, name: &str) -> Result<Option<Viewed>> {
        let Some(view) = self.feature_view(project, name)? else {
            return Ok(None);
        };
        let bytes = self.stored(Kind::View(view.kind), project, name);
        Viewed::new(view, bytes.unwrap_or_default())
            .map(Some)
            .map_err(|error| Error::damaged(format!("feature view '{name}'"), error))
    }

    fn parts_of(&self, kind: Kind, project: &str) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| {
            let key = part.key.as_ref();
            key.is_some_and(|key| key.kind == kind && key.project == project)
        })
    }
}

/// The object with its copies of a view renewed; none if they are as the view has them.
fn renewed(
    kind: Kind,
    object: &[u8],
    viewed: &Viewed,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, WireError> {
    let changed = with_projections(kind, object, |bytes| {
        let projection = FeatureViewProjection::decode(bytes)?;
        let known = |name: &str| viewed.fields.contains_key(name);
        if projection.view != viewed.view.name
            || !projection.features.iter().all(|field| known(&field.name))
            || is_copy(bytes, viewed)?
        {
            return Ok(bytes.to_vec());
        }
        projection.encode(Some(bytes), viewed)
    })?;
    if changed == object {
        return Ok(None);
    }
    let mut draft = Draft::of(Some(&changed))?;
    draft.edit(2, |meta| stamp(meta, 1, 2, now))?;
    Ok(Some(draft.into_bytes()))
}

/// Whether a projection has the features and the source as the view has them; when a source was written does not count.
fn is_copy(projection: &[u8], viewed: &Viewed) -> Result<bool, WireError> {
    let projection = Message::read(projection)?;
    for feature in projection.repeated(2)? {
        let name = Message::read(feature)?.string(1)?;
        if viewed.fields.get(&name).map(Vec::as_slice) != Some(feature) {
            return Ok(false);
        }
    }
    Ok(match projection.message(8)? {
        Some(source) => DataSource::decode(&source)? == viewed.view.source,
        None => viewed.source.is_none(),
    })
}

/// The object with each of its projections replaced.
fn with_projections(
    kind: Kind,
    object: &[u8],
    mut change: impl FnMut(&[u8]) -> Result<Vec<u8>, WireError>,
) -> Result<Vec<u8>, WireError> {
    let mut draft = Draft::of(Some(object))?;
    if draft.get(1)?.is_none() {
        return Ok(object.to_vec());
    }
    draft.edit(1, |spec| match kind {
        Kind::Service => spec.each(3, &mut change),
        // A map of names to sources, one kind of which is a projection.
        _ => spec.each(4, |entry| {
            let mut entry_draft = Draft::of(Some(entry))?;
            if entry_draft.get(2)?.is_none() {
                return Ok(entry.to_vec());
            }
            entry_draft.edit(2, |source| source.each(3, &mut change))?;
            Ok(entry_draft.into_bytes())
        }),
    })?;
    Ok(draft.into_bytes())
}

fn damaged(part: &Part, error: WireError) -> Error {
    match &part.key {
        Some(key) => Error::damaged(format!("{} '{}'", key.kind.name(), key.name), error),
        None => Error::damaged("the registry", error),
    }
}
