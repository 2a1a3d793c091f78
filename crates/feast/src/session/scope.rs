// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What one statement sees: definitions, catalogs, files, the time it started.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use datafusion::catalog::{CatalogProviderList, TableProvider};
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionConfig;
use datafusion::sql::ResolvedTableReference;
use feast_iceberg::{
    CatalogOptions, IcebergCaches, IcebergCatalogProvider, IcebergTableProvider, OpenOptions,
    SnapshotSelector,
};
use feast_registry::{DataSource, IcebergSource, Source, SourceCatalog};
use tokio::sync::OnceCell;

use super::open::{OpenRepository, PlainFolders};
use super::path_tables::PathTables;
use crate::ops::RegistryHandle;

/// What all statements of a session share.
pub(crate) struct FeastShared {
    pub(crate) registry: RegistryHandle,
    pub(crate) project: String,
    /// The session's catalogs, as registered.
    pub(crate) catalogs: Arc<dyn CatalogProviderList>,
    /// How the Iceberg catalogs among them were attached.
    pub(crate) attached: RwLock<BTreeMap<String, CatalogOptions>>,
    pub(crate) runtime: Arc<RuntimeEnv>,
    /// The files of Iceberg tables that never change.
    pub(crate) caches: Arc<IcebergCaches>,
    /// The repository that the session was opened from.
    pub(crate) repository: Option<Arc<OpenRepository>>,
    pub(crate) plain_folders: Arc<PlainFolders>,
}

/// One statement's view of the session. Cheap to clone.
#[derive(Clone)]
pub(crate) struct FeastScope {
    shared: Arc<FeastShared>,
    /// The catalogs as this statement sees them: one version of each Iceberg table.
    catalogs: Arc<dyn CatalogProviderList>,
    config: SessionConfig,
    /// The statement; none in a session whose statements are not told apart.
    statement: Option<Statement>,
}

/// One statement: when it started, and the tables it opened by their location, which it sees in one version each.
#[derive(Clone)]
pub(crate) struct Statement {
    started: DateTime<Utc>,
    opened: Arc<Mutex<HashMap<String, Arc<OnceCell<IcebergTableProvider>>>>>,
}

impl Statement {
    /// A statement that starts now.
    pub(crate) fn new(started: DateTime<Utc>) -> Self {
        Self {
            started,
            opened: Arc::default(),
        }
    }
}

// Catalogs hold what they share with the scope: printing them would not end.
impl fmt::Debug for FeastShared {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("FeastShared")
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FeastScope {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("FeastScope")
            .field("project", &self.shared.project)
            .finish_non_exhaustive()
    }
}

impl FeastScope {
    pub(crate) fn new(
        shared: Arc<FeastShared>,
        catalogs: Arc<dyn CatalogProviderList>,
        config: SessionConfig,
        statement: Option<Statement>,
    ) -> Self {
        Self {
            shared,
            catalogs,
            config,
            statement,
        }
    }

    pub(super) fn shared(&self) -> &Arc<FeastShared> {
        &self.shared
    }

    /// The same statement with these catalogs.
    pub(super) fn with_catalogs(&self, catalogs: Arc<dyn CatalogProviderList>) -> Self {
        Self {
            catalogs,
            ..self.clone()
        }
    }

    pub(super) fn catalogs(&self) -> &Arc<dyn CatalogProviderList> {
        &self.catalogs
    }

    pub(super) fn config(&self) -> &SessionConfig {
        &self.config
    }

    pub(super) fn runtime(&self) -> &RuntimeEnv {
        &self.shared.runtime
    }

    pub(super) fn repository(&self) -> Option<&OpenRepository> {
        self.shared.repository.as_deref()
    }

    /// The catalog that the session's repository brought under a name.
    pub(crate) fn repository_catalog(&self, name: &str) -> Option<SourceCatalog> {
        self.repository()?.brought(name)
    }

    /// The names of the session's catalogs.
    pub(super) fn catalog_names(&self) -> Vec<String> {
        self.shared.catalogs.catalog_names()
    }

    /// The names of the Iceberg catalogs that are attached.
    pub(super) fn attached_names(&self) -> Vec<String> {
        let attached = self.shared.attached.read();
        let attached = attached.unwrap_or_else(PoisonError::into_inner);
        attached.keys().cloned().collect()
    }

    pub(crate) fn registry(&self) -> &RegistryHandle {
        &self.shared.registry
    }

    pub(crate) fn project(&self) -> &str {
        &self.shared.project
    }

    /// When the statement started, or now where that is not known.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.statement.as_ref().map_or_else(Utc::now, |s| s.started)
    }

    /// Whether this is one statement of a context of ours.
    pub(crate) fn is_statement(&self) -> bool {
        self.statement.is_some()
    }

    pub(crate) fn path_tables(&self) -> PathTables {
        PathTables {
            config: self.config.clone(),
            runtime: Arc::clone(&self.shared.runtime),
        }
    }

    /// The reference with the session's default catalog and schema where it names none.
    pub(crate) fn resolve(&self, reference: TableReference) -> ResolvedTableReference {
        let catalog = &self.config.options().catalog;
        reference.resolve(&catalog.default_catalog, &catalog.default_schema)
    }

    /// The table of this name, or an error that says which part of the name is unknown.
    pub(crate) async fn table(&self, reference: &TableReference) -> Result<Arc<dyn TableProvider>> {
        let name = self.resolve(reference.clone());
        let Some(catalog) = self.catalogs.catalog(&name.catalog) else {
            let mut known = self.catalogs.catalog_names();
            known.sort();
            return plan_err!(
                "table {reference}: there is no catalog {}; attached are {}; attach one with CREATE EXTERNAL CATALOG",
                name.catalog,
                known.join(", ")
            );
        };
        if let Some(iceberg) = catalog.as_any().downcast_ref::<IcebergCatalogProvider>()
            && let Some(table) = iceberg.find(&name.schema, &name.table).await?
        {
            return Ok(table);
        }
        let Some(schema) = catalog.schema(&name.schema) else {
            let mut known = catalog.schema_names();
            known.sort();
            return plan_err!(
                "table {reference}: catalog {} has no schema {}; it has {}",
                name.catalog,
                name.schema,
                listed(&known)
            );
        };
        match schema.table(&name.table).await? {
            Some(table) => Ok(table),
            None => {
                let mut known = schema.table_names();
                known.sort();
                plan_err!(
                    "there is no table {reference}; {}.{} has {}",
                    name.catalog,
                    name.schema,
                    listed(&known)
                )
            }
        }
    }

    /// The table a view's rows are in, as of a snapshot.
    pub(crate) async fn source_table(
        &self,
        source: &DataSource,
        at: SnapshotSelector,
    ) -> Result<Arc<dyn TableProvider>> {
        let table = match &source.source {
            Source::Iceberg(iceberg) => self.iceberg_table(source, iceberg).await?,
            Source::File(file) => self.file_table(source, file).await?,
            Source::Spark(spark) => self.table(&self.spark_table(source, spark)?).await?,
            Source::Table(table) => self.table(&TableReference::parse_str(&table.table)).await?,
            Source::Query(query) => self.query_table(&source.name, &query.query).await?,
            _ => {
                let refusal = source.refusal();
                let refusal = refusal.unwrap_or_else(|| {
                    format!(
                        "data source {} is of a kind that cannot be read here",
                        source.name
                    )
                });
                return plan_err!("{refusal}");
            }
        };
        if at == SnapshotSelector::Current {
            return Ok(table);
        }
        match table.as_any().downcast_ref::<IcebergTableProvider>() {
            Some(iceberg) => Ok(Arc::new(iceberg.at(at)?)),
            None => plan_err!(
                "data source {} has no snapshots to choose from: expected a table of an Iceberg catalog attached with --catalog or CREATE \
                 EXTERNAL CATALOG; leave its view out of as_of_snapshot",
                source.name
            ),
        }
    }

    /// The table of an Iceberg source, in the catalog that the repository attached for it or that has its name.
    async fn iceberg_table(
        &self,
        source: &DataSource,
        iceberg: &IcebergSource,
    ) -> Result<Arc<dyn TableProvider>> {
        let known = match self.repository() {
            Some(repository) => repository.catalog_of(self, source, iceberg)?,
            None => None,
        };
        let (catalog, kind) = (&iceberg.catalog_name, &iceberg.catalog_type);
        let attached = known.as_ref().unwrap_or(catalog);
        let (namespace, table) = (iceberg.namespace.as_str(), iceberg.table.as_str());
        let reference = TableReference::full(attached.as_str(), namespace, table);
        if self.shared.catalogs.catalog(attached).is_none() {
            return plan_err!(
                "data source {} is Iceberg table {reference}, but no catalog {catalog} is attached; attach it with --catalog or \
                 CREATE EXTERNAL CATALOG {catalog} STORED AS ICEBERG OPTIONS (type '{kind}', uri '…')",
                source.name
            );
        }
        self.table(&reference).await
    }

    /// The Iceberg table whose metadata is at a location. A statement sees one version of it.
    pub(crate) async fn open_iceberg(
        &self,
        location: &str,
        options: OpenOptions,
    ) -> Result<Arc<dyn TableProvider>> {
        let options = OpenOptions {
            caches: Arc::clone(&self.shared.caches),
            ..options
        };
        let Some(statement) = &self.statement else {
            let table = IcebergTableProvider::open(location, options).await?;
            return Ok(Arc::new(table));
        };
        let (moved, path) = (options.allow_moved_paths, options.path_column);
        let cell = {
            let mut opened = statement
                .opened
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let key = format!("{moved} {path} {location}");
            Arc::clone(opened.entry(key).or_default())
        };
        let at = options.at.clone();
        let current = OpenOptions {
            at: SnapshotSelector::Current,
            ..options
        };
        let open = || IcebergTableProvider::open(location, current);
        let table = cell.get_or_try_init(open).await?;
        Ok(Arc::new(table.at(at)?))
    }

    /// How an Iceberg catalog of this name was attached.
    pub(crate) fn catalog_options(&self, name: &str) -> Option<CatalogOptions> {
        self.shared
            .attached
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Attaches an Iceberg catalog under its name.
    pub(crate) async fn attach_catalog(
        &self,
        options: CatalogOptions,
        if_not_exists: bool,
    ) -> Result<()> {
        let name = options.name.clone();
        if self.shared.catalogs.catalog(&name).is_some() {
            if if_not_exists {
                return Ok(());
            }
            return plan_err!(
                "catalog {name} exists already; choose another name or say IF NOT EXISTS"
            );
        }
        let provider = IcebergCatalogProvider::connect(&options).await?;
        let provider = provider.with_caches(Arc::clone(&self.shared.caches));
        self.shared
            .catalogs
            .register_catalog(name.clone(), Arc::new(provider));
        self.shared
            .attached
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, options);
        Ok(())
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    match names.len() {
        0 => "none".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
