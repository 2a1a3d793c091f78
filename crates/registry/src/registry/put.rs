// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Recording objects: a new one is added, one of the same name is edited in its place.

use crate::edit::Draft;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::feature_view::{self, FeatureView, ViewKind};
use crate::fingerprint::Fingerprint;
use crate::message::{Message, map_entry};
use crate::names;
use crate::registry::{Key, Kind, PROJECT_METADATA, Part, Registry};
use crate::service::FeatureService;
use crate::source::DataSource;
use crate::tags::{BROUGHT_ALONG, PREFIX};
use crate::time::{Timestamp, stamp};
use crate::wire::{WireError, bytes_field};

/// The tags of a data source.
const SOURCE_TAGS: u32 = 24;
/// The project of a data source.
const SOURCE_PROJECT: u32 = 21;

impl Registry {
    /// Records an entity.
    pub fn put_entity(&mut self, project: &str, entity: &Entity, now: Timestamp) -> Result<()> {
        entity.check()?;
        self.put_project(project, now)?;
        self.put(Kind::Entity, project, &entity.name, |stored| {
            entity.encode(project, stored, now)
        })
    }

    /// Records a data source.
    pub fn put_data_source(
        &mut self,
        project: &str,
        source: &DataSource,
        now: Timestamp,
    ) -> Result<()> {
        source.check()?;
        source.check_writable(self.data_source(project, &source.name)?.as_ref())?;
        self.refuse_case_twin(project, &[Kind::DataSource], &source.name)?;
        self.put_project(project, now)?;
        self.put(Kind::DataSource, project, &source.name, |stored| {
            let bytes = source.encode(Some(project), stored, now)?;
            // Who names it wants it: it no longer goes when its views go.
            without_tags(&bytes, |key| key == BROUGHT_ALONG)
        })
    }

    /// Records a feature view of a batch source, and with it what Feast expects around it: the
    /// project, the data source, the version history, and the entity of views without one.
    pub fn put_feature_view(
        &mut self,
        project: &str,
        view: &FeatureView,
        now: Timestamp,
    ) -> Result<()> {
        view.check(&self.entities(project)?)?;
        let stored = self.feature_view(project, &view.name)?;
        if let Some(stored) = &stored
            && stored.kind != ViewKind::Batch
        {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "'{}' already exists as a {}, which only Feast can change; choose another name",
                    view.name,
                    stored.kind.name()
                ),
            ));
        }
        self.refuse_case_twin(project, &ViewKind::ALL.map(Kind::View), &view.name)?;
        let source = &view.source;
        let mut known = self.data_source(project, &source.name)?;
        if let Some(stored) = stored
            .as_ref()
            .filter(|stored| stored.source.name == source.name)
        {
            known = Some(stored.source.clone());
        }
        source.check_writable(known.as_ref())?;
        self.refuse_case_twin(project, &[Kind::DataSource], &source.name)?;

        self.put_project(project, now)?;
        if view.entities.is_empty() {
            let dummy = Entity::dummy();
            self.put(Kind::Entity, project, &dummy.name, |stored| match stored {
                Some(stored) => Ok(stored.to_vec()),
                None => dummy.encode(project, None, now),
            })?;
        }
        let base = self.source_base(project, view)?;
        let stored_view = self.stored(Kind::View(ViewKind::Batch), project, &view.name);
        let bytes = feature_view::encode(view, project, stored_view, base.as_deref(), now)
            .map_err(|error| unwritable(&view.name, error))?;
        self.put_view_source(project, source, now)?;
        self.put_with_history(project, &view.name, stored.as_ref(), view, bytes, now)?;
        self.renew_copies(project, &view.name, now)?;
        match stored {
            Some(stored) => self.drop_brought_along(project, &stored.source.name),
            None => Ok(()),
        }
    }

    /// Records a feature service; its views must be there.
    pub fn put_feature_service(
        &mut self,
        project: &str,
        service: &FeatureService,
        now: Timestamp,
    ) -> Result<()> {
        service.check()?;
        let mut resolved = service.clone();
        let mut views = Vec::with_capacity(service.projections.len());
        for projection in &mut resolved.projections {
            let Some(viewed) = self.viewed(project, &projection.view)? else {
                return Err(self.no_such_view(project, &service.name, &projection.view)?);
            };
            *projection = projection.resolve(&service.name, &viewed.view)?;
            views.push(viewed);
        }
        self.put_project(project, now)?;
        self.put(Kind::Service, project, &service.name, |stored| {
            resolved.encode(project, stored, &views, now)
        })
    }

    /// Replaces or adds an object.
    pub(super) fn put(
        &mut self,
        kind: Kind,
        project: &str,
        name: &str,
        encode: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>, WireError>,
    ) -> Result<()> {
        let at = self.find(kind, project, name);
        let stored = at.map(|at| self.parts[at].bytes());
        let body = encode(stored).map_err(|error| unwritable(name, error))?;
        if stored != Some(&body) {
            let key = Key {
                kind,
                project: project.to_owned(),
                name: name.to_owned(),
            };
            self.place(at, Part::object(key, &body));
        }
        Ok(())
    }

    /// Records the project, which Feast does with its first object.
    fn put_project(&mut self, project: &str, now: Timestamp) -> Result<()> {
        if self.find(Kind::Project, project, project).is_some() {
            return Ok(());
        }
        if !self.projects().iter().any(|known| known == project) {
            names::check_project(project)?;
        }
        self.put(Kind::Project, project, project, |_| {
            let mut draft = Draft::default();
            draft.edit(1, |spec| spec.string(1, project))?;
            draft.edit(2, |meta| stamp(meta, 1, 2, now))?;
            Ok(draft.into_bytes())
        })?;
        let metadata = |part: &Part| {
            part.number == PROJECT_METADATA
                && Message::read(part.bytes()).is_ok_and(|m| m.bytes(1) == Ok(project.as_bytes()))
        };
        if !self.parts.iter().any(metadata) {
            let uuid = Fingerprint::new()
                .add(&now.seconds.to_le_bytes())
                .add(&now.nanos.to_le_bytes())
                .add(project.as_bytes())
                .uuid();
            let body = [
                bytes_field(1, project.as_bytes()),
                bytes_field(2, uuid.as_bytes()),
            ]
            .concat();
            let raw = bytes_field(PROJECT_METADATA, &body);
            let body = raw.len() - body.len()..raw.len();
            self.place(
                None,
                Part {
                    number: PROJECT_METADATA,
                    raw,
                    body,
                    key: None,
                },
            );
        }
        Ok(())
    }

    /// What a view's source is written over: the view's own, else the recorded one, of that name.
    fn source_base(&self, project: &str, view: &FeatureView) -> Result<Option<Vec<u8>>> {
        let read = || -> Result<Option<Vec<u8>>, WireError> {
            let batch = Kind::View(ViewKind::Batch);
            if let Some(bytes) = self.stored(batch, project, &view.name)
                && let Some(source) = batch_source(bytes, ViewKind::Batch)?
                && Message::read(&source)?.string(20)? == view.source.name
            {
                return Ok(Some(source));
            }
            let Some(bytes) = self.stored(Kind::DataSource, project, &view.source.name) else {
                return Ok(None);
            };
            let mut draft = Draft::of(Some(&without_tags(bytes, |key| key.starts_with(PREFIX))?))?;
            draft.clear(SOURCE_PROJECT);
            Ok(Some(draft.into_bytes()))
        };
        read().map_err(|error| Error::damaged(format!("feature view '{}'", view.name), error))
    }

    /// Records the source of a view; one that was not there goes with its last view.
    fn put_view_source(
        &mut self,
        project: &str,
        source: &DataSource,
        now: Timestamp,
    ) -> Result<()> {
        self.put(Kind::DataSource, project, &source.name, |stored| {
            let bytes = source.encode(Some(project), stored, now)?;
            if stored.is_some() {
                return Ok(bytes);
            }
            let mut draft = Draft::of(Some(&bytes))?;
            let mut tags = source.tags.clone();
            tags.insert(BROUGHT_ALONG.to_owned(), "true".to_owned());
            draft.map(SOURCE_TAGS, &tags)?;
            Ok(draft.into_bytes())
        })
    }

    fn no_such_view(&self, project: &str, service: &str, view: &str) -> Result<Error> {
        let views = self.feature_views(project)?;
        let known: Vec<_> = views.iter().map(|view| view.name.as_str()).collect();
        let known = if known.is_empty() {
            "there is none".to_owned()
        } else {
            known.join(", ")
        };
        Ok(Error::new(
            ErrorKind::NotFound,
            format!(
                "feature service '{service}' takes from the feature view '{view}', which does not \
                 exist; create it first, or use one of: {known}"
            ),
        ))
    }

    /// Feast wants names that differ in more than case.
    fn refuse_case_twin(&self, project: &str, kinds: &[Kind], name: &str) -> Result<()> {
        let twin = self
            .parts
            .iter()
            .filter_map(|part| part.key.as_ref())
            .find(|key| {
                kinds.contains(&key.kind)
                    && key.project == project
                    && key.name != name
                    && key.name.to_lowercase() == name.to_lowercase()
            });
        match twin {
            None => Ok(()),
            Some(twin) => Err(Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "{} '{}' already exists, and '{name}' differs from it only in case, which \
                     Feast does not allow; use that name or another",
                    twin.kind.name(),
                    twin.name
                ),
            )),
        }
    }
}

/// The bytes of a view's batch source.
fn batch_source(view: &[u8], kind: ViewKind) -> Result<Option<Vec<u8>>, WireError> {
    let spec = Message::read(view)?
        .message(1)?
        .unwrap_or_default()
        .into_owned();
    let number = feature_view::source_number(kind);
    Ok(Message::read(&spec)?
        .message(number)?
        .map(std::borrow::Cow::into_owned))
}

/// A data source without the tags chosen.
fn without_tags(source: &[u8], drop: impl Fn(&str) -> bool) -> Result<Vec<u8>, WireError> {
    let mut tags = Message::read(source)?
        .repeated(SOURCE_TAGS)?
        .into_iter()
        .map(map_entry)
        .collect::<Result<std::collections::BTreeMap<_, _>, _>>()?;
    tags.retain(|key, _| !drop(key));
    let mut draft = Draft::of(Some(source))?;
    draft.map(SOURCE_TAGS, &tags)?;
    Ok(draft.into_bytes())
}

fn unwritable(name: &str, error: WireError) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("'{name}' cannot be written: {error}"),
    )
    .with_source(error)
}
