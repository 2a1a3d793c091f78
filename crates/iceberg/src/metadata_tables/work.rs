// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a scan of a metadata table has to do.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use iceberg::spec::{DataContentType, ManifestFile};

use super::files::FileRow;
use super::kind::MetadataTableKind;
use super::partition_type::PartitionType;
use super::partitions::{Partition, Partitions};
use super::read::Source;
use super::rows::{Column, batch};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::column_types;

/// Manifests read ahead in each partition of a scan.
const AHEAD: usize = 2;

/// What a scan has to do.
pub(super) enum Work {
    /// Give these rows.
    Rows(RecordBatch),
    /// Read these manifests, a list for each partition, and give the rows of their files.
    Files {
        kind: MetadataTableKind,
        manifests: Vec<Vec<ManifestFile>>,
        /// How many manifests the snapshot has.
        all: usize,
        columns: Arc<Vec<Column<FileRow>>>,
    },
    /// Read these manifests and count what is in each partition.
    Partitions {
        manifests: Vec<ManifestFile>,
        all: usize,
        partition: Arc<PartitionType>,
        columns: Arc<Vec<Column<Partition>>>,
    },
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({:?})", self.manifests())
    }
}

impl Work {
    /// How many partitions the scan has.
    pub(super) fn partitions(&self) -> usize {
        match self {
            Self::Files { manifests, .. } => manifests.len().max(1),
            Self::Rows(_) | Self::Partitions { .. } => 1,
        }
    }

    /// How many manifests are read, and how many there are.
    pub(super) fn manifests(&self) -> Option<(usize, usize)> {
        match self {
            Self::Rows(_) => None,
            Self::Files { manifests, all, .. } => {
                Some((manifests.iter().map(Vec::len).sum(), *all))
            }
            Self::Partitions { manifests, all, .. } => Some((manifests.len(), *all)),
        }
    }

    /// The batches of a partition.
    pub(super) fn execute(
        &self,
        source: &Source,
        schema: &SchemaRef,
        partition: usize,
        batch_size: usize,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        match self {
            Self::Rows(rows) => slices(rows, batch_size),
            Self::Files {
                kind,
                manifests,
                columns,
                ..
            } => {
                let (kind, schema) = (*kind, Arc::clone(schema));
                let columns = Arc::clone(columns);
                let manifests = manifests.get(partition).cloned().unwrap_or_default();
                let shown = move |rows: Vec<FileRow>| {
                    let rows: Vec<_> = rows.into_iter().filter(|r| shows(kind, r)).collect();
                    batches(rows, &schema, &columns, batch_size)
                };
                entries(source, manifests)
                    .map_ok(shown)
                    .try_flatten()
                    .boxed()
            }
            Self::Partitions {
                manifests,
                partition,
                columns,
                ..
            } => {
                let (source, manifests) = (source.clone(), manifests.clone());
                let (partition, columns) = (Arc::clone(partition), Arc::clone(columns));
                let schema = Arc::clone(schema);
                let counted = async move {
                    let found = counted(&source, manifests, &partition).await?;
                    let rows: Vec<&Partition> = found.iter().collect();
                    batch(&schema, &columns, &rows)
                };
                let whole = stream::once(counted);
                whole
                    .map_ok(move |rows| slices(&rows, batch_size))
                    .try_flatten()
                    .boxed()
            }
        }
    }
}

fn slices(rows: &RecordBatch, batch_size: usize) -> BoxStream<'static, Result<RecordBatch>> {
    let rows = rows.clone();
    let starts = (0..rows.num_rows()).step_by(batch_size);
    let slice = move |at| Ok(rows.slice(at, batch_size.min(rows.num_rows() - at)));
    stream::iter(starts.map(slice)).boxed()
}

/// Batches of at most `batch_size` rows, each made when it is asked for.
fn batches(
    rows: Vec<FileRow>,
    schema: &SchemaRef,
    columns: &Arc<Vec<Column<FileRow>>>,
    batch_size: usize,
) -> BoxStream<'static, Result<RecordBatch>> {
    let (schema, columns) = (Arc::clone(schema), Arc::clone(columns));
    let starts = (0..rows.len()).step_by(batch_size);
    let slice = move |at: usize| {
        let end = rows.len().min(at + batch_size);
        let of_batch: Vec<&FileRow> = rows[at..end].iter().collect();
        batch(&schema, &columns, &of_batch)
    };
    stream::iter(starts.map(slice)).boxed()
}

/// The entries of manifests, each manifest's as one item.
fn entries(
    source: &Source,
    manifests: Vec<ManifestFile>,
) -> impl Stream<Item = Result<Vec<FileRow>>> + Send + 'static {
    let source = source.clone();
    let types = Arc::new(column_types(source.table.metadata()));
    let read = move |file: ManifestFile| {
        let (source, types) = (source.clone(), Arc::clone(&types));
        SpawnedTask::spawn(async move { source.entries(&file, &types).await })
    };
    stream::iter(manifests)
        .map(read)
        .buffered(AHEAD)
        .map(|joined| match joined {
            Ok(rows) => rows,
            Err(cause) => {
                let message = "reading a manifest was interrupted";
                Err(Error::new(ErrorKind::Io, message).with_source(cause))
            }
        })
}

async fn counted(
    source: &Source,
    manifests: Vec<ManifestFile>,
    partition: &PartitionType,
) -> Result<Vec<Partition>> {
    let mut partitions = Partitions::new(source.table.metadata(), partition);
    let mut entries = std::pin::pin!(entries(source, manifests));
    while let Some(rows) = entries.try_next().await? {
        for row in rows.iter().filter(|row| row.entry.is_alive()) {
            partitions.add(row)?;
        }
    }
    Ok(partitions.finish())
}

/// Whether a table of `kind` shows an entry.
fn shows(kind: MetadataTableKind, row: &FileRow) -> bool {
    let is_data = row.entry.content_type() == DataContentType::Data;
    match kind {
        MetadataTableKind::DataFiles => row.entry.is_alive() && is_data,
        MetadataTableKind::DeleteFiles => row.entry.is_alive() && !is_data,
        MetadataTableKind::Entries => true,
        _ => row.entry.is_alive(),
    }
}
