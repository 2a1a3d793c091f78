// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A metadata table as a DataFusion table.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use iceberg::spec::{ManifestContentType, ManifestFile, Snapshot, TableMetadata};
use iceberg::table::Table;

use super::exec::MetadataTableExec;
use super::files::FileRow;
use super::history::Change;
use super::kind::MetadataTableKind;
use super::metrics::Metrics;
use super::partition_type::PartitionType;
use super::partitions::Partition;
use super::read::Source;
use super::references::Reference;
use super::rows::{Column, batch};
use super::work::Work;
use super::{entries, files, history, manifests, partitions, prune, references, snapshots};
use crate::error::Result;
use crate::provider::{Selected, SnapshotSelector, select};
use crate::storage::TableStorage;

/// What the metadata of a table says, as a DataFusion table: `t$snapshots`, `t$files` and so on.
pub struct IcebergMetadataTable {
    source: Source,
    kind: MetadataTableKind,
    columns: Columns,
    schema: SchemaRef,
}

/// The columns, by what their rows are.
enum Columns {
    Snapshots(Vec<Column<Snapshot>>),
    History(Vec<Column<Change>>),
    Refs(Vec<Column<Reference>>),
    Manifests(Vec<Column<ManifestFile>>),
    Files(Vec<Column<FileRow>>),
    Partitions(Vec<Column<Partition>>, Arc<PartitionType>),
}

impl IcebergMetadataTable {
    /// The metadata table of `kind` for the snapshot of `table` that `at` selects. Snapshots,
    /// history, branches and tags are those of the table, whatever is selected.
    pub fn try_new(
        table: Table,
        storage: Arc<TableStorage>,
        kind: MetadataTableKind,
        at: &SnapshotSelector,
    ) -> DataFusionResult<Self> {
        let name: Arc<str> = table.identifier().to_string().into();
        let metadata = table.metadata();
        let Selected { snapshot, schema } = select(&name, metadata, at)?;
        let partition = || PartitionType::new(metadata).map(Arc::new);
        let metrics = || Metrics::new(&schema);
        let columns = match kind {
            MetadataTableKind::Snapshots => Columns::Snapshots(snapshots::columns()),
            MetadataTableKind::History => Columns::History(history::columns()),
            MetadataTableKind::Refs => Columns::Refs(references::columns()),
            MetadataTableKind::Manifests => {
                Columns::Manifests(manifests::columns(&table.metadata_ref()))
            }
            MetadataTableKind::Files
            | MetadataTableKind::DataFiles
            | MetadataTableKind::DeleteFiles => {
                Columns::Files(files::columns(&partition()?, metrics()?))
            }
            MetadataTableKind::Entries => {
                Columns::Files(entries::columns(&partition()?, metrics()?))
            }
            MetadataTableKind::Partitions => {
                let partition = partition()?;
                Columns::Partitions(partitions::columns(&partition), partition)
            }
        };
        let source = Source {
            table,
            name,
            storage,
            snapshot,
        };
        Ok(Self {
            schema: columns.schema(),
            source,
            kind,
            columns,
        })
    }

    /// What the table shows.
    pub fn kind(&self) -> MetadataTableKind {
        self.kind
    }

    /// The id of the snapshot whose files are shown, None when nobody has written to the table.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.source.snapshot.as_ref().map(|s| s.snapshot_id())
    }

    /// The same table for another snapshot of the same version.
    pub fn at(&self, at: &SnapshotSelector) -> DataFusionResult<Self> {
        let storage = Arc::clone(&self.source.storage);
        Self::try_new(self.source.table.clone(), storage, self.kind, at)
    }

    fn metadata(&self) -> &TableMetadata {
        self.source.table.metadata()
    }

    /// The manifests to open, and how many there are.
    async fn manifests(
        &self,
        session: &dyn Session,
        filters: &[Expr],
    ) -> Result<(Vec<ManifestFile>, usize)> {
        let mut manifests = self.source.manifests().await?;
        let all = manifests.len();
        let live = |m: &ManifestFile| m.has_added_files() || m.has_existing_files();
        manifests.retain(|manifest| match self.kind {
            MetadataTableKind::Entries => true,
            MetadataTableKind::DataFiles => {
                live(manifest) && manifest.content == ManifestContentType::Data
            }
            MetadataTableKind::DeleteFiles => {
                live(manifest) && manifest.content == ManifestContentType::Deletes
            }
            _ => live(manifest),
        });
        let manifests = match self.prunes() {
            true => prune::pruned(session, filters, manifests),
            false => manifests,
        };
        Ok((manifests, all))
    }

    /// Whether a filter may spare manifests.
    fn prunes(&self) -> bool {
        matches!(
            self.kind,
            MetadataTableKind::Files
                | MetadataTableKind::DataFiles
                | MetadataTableKind::DeleteFiles
        )
    }

    async fn work(
        &self,
        session: &dyn Session,
        schema: &SchemaRef,
        projection: &[usize],
        filters: &[Expr],
    ) -> Result<Work> {
        Ok(match &self.columns {
            Columns::Snapshots(columns) => {
                let rows = snapshots::rows(self.metadata());
                rows_of(schema, columns, projection, &rows)?
            }
            Columns::History(columns) => {
                let rows = history::rows(self.metadata());
                rows_of(schema, columns, projection, &rows)?
            }
            Columns::Refs(columns) => {
                let rows = references::rows(&self.source.name, self.metadata())?;
                rows_of(schema, columns, projection, &rows)?
            }
            Columns::Manifests(columns) => {
                let rows = self.source.manifests().await?;
                rows_of(schema, columns, projection, &rows)?
            }
            Columns::Files(columns) => {
                let (manifests, all) = self.manifests(session, filters).await?;
                Work::Files {
                    kind: self.kind,
                    manifests: spread(manifests, session.config().target_partitions()),
                    all,
                    columns: Arc::new(projected(columns, projection)),
                }
            }
            Columns::Partitions(columns, partition) => {
                let (manifests, all) = self.manifests(session, filters).await?;
                Work::Partitions {
                    manifests,
                    all,
                    partition: Arc::clone(partition),
                    columns: Arc::new(projected(columns, projection)),
                }
            }
        })
    }
}

impl Columns {
    fn schema(&self) -> SchemaRef {
        fn fields<R>(columns: &[Column<R>]) -> SchemaRef {
            let fields = columns.iter().map(|column| Arc::clone(&column.field));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        }
        match self {
            Self::Snapshots(columns) => fields(columns),
            Self::History(columns) => fields(columns),
            Self::Refs(columns) => fields(columns),
            Self::Manifests(columns) => fields(columns),
            Self::Files(columns) => fields(columns),
            Self::Partitions(columns, _) => fields(columns),
        }
    }
}

fn projected<R>(columns: &[Column<R>], projection: &[usize]) -> Vec<Column<R>> {
    let columns = projection.iter().filter_map(|at| columns.get(*at));
    columns.cloned().collect()
}

fn rows_of<R>(
    schema: &SchemaRef,
    columns: &[Column<R>],
    projection: &[usize],
    rows: &[R],
) -> Result<Work> {
    let rows: Vec<&R> = rows.iter().collect();
    let columns = projected(columns, projection);
    Ok(Work::Rows(batch(schema, &columns, &rows)?))
}

/// Deals manifests out to at most `partitions` lists.
fn spread(manifests: Vec<ManifestFile>, partitions: usize) -> Vec<Vec<ManifestFile>> {
    let count = partitions.clamp(1, manifests.len().max(1));
    let mut lists = vec![Vec::new(); count];
    for (at, manifest) in manifests.into_iter().enumerate() {
        lists[at % count].push(manifest);
    }
    lists
}

impl fmt::Debug for IcebergMetadataTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IcebergMetadataTable({}${})",
            self.source.name, self.kind
        )
    }
}

#[async_trait]
impl TableProvider for IcebergMetadataTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.prunes() && prune::can_prune(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let projection: Vec<usize> = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let schema: SchemaRef = Arc::new(self.schema.project(&projection)?);
        let work = self.work(state, &schema, &projection, filters).await?;
        let limit = limit.filter(|_| filters.is_empty());
        let source = self.source.clone();
        Ok(Arc::new(MetadataTableExec::new(
            source, self.kind, work, schema, limit,
        )))
    }
}
