// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The Iceberg catalogs of a repository: attached when it is opened, found again by the sources that name them.
//!
//! In Feast each source says everything about its catalog, so two sources may give two catalogs one name. The first keeps it, the
//! others get a number behind it; a source finds its own by what it says, not by the name. A catalog that the user attached under
//! the name stands in for all of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{PoisonError, RwLockReadGuard};

use datafusion::common::{DataFusionError, Result, plan_err};
use feast_iceberg::CatalogOptions;
use feast_registry::{CatalogKey, DataSource, IcebergSource, SourceCatalog};

use super::OpenRepository;
use crate::ops::from_registry;
use crate::session::FeastScope;

/// The catalogs of one repository.
#[derive(Debug, Default)]
pub(super) struct Catalogs {
    /// By what tells it apart: the name it is attached under, or why it is not.
    found: BTreeMap<CatalogKey, Result<String, String>>,
    /// Those this repository brought, by the name they are attached under.
    brought: BTreeMap<String, SourceCatalog>,
    notices: Vec<String>,
}

/// Attaches every catalog that the repository names. One that cannot be attached is noted, and views over it say why when they are
/// asked for.
pub(in crate::session) async fn attach_catalogs(
    scope: &FeastScope,
    repository: &OpenRepository,
) -> Result<()> {
    let config = &repository.config;
    let online = config.online_store.as_ref();
    let online = online.and_then(|store| store.iceberg.as_ref()?.catalog.clone());
    let registry = scope.registry().read()?;
    let sources = registry
        .source_catalogs(scope.project())
        .map_err(from_registry)?;
    let stores = config.offline_store.catalogs.iter().cloned().chain(online);
    let mut catalogs: Vec<SourceCatalog> = stores.chain(sources).collect();
    // One that is described with more properties serves those that are with fewer.
    catalogs.sort_by_key(|catalog| Reverse(catalog.properties.len()));
    for catalog in catalogs {
        Box::pin(repository.attach(scope, catalog)).await;
    }
    Ok(())
}

impl Catalogs {
    /// What became of the catalog that a source describes.
    pub(super) fn find(&self, key: &CatalogKey) -> Option<&Result<String, String>> {
        let mut found = self.found.iter();
        found
            .find(|(known, _)| known.serves(key))
            .map(|(_, found)| found)
    }
}

impl OpenRepository {
    /// What to know of catalogs.
    pub(super) fn catalog_notices(&self) -> Vec<String> {
        self.catalogs().notices.clone()
    }

    /// The name under which the catalog of a source is attached; none if the repository does not know of it.
    pub(in crate::session) fn catalog_of(
        &self,
        scope: &FeastScope,
        source: &DataSource,
        iceberg: &IcebergSource,
    ) -> Result<Option<String>> {
        let name = &iceberg.catalog_name;
        if self.is_users(scope, name) {
            return Ok(Some(name.clone()));
        }
        let catalogs = self.catalogs();
        match catalogs.find(&iceberg.catalog_key()) {
            Some(Ok(name)) => Ok(Some(name.clone())),
            Some(Err(why)) => plan_err!(
                "data source {} is a table of the Iceberg catalog {name}, which is not attached: {why}; mend that and open the \
                 repository anew, or say where the catalog is with --catalog '{name}=…'",
                source.name
            ),
            None if catalogs.brought.contains_key(name) => plan_err!(
                "data source {} names another catalog {name} than the repository did when it was opened; open it anew",
                source.name
            ),
            None => Ok(None),
        }
    }

    /// The catalog that this repository brought under a name, as its sources describe it.
    pub(in crate::session) fn brought(&self, name: &str) -> Option<SourceCatalog> {
        self.catalogs().brought.get(name).cloned()
    }

    /// The names of the catalogs of the offline store, as they are attached.
    pub(super) fn store_catalogs(&self) -> Vec<String> {
        let catalogs = self.catalogs();
        let stores = self.config.offline_store.catalogs.iter();
        let names = stores.filter_map(|catalog| catalogs.find(&catalog.key())?.clone().ok());
        names.collect()
    }

    pub(super) fn catalogs(&self) -> RwLockReadGuard<'_, Catalogs> {
        self.catalogs.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the user attached an Iceberg catalog under that name.
    fn is_users(&self, scope: &FeastScope, name: &str) -> bool {
        scope.catalog_options(name).is_some() && !self.catalogs().brought.contains_key(name)
    }

    async fn attach(&self, scope: &FeastScope, catalog: SourceCatalog) {
        let key = catalog.key();
        if self.catalogs().find(&key).is_some() {
            return;
        }
        let attached = if self.is_users(scope, &catalog.name) {
            Ok((catalog.name.clone(), false))
        } else {
            let name = free_name(scope, &catalog.name);
            let options = options(&catalog, &name, &self.config.dir);
            let attached = scope.attach_catalog(options, false).await;
            attached.map_or_else(|error| Err(reason(error)), |()| Ok((name, true)))
        };
        let mut catalogs = self
            .catalogs
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let found = match attached {
            Ok((name, brought)) => {
                if name != catalog.name {
                    catalogs.notices.push(format!(
                        "the catalog {} at {} is attached as {name}, since its name is taken",
                        catalog.name,
                        key.address()
                    ));
                }
                if brought {
                    catalogs.brought.insert(name.clone(), catalog);
                }
                Ok(name)
            }
            Err(why) => {
                let notice = format!("the catalog {} is not attached: {why}", catalog.name);
                catalogs.notices.push(notice);
                Err(why)
            }
        };
        catalogs.found.insert(key, found);
    }
}

/// What went wrong, without the kind of error before it.
fn reason(error: DataFusionError) -> String {
    match error {
        DataFusionError::External(error) => error.to_string(),
        error => error.strip_backtrace(),
    }
}

/// The name, or the first one with a number that no catalog has.
fn free_name(scope: &FeastScope, name: &str) -> String {
    let taken = scope.catalog_names();
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    let free = names.find(|name| !taken.contains(name));
    free.unwrap_or_else(|| name.to_owned())
}

/// How a catalog is opened. Properties come before what the source says beside them, as in PyIceberg; relative paths are the
/// repository's.
fn options(catalog: &SourceCatalog, name: &str, dir: &Path) -> CatalogOptions {
    let mut properties = catalog.properties.clone();
    let mut uri = properties
        .remove("uri")
        .or_else(|| catalog.uri.clone())
        .unwrap_or_default();
    let mut warehouse = properties
        .remove("warehouse")
        .or_else(|| catalog.warehouse.clone());
    properties.remove("type");
    if catalog.kind == "sql" {
        uri = in_folder(&uri, dir);
        // A folder that is not there keeps nobody from reading: tables say where they are.
        warehouse = warehouse
            .map(|path| path_in_folder(&path, dir))
            .filter(|path| !path.starts_with('/') || Path::new(path).is_dir());
        // In the database, rows stand under the name that Feast gives PyIceberg.
        properties
            .entry("catalog-name".to_owned())
            .or_insert_with(|| catalog.name.clone());
    }
    if let Some(variable) = &catalog.token_variable
        && let Ok(token) = std::env::var(variable)
        && !token.is_empty()
    {
        properties.entry("token".to_owned()).or_insert(token);
    }
    CatalogOptions {
        name: name.to_owned(),
        kind: catalog.kind.clone(),
        uri,
        warehouse,
        properties,
    }
}

/// SQLAlchemy's address of a file, the file being one of the folder where it is relative.
fn in_folder(uri: &str, dir: &Path) -> String {
    match uri.split_once(":///") {
        Some((scheme, path)) if scheme.starts_with("sqlite") && !path.starts_with(['/', ':']) => {
            let path = path.strip_prefix("file:").unwrap_or(path);
            format!("{scheme}:///{}", dir.join(path).display())
        }
        _ => uri.to_owned(),
    }
}

fn path_in_folder(path: &str, dir: &Path) -> String {
    if path.contains("://") || path.starts_with("file:") {
        path.to_owned()
    } else {
        dir.join(path).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_files_are_the_repositorys() {
        let dir = Path::new("/repo");
        for (uri, expected) in [
            ("sqlite:///c.db", "sqlite:////repo/c.db"),
            (
                "sqlite+pysqlite:///a/c.db",
                "sqlite+pysqlite:////repo/a/c.db",
            ),
            ("sqlite:////abs/c.db", "sqlite:////abs/c.db"),
            ("sqlite:///:memory:", "sqlite:///:memory:"),
            ("http://host:8181", "http://host:8181"),
        ] {
            assert_eq!(in_folder(uri, dir), expected);
        }
        assert_eq!(path_in_folder("wh", dir), "/repo/wh");
        assert_eq!(path_in_folder("/wh", dir), "/wh");
        assert_eq!(path_in_folder("s3://b/wh", dir), "s3://b/wh");
    }
}
