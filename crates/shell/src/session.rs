// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opens the session that the arguments describe.

use std::env;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
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
use datafusion_feast::FeastContext;
use feast_iceberg::CatalogOptions;

use crate::args::Args;
use crate::failure::Failure;
use crate::stores::StoresOnDemand;

/// What was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) context: FeastContext,
    pub(crate) print: PrintOptions,
}

/// Everything the arguments name, checked before anything is opened.
#[derive(Debug)]
pub(crate) struct Plan {
    registry: Option<PathBuf>,
    catalogs: Vec<CatalogOptions>,
}

impl Plan {
    /// Reads `--repo`, `--registry` and `--catalog`. Relative files are the caller's: they are
    /// resolved before `-p` changes the directory.
    pub(crate) fn of(args: &Args) -> Result<Self, Failure> {
        if let Some(repo) = &args.repo {
            return Err(Failure::new(
                format!("--repo {repo}"),
                "--repo is not supported by this version; use --registry with the repository's \
                 registry file and --project",
            ));
        }
        let registry = args.registry.as_deref().map(registry_path).transpose()?;
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
        Ok(Self { registry, catalogs })
    }

    /// Opens the session. `profiled` counts requests to object stores, which costs a little on
    /// each.
    pub(crate) async fn open(self, args: &Args, profiled: bool) -> Result<Opened, Failure> {
        let stores = Arc::new(
            InstrumentedObjectStoreRegistry::new().with_profile_mode(args.object_store_profiling),
        );
        let counted = (profiled || counts_requests(args)).then(|| Arc::clone(&stores));
        let config = session_config(args).map_err(|error| Failure::of_engine("", &error))?;
        let runtime = runtime_env(args, counted).map_err(|error| Failure::of_engine("", &error))?;
        let mut builder = FeastContext::builder()
            .with_session_config(config)
            .with_runtime_env(runtime);
        if let Some(path) = self.registry {
            builder = builder.with_registry_path(path);
        }
        if let Some(project) = &args.project {
            builder = builder.with_project(project);
        }
        for catalog in self.catalogs {
            builder = builder.with_catalog(catalog);
        }
        let context = Box::pin(builder.build()).await.map_err(|error| {
            // A catalog's error names it; that of the registry does not know the file's name.
            let registry = args
                .registry
                .as_ref()
                .filter(|_| error.to_string().contains("registry"));
            Failure::of_engine(
                registry.map_or_else(String::new, |file| format!("--registry {file}")),
                &error,
            )
        })?;
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

/// The file of `--registry`: a path or a `file://` URL.
fn registry_path(text: &str) -> Result<PathBuf, Failure> {
    let place = || format!("--registry {text}");
    let path = match text.split_once("://") {
        None => PathBuf::from(text),
        Some(("file", _)) => url::Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .ok_or_else(|| Failure::new(place(), "no file URL, expected file:///path"))?,
        Some((scheme, _)) => {
            let message = format!(
                "a registry in {scheme}:// is not supported by this version; give a local file"
            );
            return Err(Failure::new(place(), message));
        }
    };
    std::path::absolute(&path)
        .map_err(|error| Failure::new(place(), format!("{error}; give the path of a file")))
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
