// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry from its bytes: every known object is read once, so that damage shows at once.

use crate::entity::Entity;
use crate::error::{Error, Result};
use crate::feature_view::{FeatureView, names_and_project};
use crate::message::Message;
use crate::registry::{Key, Kind, Part, Registry};
use crate::service::FeatureService;
use crate::source::DataSource;
use crate::wire::{Fields, Payload, WireError};

/// The highest field number of Feast 0.67; all of these are messages or strings.
const LAST_KNOWN: u32 = 19;

impl Registry {
    /// Reads the bytes of a `registry.db`. Damage, and a format newer than this version knows,
    /// is an error; the caller leaves the file alone.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let parts = parts(bytes).map_err(|error| Error::damaged("the registry", error))?;
        let registry = Self { parts };
        registry.refuse_newer()?;
        registry
            .read_all()
            .map_err(|error| Error::damaged("the registry", error))?;
        Ok(registry)
    }

    fn read_all(&self) -> Result<(), WireError> {
        for part in &self.parts {
            let Some(key) = &part.key else { continue };
            let bytes = part.bytes();
            let read = match key.kind {
                Kind::Entity => Entity::decode(bytes).map(drop),
                Kind::View(kind) => FeatureView::decode(kind, bytes).map(drop),
                Kind::Service => FeatureService::decode(bytes).map(drop),
                Kind::DataSource => DataSource::decode(bytes).map(drop),
                Kind::Project => Ok(()),
            };
            read.map_err(|error| error.within(format!("{} '{}'", key.kind.name(), key.name)))?;
        }
        Ok(())
    }
}

/// The fields of a registry message.
pub(super) fn parts(bytes: &[u8]) -> Result<Vec<Part>, WireError> {
    let mut parts = Vec::new();
    for field in Fields::new(bytes) {
        let field = field?;
        let raw = field.raw.to_vec();
        let (number, end) = (field.number, raw.len());
        match field.payload {
            Payload::Bytes(body) => parts.push(Part {
                number,
                body: end - body.len()..end,
                key: key(number, body)?,
                raw,
            }),
            // Everything Feast writes here has a length: this is some other file.
            _ if number <= LAST_KNOWN => {
                return Err(WireError::new(format!(
                    "field {number} is not what Feast writes"
                )));
            }
            _ => parts.push(Part {
                number,
                raw,
                body: 0..0,
                key: None,
            }),
        }
    }
    Ok(parts)
}

fn key(number: u32, body: &[u8]) -> Result<Option<Key>, WireError> {
    let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.number() == number) else {
        return Ok(None);
    };
    let read = match kind {
        Kind::Entity => names_and_project(body, 9),
        Kind::View(_) | Kind::Service => names_and_project(body, 2),
        Kind::DataSource => {
            Message::read(body).and_then(|message| Ok((message.string(20)?, message.string(21)?)))
        }
        // A project is its own.
        Kind::Project => names_and_project(body, 1),
    };
    let (name, project) = read.map_err(|error| error.within(kind.name()))?;
    Ok(Some(Key {
        kind,
        project,
        name,
    }))
}
