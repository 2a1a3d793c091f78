// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The Iceberg catalogs that a project's sources name, with everything needed to open them.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::feature_view::{BEHIND_STREAM, source_number};
use crate::message::Message;
use crate::registry::{Kind, Part, Registry};
use crate::repository::SourceCatalog;
use crate::source::CUSTOM_OPTIONS;
use crate::wire::WireError;

impl Registry {
    /// The catalogs of the Iceberg tables that sources of a project name, each once, in the order of
    /// their names. Unlike a source that is read, they hold the secrets that Feast stored.
    pub fn source_catalogs(&self, project: &str) -> Result<Vec<SourceCatalog>> {
        let mut found = BTreeMap::new();
        for part in &self.parts {
            let Some(key) = part.key.as_ref().filter(|key| key.project == project) else {
                continue;
            };
            let catalog = catalog_of(part, key.kind).map_err(|error| {
                Error::damaged(format!("{} '{}'", key.kind.name(), key.name), error)
            })?;
            if let Some(catalog) = catalog {
                found.entry(catalog.key()).or_insert(catalog);
            }
        }
        Ok(found.into_values().collect())
    }

    /// Whether a push or stream source has a batch source, which holds its rows.
    pub(crate) fn has_batch_source(&self, project: &str, name: &str) -> Result<bool> {
        let Some(bytes) = self.stored(Kind::DataSource, project, name) else {
            return Ok(false);
        };
        Message::read(bytes)
            .and_then(|source| Ok(source.message(BEHIND_STREAM)?.is_some()))
            .map_err(|error| Error::damaged(format!("data source '{name}'"), error))
    }
}

fn catalog_of(part: &Part, kind: Kind) -> Result<Option<SourceCatalog>, WireError> {
    match kind {
        Kind::DataSource => of_source(part.bytes()),
        Kind::View(kind) if source_number(kind) != 0 => {
            let view = Message::read(part.bytes())?;
            let spec = view.message(1)?.unwrap_or_default();
            match Message::read(&spec)?.message(source_number(kind))? {
                Some(source) => of_source(&source),
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

fn of_source(bytes: &[u8]) -> Result<Option<SourceCatalog>, WireError> {
    let source = Message::read(bytes)?;
    if let Some(behind) = source.message(BEHIND_STREAM)? {
        return of_source(&behind);
    }
    let options = source.message(CUSTOM_OPTIONS)?.unwrap_or_default();
    let configuration = Message::read(&options)?.bytes(1)?;
    Ok(SourceCatalog::from_configuration(configuration))
}
