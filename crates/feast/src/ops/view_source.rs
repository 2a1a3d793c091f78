// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Finding the source that a view names: what it is, and which columns it has.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::sql::{ResolvedTableReference, TableReference};
use feast_iceberg::SnapshotSelector;
use feast_registry::{
    DataSource, ErrorKind, FileSource, IcebergSource, QuerySource, Source, TableSource,
};

use super::error::fail;
use crate::ddl::{CreateFeatureView, SourceClause};
use crate::session::FeastScope;

/// A view's source as found: without its name, and with its columns before the field mapping.
#[derive(Debug, Clone)]
pub(super) struct FoundSource {
    pub(super) source: DataSource,
    pub(super) schema: SchemaRef,
}

/// Looks up what stands after `FROM`.
pub(super) async fn find(scope: &FeastScope, statement: &CreateFeatureView) -> Result<FoundSource> {
    let (source, table) = match &statement.source {
        SourceClause::Table(reference) => {
            let table = scope.table(reference).await?;
            (described(statement, source_of(scope, reference)), table)
        }
        SourceClause::Query(query) => {
            let query = query.clone();
            let mut source = described(statement, Source::Query(QuerySource { query }));
            // Named as its view in messages.
            source.name.clone_from(&statement.name);
            let table = scope
                .source_table(&source, SnapshotSelector::Current)
                .await
                .map_err(|error| error.context(format!("feature view {}", statement.name)))?;
            (source, table)
        }
        SourceClause::Path(path) => {
            if is_other_format(path) {
                return Err(fail(
                    ErrorKind::InvalidDefinition,
                    format!(
                        "feature view {}: {path} is no Parquet file, directory of them or glob; write \
                         it as Parquet, or make a table of it with CREATE EXTERNAL TABLE and name that",
                        statement.name
                    ),
                ));
            }
            let file = Source::File(FileSource { uri: path.clone() });
            let mut source = described(statement, file);
            // Named as its view in messages.
            source.name.clone_from(&statement.name);
            let table = scope
                .source_table(&source, SnapshotSelector::Current)
                .await?;
            (source, table)
        }
    };
    Ok(FoundSource {
        source,
        schema: table.schema(),
    })
}

/// Whether a path ends like a file that is not Parquet: Feast's file sources are Parquet.
fn is_other_format(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    [
        ".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".arrow", ".avro", ".gz", ".zst",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
}

/// A table of an attached Iceberg catalog is recorded by its catalog, so that Feast can read it;
/// any other table by its full SQL name.
fn source_of(scope: &FeastScope, reference: &TableReference) -> Source {
    let resolved = scope.resolve(reference.clone());
    // As the repository's own sources describe it: relative addresses stay relative.
    if let Some(catalog) = scope.repository_catalog(&resolved.catalog) {
        return Source::Iceberg(catalog.source(&*resolved.schema, &*resolved.table));
    }
    match scope.catalog_options(&resolved.catalog) {
        Some(options) => Source::Iceberg(IcebergSource {
            catalog_name: resolved.catalog.to_string(),
            catalog_type: options.kind,
            namespace: resolved.schema.to_string(),
            table: resolved.table.to_string(),
            endpoint: Some(options.uri),
            warehouse: options.warehouse,
            catalog_properties: options.properties,
        }),
        None => Source::Table(TableSource {
            table: sql_name(&resolved),
        }),
    }
}

fn sql_name(table: &ResolvedTableReference) -> String {
    let (catalog, schema) = (Arc::clone(&table.catalog), Arc::clone(&table.schema));
    SourceClause::Table(TableReference::full(
        catalog,
        schema,
        Arc::clone(&table.table),
    ))
    .to_string()
}

fn described(statement: &CreateFeatureView, source: Source) -> DataSource {
    let mut source = DataSource::new("", source, statement.timestamp.clone().unwrap_or_default());
    source
        .created_timestamp_column
        .clone_from(&statement.created);
    source.field_mapping = statement.field_mapping.iter().cloned().collect();
    source
}
