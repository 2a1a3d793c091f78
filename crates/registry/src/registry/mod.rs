// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The book: one `feast.core.Registry` message, each object's bytes kept as they were read.

mod catalogs;
mod find;
mod history;
mod put;
mod read;
mod remove;
mod taken;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::edit::Draft;
use crate::error::{Error, ErrorKind, Result};
use crate::feature_view::ViewKind;
use crate::fingerprint::Fingerprint;
use crate::time::Timestamp;
use crate::wire::{WireError, bytes_field};

/// The registry format that Feast writes.
const SCHEMA_VERSION: &str = "1";

const SCHEMA_VERSION_FIELD: u32 = 3;
const VERSION_ID: u32 = 4;
pub(crate) const LAST_UPDATED: u32 = 5;
const PROJECT_METADATA: u32 = 15;

/// The kinds of object that are looked up by project and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Entity,
    View(ViewKind),
    Service,
    DataSource,
    Project,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Entity,
        Kind::View(ViewKind::Batch),
        Kind::Service,
        Kind::View(ViewKind::OnDemand),
        Kind::DataSource,
        Kind::View(ViewKind::Stream),
        Kind::Project,
        Kind::View(ViewKind::Label),
    ];

    /// Its field in the registry message.
    fn number(self) -> u32 {
        match self {
            Kind::Entity => 1,
            Kind::View(ViewKind::Batch) => 6,
            Kind::Service => 7,
            Kind::View(ViewKind::OnDemand) => 8,
            Kind::DataSource => 12,
            Kind::View(ViewKind::Stream) => 14,
            Kind::Project => 17,
            Kind::View(ViewKind::Label) => 19,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Entity => "entity",
            Kind::View(kind) => kind.name(),
            Kind::Service => "feature service",
            Kind::DataSource => "data source",
            Kind::Project => "project",
        }
    }
}

/// One field of the registry message, with its tag and as it was read.
#[derive(Debug, Clone)]
struct Part {
    number: u32,
    raw: Vec<u8>,
    /// Where the object is in `raw`; empty for what is only kept.
    body: Range<usize>,
    /// What it is called, if it is looked up.
    key: Option<Key>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    kind: Kind,
    project: String,
    name: String,
}

impl Part {
    fn object(key: Key, body: &[u8]) -> Self {
        let number = key.kind.number();
        let raw = bytes_field(number, body);
        Self {
            number,
            body: raw.len() - body.len()..raw.len(),
            raw,
            key: Some(key),
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.raw[self.body.clone()]
    }
}

/// The content of one `registry.db`: the definitions of one or several projects.
#[derive(Debug, Clone)]
pub struct Registry {
    parts: Vec<Part>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// An empty registry, of the format that Feast writes.
    pub fn new() -> Self {
        let raw = bytes_field(SCHEMA_VERSION_FIELD, SCHEMA_VERSION.as_bytes());
        let body = raw.len() - SCHEMA_VERSION.len()..raw.len();
        Self {
            parts: vec![Part {
                number: SCHEMA_VERSION_FIELD,
                raw,
                body,
                key: None,
            }],
        }
    }

    /// The bytes of the file. A registry that was not changed gives those it was read from.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.parts.iter().map(|part| part.raw.len()).sum());
        self.parts
            .iter()
            .for_each(|part| out.extend_from_slice(&part.raw));
        out
    }

    /// Marks a change: sets when it was last updated and gives it a new version id. Call it once
    /// before writing; the `put` and `remove` functions do not.
    pub fn touch(&mut self, now: Timestamp) -> Result<()> {
        let uuid = Fingerprint::new()
            .add(&now.seconds.to_le_bytes())
            .add(&now.nanos.to_le_bytes())
            .add(&self.to_bytes())
            .uuid();
        self.edit_head(|head| {
            if head.get(SCHEMA_VERSION_FIELD)?.is_none() {
                head.string(SCHEMA_VERSION_FIELD, SCHEMA_VERSION)?;
            }
            head.string(VERSION_ID, &uuid)?;
            head.message(LAST_UPDATED, &now.encode()?)
        })
        .map_err(|error| Error::damaged("the registry", error))
    }

    /// The id of this version of the registry; every change by Feast or by us makes a new one.
    pub fn version_id(&self) -> Option<String> {
        let part = self.parts.iter().rfind(|part| part.number == VERSION_ID)?;
        std::str::from_utf8(part.bytes()).ok().map(str::to_owned)
    }

    /// Every field of the message: its number, the project and name of an object that is looked
    /// up, its content.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (u32, Option<(&str, &str)>, &[u8])> {
        self.parts.iter().map(|part| {
            let key = part.key.as_ref();
            let names = key.map(|key| (key.project.as_str(), key.name.as_str()));
            (part.number, names, part.bytes())
        })
    }

    /// Edits what is no object: the numbers 3 to 5.
    fn edit_head(
        &mut self,
        change: impl FnOnce(&mut Draft) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let is_head = |part: &Part| (SCHEMA_VERSION_FIELD..=LAST_UPDATED).contains(&part.number);
        let at = self
            .parts
            .iter()
            .position(is_head)
            .or_else(|| {
                self.parts
                    .iter()
                    .position(|part| part.number > LAST_UPDATED)
            })
            .unwrap_or(self.parts.len());
        let raws: Vec<u8> = self
            .parts
            .iter()
            .filter(|part| is_head(part))
            .flat_map(|part| part.raw.clone())
            .collect();
        let mut draft = Draft::of(Some(&raws))?;
        change(&mut draft)?;
        let head = read::parts(&draft.into_bytes())?;
        self.parts.retain(|part| !is_head(part));
        self.parts.splice(at..at, head);
        Ok(())
    }

    /// Puts a part in the place of another, or after those of its number.
    fn place(&mut self, at: Option<usize>, part: Part) {
        match at {
            Some(at) => self.parts[at] = part,
            None => {
                let after = self
                    .parts
                    .iter()
                    .rposition(|known| known.number == part.number);
                let at = after
                    .map(|at| at + 1)
                    .or_else(|| {
                        self.parts
                            .iter()
                            .position(|known| known.number > part.number)
                    })
                    .unwrap_or(self.parts.len());
                self.parts.insert(at, part);
            }
        }
    }

    fn refuse_newer(&self) -> Result<()> {
        let Some(part) = self
            .parts
            .iter()
            .rfind(|part| part.number == SCHEMA_VERSION_FIELD)
        else {
            return Ok(());
        };
        let version = String::from_utf8_lossy(part.bytes());
        match version.trim().parse::<u64>() {
            Ok(0 | 1) => Ok(()),
            _ if version.is_empty() => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Newer,
                format!(
                    "the registry is of format '{version}', this version knows up to \
                     '{SCHEMA_VERSION}'; nothing was changed, use a newer version of this software"
                ),
            )),
        }
    }
}
