// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The one installer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList, TableFunction};
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::planner::RelationPlanner;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::optimizer::{Analyzer, OptimizerRule};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use feast_iceberg::{CacheLimits, CheckIcebergInsert, ChooseIcebergScan, IcebergCaches};
use feast_pit::{
    KeepEntityOrder, PrunePitJoinFeatures, PushFilterThroughPitJoin, PushLimitThroughPitJoin,
    spare_pit_joins,
};
use feast_registry::{FeatureRepository, InMemoryRegistryStore, RegistryStore};

use super::late_payload::late_payloads;
use super::open::OpenRepository;
use super::query_planner::FeastQueryPlanner;
use super::scope::{FeastScope, FeastShared};
use super::settings::FeastSettings;
use crate::functions::{
    BindOnlineGet, FeastRelationPlanner, RefuseModifiers, online_get, table_functions,
};
use crate::ops::RegistryHandle;
use crate::views::FeastCatalog;

/// What a session is given: where its definitions are kept and which project they belong to.
#[derive(Debug, Clone)]
pub struct FeastOptions {
    pub(super) registry: Arc<dyn RegistryStore>,
    pub(super) project: String,
    pub(super) cache_limits: CacheLimits,
    pub(super) repository: Option<FeatureRepository>,
}

impl Default for FeastOptions {
    /// Definitions that live as long as the session, in project `default`.
    fn default() -> Self {
        Self {
            registry: Arc::new(InMemoryRegistryStore::default()),
            project: "default".to_owned(),
            cache_limits: CacheLimits::default(),
            repository: None,
        }
    }
}

impl FeastOptions {
    /// Keeps definitions in this store.
    #[must_use]
    pub fn with_registry(mut self, registry: Arc<dyn RegistryStore>) -> Self {
        self.registry = registry;
        self
    }

    /// Reads and writes the definitions of this project.
    #[must_use]
    pub fn with_project(mut self, project: impl Into<String>) -> Self {
        self.project = project.into();
        self
    }

    /// Keeps at most so much of the manifests and delete files of Iceberg tables in memory.
    #[must_use]
    pub fn with_cache_limits(mut self, limits: CacheLimits) -> Self {
        self.cache_limits = limits;
        self
    }
}

/// Adds the feature store to a session that is being built.
pub trait SessionStateBuilderExt: Sized {
    /// Installs functions, rules and planner beside what the builder already has.
    ///
    /// - Table functions `feast_…` and a relation planner for their named and query arguments, and the scalar function
    ///   `feast_online_get`.
    /// - `bind_online_get`, first of the analyzer's rules: the calls of one query share what they look up.
    /// - `ChooseIcebergScan`, first of the physical rules: the rules after it see plain Parquet scans.
    /// - `check_iceberg_insert`, after the analyzer's rules: it looks at the casts of an insert before the optimizer merges them.
    /// - `push_limit_through_pit_join` and `push_filter_through_pit_join`, before DataFusion's `push_down_filter`, which stops at the
    ///   node.
    /// - `prune_pit_join_features`, before `optimize_projections`, which then reads no column of a feature that was left out.
    /// - `keep_entity_order`, around the physical rule `EnforceDistribution`, which would shuffle the entity side.
    /// - A query planner that plans the join and hands every other plan to the planner found in the builder, calls of
    ///   `feast_online_get` in projections of their own.
    /// - Catalog `feast` with the definitions as tables.
    ///
    /// Call it after the builder's own rules, planner and catalog list are set. Statements of the feature store's own
    /// (`CREATE FEATURE VIEW` …) need [`FeastContext::sql`](crate::FeastContext::sql); here their function twins do the same.
    fn with_feast(self, options: FeastOptions) -> Result<Self>;
}

impl SessionStateBuilderExt for SessionStateBuilder {
    fn with_feast(mut self, options: FeastOptions) -> Result<Self> {
        install(&mut self, options)?;
        Ok(self)
    }
}

/// Installs into a builder and returns what its statements share.
pub(super) fn install(
    builder: &mut SessionStateBuilder,
    options: FeastOptions,
) -> Result<Arc<FeastShared>> {
    let catalogs = builder.catalog_list().get_or_insert_with(|| {
        Arc::new(MemoryCatalogProviderList::new()) as Arc<dyn CatalogProviderList>
    });
    let catalogs = Arc::clone(catalogs);
    let runtime = Arc::clone(builder.runtime_env().get_or_insert_with(Default::default));
    let config = builder.config().get_or_insert_with(Default::default);
    let settings = &mut config.options_mut().extensions;
    if settings.get::<FeastSettings>().is_none() {
        settings.insert(FeastSettings::default());
    }
    config.set_extension(Arc::new(late_payloads(FeastSettings::payload_mode)));
    let config = config.clone();
    let shared = Arc::new(FeastShared {
        registry: RegistryHandle::new(options.registry),
        project: options.project,
        catalogs: Arc::clone(&catalogs),
        attached: RwLock::new(BTreeMap::new()),
        runtime,
        caches: Arc::new(IcebergCaches::new(options.cache_limits)),
        repository: options.repository.map(OpenRepository::new).map(Arc::new),
        plain_folders: Arc::default(),
    });
    catalogs.register_catalog(
        "feast".to_owned(),
        Arc::new(FeastCatalog::new(Arc::clone(&shared))),
    );

    let rules = &mut builder.optimizer().get_or_insert_with(Optimizer::new).rules;
    if !rules
        .iter()
        .any(|rule| rule.name() == PushFilterThroughPitJoin::default().name())
    {
        install_rules(builder, &shared.runtime);
    }

    let planner = FeastQueryPlanner::new(builder.query_planner().take());
    *builder.query_planner() = Some(Arc::new(planner));

    let scope = FeastScope::new(Arc::clone(&shared), catalogs, config, None);
    bind_functions(builder, &scope);
    let rules = &mut builder.analyzer().get_or_insert_with(Analyzer::new).rules;
    rules.retain(|rule| rule.name() != BindOnlineGet::NAME);
    rules.insert(0, Arc::new(BindOnlineGet::new(&scope)));
    Ok(shared)
}

/// Our rules, each in its place among DataFusion's.
fn install_rules(builder: &mut SessionStateBuilder, runtime: &Arc<RuntimeEnv>) {
    let rules = &mut builder.analyzer().get_or_insert_with(Analyzer::new).rules;
    rules.push(Arc::new(CheckIcebergInsert));
    let rules = &mut builder.optimizer().get_or_insert_with(Optimizer::new).rules;
    let ours: [(&str, Arc<dyn OptimizerRule + Send + Sync>); 3] = [
        (
            "push_down_filter",
            Arc::new(PushLimitThroughPitJoin::default()),
        ),
        (
            "push_down_filter",
            Arc::new(PushFilterThroughPitJoin::default()),
        ),
        (
            "optimize_projections",
            Arc::new(PrunePitJoinFeatures::default()),
        ),
    ];
    for (before, rule) in ours {
        insert_before(rules, before, rule, |r| r.name());
    }
    spare_pit_joins(rules);
    let physical = &mut builder
        .physical_optimizers()
        .get_or_insert_with(PhysicalOptimizer::new)
        .rules;
    let choose = ChooseIcebergScan::new(FeastSettings::scan_mode);
    physical.insert(0, Arc::new(choose.with_runtime_env(Arc::clone(runtime))));
    insert_before(
        physical,
        "EnforceDistribution",
        Arc::new(KeepEntityOrder::seal()),
        |r| r.name(),
    );
    let after = physical
        .iter()
        .position(|r| r.name() == "EnforceDistribution")
        .map_or(physical.len(), |at| at + 1);
    physical.insert(after, Arc::new(KeepEntityOrder::unseal()));
}

/// Points the functions of a builder at one scope, in place of an earlier one.
pub(super) fn bind_functions(builder: &mut SessionStateBuilder, scope: &FeastScope) {
    let functions = builder.table_functions().get_or_insert_with(HashMap::new);
    for function in table_functions(scope) {
        functions.insert(
            function.name().to_owned(),
            Arc::new(function) as Arc<TableFunction>,
        );
    }
    let get = online_get(scope);
    let scalars = builder.scalar_functions().get_or_insert_with(Vec::new);
    scalars.retain(|scalar| scalar.name() != get.name());
    scalars.push(get);
    let planners = builder.relation_planners().get_or_insert_with(Vec::new);
    // The first planner that plans a relation wins, so this one hides an earlier one of ours.
    planners.insert(
        0,
        Arc::new(FeastRelationPlanner::new(scope.clone())) as Arc<dyn RelationPlanner>,
    );
    if scope.is_statement() {
        planners.push(Arc::new(RefuseModifiers));
    }
}

fn insert_before<R: ?Sized>(
    rules: &mut Vec<Arc<R>>,
    name: &str,
    rule: Arc<R>,
    name_of: impl Fn(&R) -> &str,
) {
    let at = rules
        .iter()
        .position(|r| name_of(r) == name)
        .unwrap_or(rules.len());
    rules.insert(at, rule);
}
