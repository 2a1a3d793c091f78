// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The name under which a catalog's rows stand in its database.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::database::Session;
use super::rows;
use crate::catalog::options::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};

/// Options that name the catalog inside the database.
const CATALOG_NAME: [&str; 2] = ["catalog-name", "catalog_name"];

/// The name of a catalog's rows. In a database without rows it stays open until there are some:
/// another program may be the first to write, under a name of its own.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    own: Arc<str>,
    decided: Arc<OnceLock<Arc<str>>>,
}

impl Naming {
    /// The rows are those under `name`.
    pub(super) fn fixed(name: &str) -> Self {
        Self {
            own: name.into(),
            decided: Arc::new(OnceLock::from(Arc::from(name))),
        }
    }

    /// By the option that names the catalog, else by the names that there are in `file`.
    pub(super) fn choose(
        options: &CatalogOptions,
        file: &Path,
        names: &BTreeSet<String>,
    ) -> Result<Self> {
        let asked = CATALOG_NAME
            .iter()
            .find_map(|key| options.properties.get(*key));
        let Some(asked) = asked else {
            let naming = Self {
                own: options.name.as_str().into(),
                decided: Arc::default(),
            };
            naming.among(file, names)?;
            return Ok(naming);
        };
        if names.is_empty() || names.contains(asked) {
            return Ok(Self::fixed(asked));
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "'{}' holds no catalog named '{asked}', but {}",
                file.display(),
                listed(names)
            ),
        ))
    }

    /// The name as far as it is known.
    pub(super) fn current(&self) -> &str {
        self.decided.get().unwrap_or(&self.own)
    }

    /// The name to read or write under, chosen from the names there are now if it is still open.
    pub(super) fn decide(
        &self,
        session: &Session,
        file: &Path,
    ) -> rusqlite::Result<Result<Arc<str>>> {
        if let Some(name) = self.decided.get() {
            return Ok(Ok(Arc::clone(name)));
        }
        let names = rows::catalog_names(session)?;
        Ok(self.among(file, &names))
    }

    fn among(&self, file: &Path, names: &BTreeSet<String>) -> Result<Arc<str>> {
        let name = match (names.first(), names.len()) {
            (None, _) => return Ok(Arc::clone(&self.own)),
            _ if names.contains(&*self.own) => Arc::clone(&self.own),
            (Some(only), 1) => only.as_str().into(),
            _ => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "'{}' holds several catalogs: choose one of {} with the option \
                         'catalog-name'",
                        file.display(),
                        listed(names)
                    ),
                ));
            }
        };
        Ok(Arc::clone(self.decided.get_or_init(|| name)))
    }
}

fn listed(names: &BTreeSet<String>) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(", ")
}
