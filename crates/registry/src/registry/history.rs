// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The versions of a view's columns, as Feast records them.

use crate::edit::Draft;
use crate::error::{Error, Result};
use crate::feature_view::{self, FeatureView, ViewKind};
use crate::fingerprint::Fingerprint;
use crate::message::Message;
use crate::registry::{Kind, Part, Registry};
use crate::time::Timestamp;
use crate::wire::{Fields, WireError, bytes_field};

const HISTORY: u32 = 18;
const RECORDS: u32 = 1;

/// How Feast names the kinds of view in a record.
const KINDS: [(&str, ViewKind); 4] = [
    ("feature_view", ViewKind::Batch),
    ("stream_feature_view", ViewKind::Stream),
    ("on_demand_feature_view", ViewKind::OnDemand),
    ("label_view", ViewKind::Label),
];

impl Registry {
    /// The numbers of a view's recorded versions, in ascending order. A version begins when the
    /// view's columns change; a view that was only written by a Feast that keeps none has none.
    pub fn feature_view_versions(&self, project: &str, name: &str) -> Result<Vec<i32>> {
        let mut versions = self
            .records(project, name, |record| record.int32(3))
            .map_err(|error| Error::damaged("the version history", error))?;
        versions.sort_unstable();
        versions.dedup();
        Ok(versions)
    }

    /// The view as its version of that number was recorded; none if it was not.
    pub fn feature_view_version(
        &self,
        project: &str,
        name: &str,
        version: i32,
    ) -> Result<Option<FeatureView>> {
        let read = |record: &Message<'_>| {
            if record.int32(3)? != version {
                return Ok(None);
            }
            let kind = record.string(4)?;
            let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == kind) else {
                return Err(WireError::new(format!("'{kind}' is no kind of view")));
            };
            FeatureView::decode(*kind, record.bytes(5)?).map(Some)
        };
        let found = self
            .records(project, name, read)
            .map_err(|error| Error::damaged("the version history", error))?;
        // Feast takes the first record of a number.
        Ok(found.into_iter().flatten().next())
    }

    /// What `read` makes of each record of a view.
    fn records<T>(
        &self,
        project: &str,
        name: &str,
        read: impl Fn(&Message<'_>) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let mut found = Vec::new();
        for part in self.parts.iter().filter(|part| part.number == HISTORY) {
            for record in Message::read(part.bytes())?.repeated(RECORDS)? {
                let record = Message::read(record)?;
                if record.bytes(1)? == name.as_bytes() && record.bytes(2)? == project.as_bytes() {
                    found.push(read(&record)?);
                }
            }
        }
        Ok(found)
    }

    /// Puts a batch view in its place. A new view, and one whose columns change, begins a version.
    pub(super) fn put_with_history(
        &mut self,
        project: &str,
        name: &str,
        stored: Option<&FeatureView>,
        view: &FeatureView,
        mut bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<()> {
        let kind = Kind::View(ViewKind::Batch);
        let damaged = |error| Error::damaged("the version history", error);
        if !stored.is_some_and(|stored| stored.same_columns(view)) {
            let mut version = self.next_version(project, name).map_err(damaged)?;
            if version == 0
                && let Some(former) = self.stored(kind, project, name).map(<[u8]>::to_vec)
            {
                self.record(project, name, 0, &former, now)
                    .map_err(damaged)?;
                version = 1;
            }
            bytes = feature_view::begin_version(&bytes, version).map_err(damaged)?;
            self.record(project, name, version, &bytes, now)
                .map_err(damaged)?;
        }
        self.put(kind, project, name, |_| Ok(bytes))
    }

    fn next_version(&self, project: &str, name: &str) -> Result<i32, WireError> {
        let versions = self.records(project, name, |record| record.int32(3))?;
        Ok(versions
            .into_iter()
            .fold(0, |next, version| next.max(version.saturating_add(1))))
    }

    fn record(
        &mut self,
        project: &str,
        name: &str,
        version: i32,
        view: &[u8],
        now: Timestamp,
    ) -> Result<(), WireError> {
        let uuid = Fingerprint::new()
            .add(&now.seconds.to_le_bytes())
            .add(&now.nanos.to_le_bytes())
            .add(&version.to_le_bytes())
            .add(project.as_bytes())
            .add(b"\0")
            .add(view)
            .uuid();
        let mut record = Draft::default();
        record.string(1, name)?;
        record.string(2, project)?;
        record.varint(3, version as u64)?;
        record.string(4, "feature_view")?;
        record.bytes(5, view)?;
        record.message(6, &now.encode()?)?;
        record.string(8, &uuid)?;

        let at = self.parts.iter().rposition(|part| part.number == HISTORY);
        let mut body = at.map_or_else(Vec::new, |at| self.parts[at].bytes().to_vec());
        // After the last record, before what later versions may have added.
        let end = Fields::new(&body).try_fold((0, 0), |(at, end), field| {
            let field = field?;
            let next = at + field.raw.len();
            Ok((next, if field.number == RECORDS { next } else { end }))
        })?;
        body.splice(end.1..end.1, bytes_field(RECORDS, &record.into_bytes()));
        let raw = bytes_field(HISTORY, &body);
        let body = raw.len() - body.len()..raw.len();
        self.place(
            at,
            Part {
                number: HISTORY,
                raw,
                body,
                key: None,
            },
        );
        Ok(())
    }
}
