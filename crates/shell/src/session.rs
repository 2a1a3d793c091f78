// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opens the session that the arguments describe.

use std::env;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::context::SessionConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    FairSpillPool, GreedyMemoryPool, MemoryPool, TrackConsumersPool,
};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::ExplainFormat;
use datafusion_cli::functions::{
    ListFilesCacheFunc, MetadataCacheFunc, ParquetMetadataFunc, StatisticsCacheFunc,
};
use datafusion_cli::object_storage::instrumented::{
    InstrumentedObjectStoreMode, InstrumentedObjectStoreRegistry,
};
use datafusion_cli::pool_type::PoolType;
use datafusion_cli::print_options::PrintOptions;
use datafusion_feast::{FeastContext, FeatureRepository, RegistryLocation, StoresOnDemand};
use feast_iceberg::CatalogOptions;

use crate::args::Args;
use crate::failure::Failure;
use crate::progress::watched;

/// What was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) context: FeastContext,
    pub(crate) print: PrintOptions,
}

/// Everything the arguments name, checked before anything is opened.
#[derive(Debug)]
pub(crate) struct Plan {
    repository: Option<FeatureRepository>,
    registry: Option<RegistryLocation>,
    catalogs: Vec<CatalogOptions>,
}

impl Plan {
    /// Reads `--repo`, `--registry` and `--catalog`. Relative files are the caller's: they are
    /// resolved before `-p` changes the directory.
    pub(crate) fn of(args: &Args) -> Result<Self, Failure> {
        let repository = args.repo.as_deref().map(open_repository).transpose()?;
        let registry = args.registry.as_deref().map(registry_location);
        let registry = registry.transpose()?;
        let mut catalogs: Vec<CatalogOptions> = Vec::with_capacity(args.catalog.len());
        for text in &args.catalog {
            let catalog = CatalogOptions::parse(text)
                .map_err(|error| Failure::of_engine("--catalog", &error.into()))?;
            if catalogs.iter().any(|other| other.name == catalog.name) {
                let message = "the name is given twice, attach each catalog under its own name";
                return Err(Failure::new(format!("--catalog {}", catalog.name), message));
            }
            catalogs.push(catalog);
        }
        Ok(Self {
            repository,
            registry,
            catalogs,
        })
    }

    /// Opens the session. `profiled` counts requests to object stores, which costs a little on
    /// each.
    pub(crate) async fn open(self, args: &Args, profiled: bool) -> Result<Opened, Failure> {
        let stores = Arc::new(
            InstrumentedObjectStoreRegistry::new().with_profile_mode(args.object_store_profiling),
        );
        let counted = (profiled || counts_requests(args)).then(|| Arc::clone(&stores));
        let config = session_config(args).map_err(|error| Failure::of_engine("", &error))?;
        let config = watched(config, args.quiet);
        let runtime = runtime_env(args, counted).map_err(|error| Failure::of_engine("", &error))?;
        let mut builder = FeastContext::builder()
            .with_session_config(config)
            .with_runtime_env(runtime);
        if let Some(repository) = self.repository {
            builder = builder.with_repository(repository);
        }
        if let Some(location) = self.registry {
            builder = builder.with_registry_location(location);
        }
        if let Some(project) = &args.project {
            builder = builder.with_project(project);
        }
        for catalog in self.catalogs {
            builder = builder.with_catalog(catalog);
        }
        let context = Box::pin(builder.build()).await.map_err(|error| {
            // A catalog's error names it; that of the registry does not know where it was named.
            let place = match (&args.repo, &args.registry) {
                _ if !error.to_string().contains("registry") => String::new(),
                (Some(dir), _) => format!("--repo {dir}"),
                (None, Some(file)) => format!("--registry {file}"),
                (None, None) => String::new(),
            };
            Failure::of_engine(place, &error)
        })?;
        if !args.quiet {
            let notices = context.notices();
            for notice in notices.map_err(|error| Failure::of_engine("", &error))? {
                eprintln!("notice: {notice}");
            }
        }
        register_functions(&context);
        let print = PrintOptions {
            format: args.format,
            quiet: args.quiet,
            maxrows: args.maxrows,
            color: args.color,
            instrumented_registry: stores,
        };
        Ok(Opened { context, print })
    }
}

fn counts_requests(args: &Args) -> bool {
    args.object_store_profiling != InstrumentedObjectStoreMode::Disabled
}

/// What `feature_store.yaml` in the folder of `--repo` says.
fn open_repository(dir: &str) -> Result<FeatureRepository, Failure> {
    FeatureRepository::open(dir)
        .map_err(|error| Failure::new(format!("--repo {dir}"), error.to_string()))
}

/// Where `--registry` is: a path, a `file://` URL, or an object store's.
fn registry_location(text: &str) -> Result<RegistryLocation, Failure> {
    // An address with a password in it is not repeated.
    let shown = if text.contains('@') { "" } else { text };
    let failed = |why: String| Failure::new(format!("--registry {shown}").trim_end(), why);
    let text = match text.strip_prefix("file:") {
        None => text.to_owned(),
        Some(_) => url::Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .map(|path| path.to_string_lossy().into_owned())
            .ok_or_else(|| failed("no file URL, expected file:///path".to_owned()))?,
    };
    let dir = env::current_dir().map_err(|error| failed(format!("{error}")))?;
    RegistryLocation::parse(&text, &dir).map_err(|error| failed(error.to_string()))
}

/// Makes `-p` the current directory.
pub(crate) fn enter_data_dir(dir: &Path) -> Result<(), Failure> {
    env::set_current_dir(dir).map_err(|error| {
        let message = format!("cannot be entered: {error}; give a directory you may read");
        Failure::new(format!("-p {}", dir.display()), message)
    })
}

/// DataFusion's options from the environment, with datafusion-cli's own defaults.
pub(crate) fn session_config(args: &Args) -> DataFusionResult<SessionConfig> {
    let mut options = ConfigOptions::from_env()?;
    if let Some(batch_size) = args.batch_size {
        options.execution.batch_size = batch_size;
    }
    if env::var_os("DATAFUSION_EXPLAIN_FORMAT").is_none() {
        options.explain.format = ExplainFormat::Tree;
    }
    if env::var_os("DATAFUSION_FORMAT_NULL").is_none() {
        options.format.null = "NULL".to_owned();
    }
    Ok(SessionConfig::from(options).with_information_schema(true))
}

fn runtime_env(
    args: &Args,
    counted: Option<Arc<InstrumentedObjectStoreRegistry>>,
) -> DataFusionResult<Arc<RuntimeEnv>> {
    let stores: Arc<dyn ObjectStoreRegistry> = match counted {
        Some(counted) => counted,
        None => Arc::new(DefaultObjectStoreRegistry::new()),
    };
    let mut builder =
        RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(StoresOnDemand::new(stores)));
    if let Some(limit) = args.memory_limit {
        builder = builder.with_memory_pool(memory_pool(args, limit));
    }
    if let Some(limit) = args.disk_limit {
        builder = builder.with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::OsTmpDirectory)
                .with_max_temp_directory_size(limit),
        );
    }
    builder.build_arc()
}

fn memory_pool(args: &Args, limit: usize) -> Arc<dyn MemoryPool> {
    match (
        &args.mem_pool_type,
        NonZeroUsize::new(args.top_memory_consumers),
    ) {
        (PoolType::Fair, None) => Arc::new(FairSpillPool::new(limit)),
        (PoolType::Fair, Some(top)) => {
            Arc::new(TrackConsumersPool::new(FairSpillPool::new(limit), top))
        }
        (PoolType::Greedy, None) => Arc::new(GreedyMemoryPool::new(limit)),
        (PoolType::Greedy, Some(top)) => {
            Arc::new(TrackConsumersPool::new(GreedyMemoryPool::new(limit), top))
        }
    }
}

/// datafusion-cli's table functions about files and caches.
fn register_functions(context: &FeastContext) {
    let session = context.session();
    let caches = || Arc::clone(&session.runtime_env().cache_manager);
    session.register_udtf("parquet_metadata", Arc::new(ParquetMetadataFunc {}));
    session.register_udtf("metadata_cache", Arc::new(MetadataCacheFunc::new(caches())));
    session.register_udtf(
        "statistics_cache",
        Arc::new(StatisticsCacheFunc::new(caches())),
    );
    session.register_udtf(
        "list_files_cache",
        Arc::new(ListFilesCacheFunc::new(caches())),
    );
}
