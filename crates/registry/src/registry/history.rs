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

impl Registry {
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
        let mut next = 0;
        for part in self.parts.iter().filter(|part| part.number == HISTORY) {
            for record in Message::read(part.bytes())?.repeated(RECORDS)? {
                let record = Message::read(record)?;
                if record.bytes(1)? == name.as_bytes() && record.bytes(2)? == project.as_bytes() {
                    next = next.max(record.int32(3)?.saturating_add(1));
                }
            }
        }
        Ok(next)
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
