// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Building a context.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::object_store::DefaultObjectStoreRegistry;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use feast_iceberg::{CacheLimits, CatalogOptions};
use feast_registry::{FeatureRepository, FileRegistryStore, RegistryLocation, RegistryStore};

use super::context::FeastContext;
use super::install::{FeastOptions, install};
use super::open::{OpenRepository, attach_catalogs, open_registry};
use super::scope::FeastScope;
use super::settings::FeastSettings;
use super::stores::StoresOnDemand;

/// Collects what a [`FeastContext`] is made of.
#[derive(Debug, Default)]
pub struct FeastContextBuilder {
    state: Option<SessionStateBuilder>,
    config: Option<SessionConfig>,
    runtime: Option<Arc<RuntimeEnv>>,
    options: FeastOptions,
    catalogs: Vec<CatalogOptions>,
    registry: Option<RegistryLocation>,
}

impl FeastContextBuilder {
    /// Builds on this session: its tables, rules, functions and planner stay.
    #[must_use]
    pub fn with_session_state_builder(mut self, builder: SessionStateBuilder) -> Self {
        self.state = Some(builder);
        self
    }

    /// Uses this configuration, with `information_schema` on and `collect_statistics` off: the statistics of Parquet files leave NaN
    /// out, and DataFusion 53 takes a column whose minimum is its maximum for constant.
    #[must_use]
    pub fn with_session_config(mut self, config: SessionConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Uses this runtime: its memory limit, disk limit and object stores.
    #[must_use]
    pub fn with_runtime_env(mut self, runtime: Arc<RuntimeEnv>) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Keeps definitions in a file of Feast's registry format; it is made by the first definition if it does not exist.
    #[must_use]
    pub fn with_registry_path(self, path: impl AsRef<Path>) -> Self {
        self.with_registry(Arc::new(FileRegistryStore::new(path.as_ref())))
    }

    /// Keeps definitions in this store.
    #[must_use]
    pub fn with_registry(mut self, registry: Arc<dyn RegistryStore>) -> Self {
        self.options = self.options.with_registry(registry);
        self.registry = None;
        self
    }

    /// Keeps definitions there. An object store is the runtime's, else one with the credentials of the environment.
    #[must_use]
    pub fn with_registry_location(mut self, location: RegistryLocation) -> Self {
        self.registry = Some(location);
        self
    }

    /// Opens a Feast feature repository, as [`FeastContext::open`] does: its project, its registry, the Iceberg catalogs of its sources,
    /// and what its online store of type `iceberg` says, as `feast.online.…` where the session's configuration does not set that already.
    /// What is set after it takes its place; a catalog attached by name stands in for those that sources give the same name.
    #[must_use]
    pub fn with_repository(self, repository: FeatureRepository) -> Self {
        let mut builder = self
            .with_project(repository.project.clone())
            .with_registry_location(repository.registry.clone());
        builder.options.repository = Some(repository);
        builder
    }

    /// Reads and writes the definitions of this project.
    #[must_use]
    pub fn with_project(mut self, project: impl Into<String>) -> Self {
        self.options = self.options.with_project(project);
        self
    }

    /// Keeps at most so much of the manifests and delete files of Iceberg tables in memory.
    #[must_use]
    pub fn with_cache_limits(mut self, limits: CacheLimits) -> Self {
        self.options = self.options.with_cache_limits(limits);
        self
    }

    /// Attaches an Iceberg catalog.
    #[must_use]
    pub fn with_catalog(mut self, catalog: CatalogOptions) -> Self {
        self.catalogs.push(catalog);
        self
    }

    /// The context; an error names the catalog that cannot be attached or the registry that cannot be read.
    pub async fn build(self) -> Result<FeastContext> {
        let mut builder = self
            .state
            .unwrap_or_else(|| SessionStateBuilder::new().with_default_features());
        if let Some(config) = self.config {
            builder = builder.with_config(config);
        }
        if let Some(runtime) = self.runtime {
            builder = builder.with_runtime_env(runtime);
        }
        let config = builder.config().take().unwrap_or_default();
        // Statistics of Parquet files leave NaN out; DataFusion would answer with a column's only other value instead.
        let config = config
            .with_information_schema(true)
            .with_collect_statistics(false);
        // Making a default catalog would put an empty one in the place of a host's.
        let default = &config.options().catalog.default_catalog;
        let exists = builder
            .catalog_list()
            .as_ref()
            .is_some_and(|list| list.catalog(default).is_some());
        let config = if exists {
            config.with_create_default_catalog_and_schema(false)
        } else {
            config
        };
        builder = builder.with_config(config);
        let runtime = match builder.runtime_env() {
            Some(runtime) => Arc::clone(runtime),
            none if self.registry.is_some() => Arc::clone(none.insert(stores_on_demand()?)),
            none => Arc::clone(none.insert(Arc::default())),
        };
        let mut options = self.options;
        if let Some(location) = &self.registry {
            options = options.with_registry(open_registry(location, &runtime)?);
        }
        let shared = install(&mut builder, options)?;
        shared.registry.read()?;
        let session = SessionContext::new_with_state(builder.build());
        let scope = FeastScope::new(
            Arc::clone(&shared),
            Arc::clone(&shared.catalogs),
            session.copied_config(),
            None,
        );
        for catalog in self.catalogs {
            scope.attach_catalog(catalog, false).await?;
        }
        if let Some(repository) = &shared.repository {
            Box::pin(attach_catalogs(&scope, repository)).await?;
            adopt_online_store(&session, repository)?;
        }
        Ok(FeastContext::new(session, shared))
    }
}

/// Puts what the repository says of its online store into the session's settings. What keeps it from being used
/// is said when it is.
fn adopt_online_store(session: &SessionContext, repository: &OpenRepository) -> Result<()> {
    let Ok(Some(tables)) = repository.online_tables() else {
        return Ok(());
    };
    let catalog = repository.online_catalog().ok().flatten();
    let state = session.state_ref();
    let mut state = state.write();
    let settings = &mut state.config_mut().options_mut().extensions;
    match settings.get_mut::<FeastSettings>() {
        Some(settings) => settings.online_mut().adopt(tables, catalog),
        None => Ok(()),
    }
}

/// A runtime that opens object stores with the credentials of the environment.
fn stores_on_demand() -> Result<Arc<RuntimeEnv>> {
    let stores = StoresOnDemand::new(Arc::new(DefaultObjectStoreRegistry::new()));
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(stores))
        .build_arc()
}
