// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog, a session on it, and what is in its files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};
use iceberg::spec::{
    DataFile, FormatVersion, NestedField, PrimitiveType, Schema, SortOrder, TableMetadataBuilder,
    Type, UnboundPartitionSpec,
};
use iceberg::table::Table;
use iceberg::{Catalog, MetadataLocation, NamespaceIdent, TableCreation, TableIdent};
use tempfile::TempDir;

use crate::catalog::{CatalogOptions, SqlCatalog};
use crate::provider::IcebergCatalogProvider;
use crate::scan::ChooseIcebergScan;
use crate::write::CheckIcebergInsert;

/// A catalog `lake` with the namespace `shop`, and a session on it.
pub(super) struct Lake {
    pub(super) dir: TempDir,
    pub(super) catalog: SqlCatalog,
    pub(super) session: SessionContext,
}

/// What a test table is made of.
pub(super) struct Made<'a> {
    pub(super) name: &'a str,
    pub(super) fields: Vec<NestedField>,
    pub(super) spec: UnboundPartitionSpec,
    pub(super) order: SortOrder,
    pub(super) properties: &'a [(&'a str, &'a str)],
    pub(super) version: FormatVersion,
}

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            name: "t",
            fields: Vec::new(),
            spec: UnboundPartitionSpec::default(),
            order: SortOrder::unsorted_order(),
            properties: &[],
            version: FormatVersion::V2,
        }
    }
}

pub(super) fn shop() -> NamespaceIdent {
    NamespaceIdent::new("shop".to_string())
}

pub(super) fn ident(name: &str) -> TableIdent {
    TableIdent::new(shop(), name.to_string())
}

pub(super) fn field(id: i32, name: &str, of: PrimitiveType) -> NestedField {
    NestedField::optional(id, name, Type::Primitive(of))
}

/// A session with our rules.
pub(super) fn session(config: SessionConfig, memory: Option<usize>) -> SessionContext {
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(memory) = memory {
        runtime = runtime.with_memory_limit(memory, 1.0);
    }
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(ChooseIcebergScan::default()));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime.build_arc().unwrap())
        .with_default_features()
        .with_analyzer_rule(Arc::new(CheckIcebergInsert))
        .with_physical_optimizer_rules(rules)
        .build();
    SessionContext::new_with_state(state)
}

impl Lake {
    pub(super) async fn new() -> Self {
        Self::with(SessionConfig::new().with_target_partitions(3), None).await
    }

    pub(super) async fn with(config: SessionConfig, memory: Option<usize>) -> Self {
        let dir = TempDir::new().unwrap();
        let warehouse = dir.path().join("wh");
        std::fs::create_dir(&warehouse).unwrap();
        let (file, warehouse) = (dir.path().join("c.db"), warehouse.display().to_string());
        let catalog = SqlCatalog::create(&file, "lake", &warehouse).unwrap();
        catalog
            .create_namespace(&shop(), HashMap::new())
            .await
            .unwrap();
        let options = CatalogOptions {
            name: "lake".to_string(),
            kind: "sql".to_string(),
            uri: format!("sqlite:///{}", file.display()),
            warehouse: Some(warehouse),
            properties: BTreeMap::new(),
        };
        let provider = IcebergCatalogProvider::connect(&options).await.unwrap();
        let session = session(config, memory);
        session.register_catalog("lake", Arc::new(provider));
        Self {
            dir,
            catalog,
            session,
        }
    }

    pub(super) async fn make(&self, made: Made<'_>) -> Table {
        let fields = made.fields.into_iter().map(Arc::new);
        let schema = Schema::builder().with_fields(fields).build().unwrap();
        let properties = made.properties.iter();
        let properties = properties.map(|(key, value)| (key.to_string(), value.to_string()));
        let creation = TableCreation::builder()
            .name(made.name.to_string())
            .schema(schema)
            .partition_spec(made.spec)
            .sort_order(made.order)
            .properties(properties)
            .format_version(made.version)
            .build();
        self.catalog.create_table(&shop(), creation).await.unwrap()
    }

    pub(super) async fn try_sql(&self, text: &str) -> Result<Vec<RecordBatch>, String> {
        let ran = async { self.session.sql(text).await?.collect().await };
        ran.await.map_err(|error| error.strip_backtrace())
    }

    pub(super) async fn sql(&self, text: &str) -> Vec<RecordBatch> {
        match self.try_sql(text).await {
            Ok(batches) => batches,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    pub(super) async fn error(&self, text: &str) -> String {
        match self.try_sql(text).await {
            Ok(_) => panic!("{text}: worked"),
            Err(error) => error,
        }
    }

    /// The rows of a query as text, without the table's frame.
    pub(super) async fn rows(&self, text: &str) -> Vec<String> {
        let shown = pretty_format_batches(&self.sql(text).await)
            .unwrap()
            .to_string();
        let rows = shown.lines().skip(3).filter(|line| line.starts_with('|'));
        rows.map(|row| {
            let cells = row.trim_matches('|').split('|').map(str::trim);
            cells.collect::<Vec<_>>().join(" ")
        })
        .collect()
    }

    pub(super) async fn table(&self, name: &str) -> Table {
        self.catalog.load_table(&ident(name)).await.unwrap()
    }

    /// The data files of a table's current snapshot.
    pub(super) async fn data_files(&self, name: &str) -> Vec<DataFile> {
        let table = self.table(name).await;
        let Some(snapshot) = table.metadata().current_snapshot() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let list = table.manifest_list_reader(snapshot).load().await.unwrap();
        for manifest in list.entries() {
            let manifest = manifest.load_manifest(table.file_io()).await.unwrap();
            found.extend(
                manifest
                    .entries()
                    .iter()
                    .map(|entry| entry.data_file().clone()),
            );
        }
        found
    }

    /// All files of the warehouse, below it.
    pub(super) fn files(&self) -> Vec<String> {
        let warehouse = self.dir.path().join("wh");
        let mut found = Vec::new();
        list(&warehouse, &mut found);
        let found = found.into_iter();
        let mut found: Vec<_> = found
            .map(|file| file.replacen(&format!("{}/", warehouse.display()), "", 1))
            .collect();
        found.sort();
        found
    }
}

fn list(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(&path, found),
            false => found.push(path.display().to_string()),
        }
    }
}

impl Lake {
    /// Changes a table's metadata as other engines can.
    pub(super) async fn evolve(
        &self,
        name: &str,
        change: impl FnOnce(TableMetadataBuilder) -> TableMetadataBuilder,
    ) {
        let table = self.table(name).await;
        let old = table.metadata_location().unwrap().to_string();
        let builder = table.metadata().clone().into_builder(Some(old.clone()));
        let metadata = change(builder).build().unwrap().metadata;
        let file = old.parse::<MetadataLocation>().unwrap().with_next_version();
        metadata.write_to(table.file_io(), &file).await.unwrap();
        self.catalog.drop_table(&ident(name)).await.unwrap();
        self.catalog
            .register_table(&ident(name), file.to_string())
            .await
            .unwrap();
    }

    /// The specs of the manifests of a table's current snapshot.
    pub(super) async fn spec_ids(&self, name: &str) -> Vec<i32> {
        let table = self.table(name).await;
        let snapshot = table.metadata().current_snapshot().unwrap();
        let list = table.manifest_list_reader(snapshot).load().await.unwrap();
        let mut ids: Vec<_> = list
            .entries()
            .iter()
            .map(|it| it.partition_spec_id)
            .collect();
        ids.sort_unstable();
        ids
    }
}
