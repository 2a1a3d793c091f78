// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A Feast feature repository: the folder with `feature_store.yaml`.

mod catalog;
mod keys;
mod location;
mod stores;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use catalog::{CatalogKey, SourceCatalog};
use keys::Keys;
pub use location::RegistryLocation;
pub use stores::{OfflineStore, OnlineStore, OnlineTables};

use crate::error::{Error, ErrorKind, Result};
use crate::names;

/// The name of the file.
const FILE: &str = "feature_store.yaml";

/// Feast's keys. Those without a meaning here (engines, servers, telemetry) are no mistake.
const KEYS: [&str; 19] = [
    "project",
    "project_description",
    "provider",
    "registry",
    "online_store",
    "offline_store",
    "batch_engine",
    "entity_key_serialization_version",
    "coerce_tz_aware",
    "materialization",
    "auth",
    "feature_server",
    "flags",
    "repo_path",
    "openlineage",
    "mlflow",
    "embedding_model",
    "data_quality_monitoring",
    "batch_engine_config",
];

/// The version of entity keys that online tables are written with.
const ENTITY_KEYS: i64 = 3;

/// What a repository's `feature_store.yaml` says.
///
/// ```
/// use feast_registry::{FeatureRepository, RegistryLocation};
///
/// let text = "project: rides\nregistry: data/registry.db\noffline_store: {type: duckdb}";
/// let repository = FeatureRepository::parse(text, "/repo".as_ref(), &|_| None)?;
/// assert_eq!(repository.project, "rides");
/// let file = RegistryLocation::File("/repo/data/registry.db".into());
/// assert_eq!(repository.registry, file);
/// # Ok::<(), feast_registry::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureRepository {
    /// The folder; relative paths in the file and in sources are paths in it.
    pub dir: PathBuf,
    /// The project.
    pub project: String,
    /// Where the definitions are.
    pub registry: RegistryLocation,
    /// The offline store.
    pub offline_store: OfflineStore,
    /// The online store; none where it is switched off.
    pub online_store: Option<OnlineStore>,
    /// How entity keys are written as bytes.
    pub entity_key_serialization_version: i64,
    /// What its reader should know: keys without effect, variables that are not set.
    pub notices: Vec<String>,
}

impl FeatureRepository {
    /// Reads `feature_store.yaml` of a folder, with the variables of the environment.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let failed = |what: &str| {
            Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} {what}; expected a Feast feature repository, a folder with {FILE}",
                    dir.display()
                ),
            )
        };
        let dir =
            std::path::absolute(dir).map_err(|error| failed("is no path").with_source(error))?;
        if !dir.is_dir() {
            return Err(failed("is no folder"));
        }
        let file = dir.join(FILE);
        let text = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(failed(&format!("has no {FILE}")));
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", file.display());
                return Err(Error::new(ErrorKind::Io, message).with_source(error));
            }
        };
        let text = String::from_utf8(text)
            .map_err(|_| Error::invalid(format!("{} is not UTF-8 text", file.display())))?;
        Self::parse(&text, &dir, &|name| std::env::var(name).ok())
            .map_err(|error| error.context(file.display()))
    }

    /// Reads the text of a `feature_store.yaml` in the folder `dir`; `lookup` gives the variables
    /// of the environment.
    pub fn parse(text: &str, dir: &Path, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let (map, unset) = yaml::read(text, lookup)?;
        let keys = Keys::new("", map);
        let mut notices: Vec<String> = unset
            .iter()
            .map(|name| format!("the environment variable {name} is not set and stays as written"))
            .collect();
        keys.note_unknown(&KEYS, &mut notices);
        let Some(project) = keys.text("project")? else {
            return Err(Error::invalid(
                "project is not given; expected a name such as 'project: rides'",
            ));
        };
        names::check_project(&project)?;
        note_permissions(&keys, &mut notices);
        let offline_store = OfflineStore::read(keys.written("offline_store"), &mut notices)?;
        let online_store = OnlineStore::read(keys.written("online_store"), &mut notices)?;
        let version = keys.number("entity_key_serialization_version")?;
        let repository = Self {
            dir: dir.to_path_buf(),
            project,
            registry: RegistryLocation::read(keys.get("registry"), dir)?,
            offline_store,
            online_store,
            entity_key_serialization_version: version.unwrap_or(ENTITY_KEYS),
            notices,
        };
        Ok(repository.with_online_notice())
    }

    /// The online store, if online tables can be read and written with it. Otherwise the error
    /// says why not.
    pub fn online_tables(&self) -> Result<&OnlineTables> {
        let refuse = |why: String| Err(Error::unsupported(format!("{FILE}: {why}")));
        let version = self.entity_key_serialization_version;
        if version != ENTITY_KEYS {
            let why = if version < ENTITY_KEYS {
                "keys of older versions cannot be told apart once they are bytes, and Feast no \
                 longer reads them"
            } else {
                "this version of the software does not know it"
            };
            return refuse(format!(
                "entity_key_serialization_version is {version}, online features need \
                 {ENTITY_KEYS}: {why}; set it to {ENTITY_KEYS} and materialize again"
            ));
        }
        match &self.online_store {
            None => {
                refuse("online_store is switched off; configure one of type iceberg".to_owned())
            }
            Some(OnlineStore {
                iceberg: Some(tables),
                ..
            }) => Ok(tables),
            Some(OnlineStore { kind, .. }) => refuse(format!(
                "online_store is of type {kind}, which only Feast serves; configure one of type \
                 iceberg"
            )),
        }
    }

    /// An address of a source as a path in the repository, if it is a relative path; URLs and
    /// absolute paths stay.
    pub fn resolve(&self, path: &str) -> String {
        if path.contains("://") || path.starts_with("file:") || Path::new(path).is_absolute() {
            return path.to_owned();
        }
        let joined = self.dir.join(path);
        joined.to_string_lossy().into_owned()
    }

    fn with_online_notice(mut self) -> Self {
        let wants_tables = self
            .online_store
            .as_ref()
            .is_some_and(|store| store.iceberg.is_some());
        if (wants_tables || self.entity_key_serialization_version < ENTITY_KEYS)
            && let Err(error) = self.online_tables()
        {
            let text = error.to_string();
            let text = text.strip_prefix(FILE).unwrap_or(&text);
            self.notices.push(text.trim_start_matches(": ").to_owned());
        }
        self
    }
}

/// Feast's permissions are checked by its servers, not by who reads the registry.
fn note_permissions(keys: &Keys, notices: &mut Vec<String>) {
    let kind = match keys.get("auth") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Object(map)) => map.get("type").and_then(Value::as_str),
        _ => None,
    };
    if let Some(kind) = kind.filter(|kind| *kind != "no_auth") {
        notices.push(format!(
            "auth of type {kind} is not enforced here: whoever can read the registry and the \
             tables can query them"
        ));
    }
}
