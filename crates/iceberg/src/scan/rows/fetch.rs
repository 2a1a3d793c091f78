// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Fetches columns of rows by their references.
//!
//! References are grouped by file; the footer tells which row groups their positions are in. A piece of work is some row groups
//! of one file with the rows to read of them; pieces are read at the same time and given in order. Batches that wait for those
//! before them are reserved in the memory pool.

use std::fmt::{self, Debug, Formatter};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::common::{internal_datafusion_err, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileOpener;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use futures::future::ready;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelection, RowSelector};
use parquet::file::metadata::PageIndexPolicy;

use super::leaf::Leaf;
use super::reference::{file_of, position_of, row_groups};

/// At most so many batches of a piece wait for those before them …
const WAITING_BATCHES: usize = 8;
/// … of about so many bytes.
const WAITING_BYTES: usize = 16 << 20;
/// About how many bytes a value takes.
const VALUE_BYTES: usize = 16;

/// A Parquet scan that rows are fetched from.
pub(super) struct FetchLeaf {
    pub(super) leaf: Arc<Leaf>,
    /// The columns of the whole scan, over those of the leaf.
    pub(super) columns: ProjectionExprs,
}

/// A file that rows are fetched from.
pub(super) struct FetchFile {
    /// Its leaf's number.
    pub(super) leaf: usize,
    pub(super) file: PartitionedFile,
}

/// Fetches rows of a scan by the references that its narrow pass gave.
pub struct RowFetcher {
    /// The columns of the whole scan.
    schema: SchemaRef,
    leaves: Vec<FetchLeaf>,
    files: Arc<[FetchFile]>,
}

impl RowFetcher {
    pub(super) fn new(schema: SchemaRef, leaves: Vec<FetchLeaf>, files: Vec<FetchFile>) -> Self {
        Self {
            schema,
            leaves,
            files: files.into(),
        }
    }

    /// The rows at `references`, which ascend and are distinct, in their order; `columns` are indices into the scan's schema.
    ///
    /// # Errors
    ///
    /// Those of reading files, with the file's name; when the memory pool has no room for a batch; an internal error when references
    /// do not ascend or are not of this scan.
    pub fn fetch(
        &self,
        references: Arc<[u64]>,
        columns: &[usize],
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if !references.is_sorted_by(|a, b| a < b) {
            return internal_err!("references of rows to fetch have to ascend");
        }
        let schema = Arc::new(self.schema.project(columns)?);
        let batch_size = context.session_config().batch_size();
        let mut readers = Vec::with_capacity(self.leaves.len());
        for leaf in &self.leaves {
            readers.push(LeafReader::try_new(leaf, columns, context, batch_size)?);
        }
        let concurrent = context.session_config().target_partitions().max(1);
        let waiting = MemoryConsumer::new("RowFetcher").register(context.memory_pool());
        let waiting = Arc::new(waiting);
        let fetching = Arc::new(Fetching {
            files: Arc::clone(&self.files),
            readers,
            schema: Arc::clone(&schema),
            references,
            ahead: ahead(batch_size, columns.len()),
            waiting: Arc::clone(&waiting),
        });
        let runs = fetching.runs()?;
        let pieces_a_file = (2 * concurrent).div_ceil(runs.len().max(1));
        let pieces = stream::iter(runs).map(move |run| {
            let fetching = Arc::clone(&fetching);
            async move {
                let pieces = fetching.pieces(run, pieces_a_file).await?;
                let pieces = pieces
                    .into_iter()
                    .map(move |piece| (Arc::clone(&fetching), piece));
                Ok::<_, DataFusionError>(stream::iter(pieces.map(Ok::<_, DataFusionError>)))
            }
        });
        let rows = pieces
            .buffered(concurrent)
            .try_flatten()
            // Started as soon as they are buffered, not when those before them are through.
            .map_ok(|(fetching, piece)| ready(Ok(fetching.start(piece))))
            .try_buffered(concurrent)
            .try_flatten()
            .inspect_ok(move |batch| waiting.shrink(get_record_batch_memory_size(batch)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}

impl Debug for RowFetcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowFetcher")
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

/// Reads the wanted columns of one leaf's files.
struct LeafReader {
    leaf: Arc<Leaf>,
    store: Arc<dyn ObjectStore>,
    opener: Arc<dyn FileOpener>,
}

impl LeafReader {
    fn try_new(
        leaf: &FetchLeaf,
        columns: &[usize],
        context: &TaskContext,
        batch_size: usize,
    ) -> Result<Self> {
        let exprs: Vec<_> = leaf.columns.iter().collect();
        let wanted = columns.iter().map(|column| exprs[*column].clone());
        let source = leaf.leaf.projected(&ProjectionExprs::new(wanted))?;
        let url = &leaf.leaf.config.object_store_url;
        let store = context.runtime_env().object_store(url)?;
        Ok(Self {
            opener: leaf
                .leaf
                .opener(&source, Arc::clone(&store), batch_size, 0)?,
            leaf: Arc::clone(&leaf.leaf),
            store,
        })
    }
}

/// One fetch under way.
struct Fetching {
    files: Arc<[FetchFile]>,
    readers: Vec<LeafReader>,
    schema: SchemaRef,
    references: Arc<[u64]>,
    /// How many batches of a piece may wait.
    ahead: usize,
    /// The batches that have been read and not given.
    waiting: Arc<MemoryReservation>,
}

/// Some rows of one file.
struct Piece {
    file: usize,
    plan: ParquetAccessPlan,
    rows: usize,
}

impl Fetching {
    /// The references of each file, as a range of all.
    fn runs(&self) -> Result<Vec<Range<usize>>> {
        let mut runs = Vec::new();
        let mut start = 0;
        while let Some(first) = self.references.get(start) {
            let file = file_of(*first);
            if file >= self.files.len() {
                return internal_err!("a reference names file {file} of {}", self.files.len());
            }
            let rest = &self.references[start..];
            let end = start + rest.partition_point(|reference| file_of(*reference) == file);
            runs.push(start..end);
            start = end;
        }
        Ok(runs)
    }

    fn reader(&self, file: usize) -> (&LeafReader, &PartitionedFile) {
        let file = &self.files[file];
        (&self.readers[file.leaf], &file.file)
    }

    /// The rows of one file in about so many pieces.
    async fn pieces(&self, run: Range<usize>, pieces: usize) -> Result<Vec<Piece>> {
        let references = &self.references[run];
        let file = references.first().map_or(0, |first| file_of(*first));
        let (reader, opened) = self.reader(file);
        let path = &opened.object_meta.location;
        let hint = reader
            .leaf
            .parquet
            .table_parquet_options()
            .global
            .metadata_size_hint;
        let readers = reader.leaf.readers(&reader.store);
        let unseen = ExecutionPlanMetricsSet::new();
        let hint = opened.metadata_size_hint.or(hint);
        let mut footer = readers.create_reader(0, opened.clone(), hint, &unseen)?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let footer = footer.get_metadata(Some(&options)).await;
        let footer = footer.map_err(|e| reader.leaf.named(e.into(), path))?;
        let groups = row_groups(&footer)?;
        let selected = selections(references, &groups)
            .ok_or_else(|| internal_datafusion_err!("a reference is beyond the end of '{path}'"))?;
        let a_piece = selected.len().div_ceil(pieces.max(1)).max(1);
        let piece = |selected: &[(usize, usize, RowSelection)]| {
            let mut plan = vec![RowGroupAccess::Skip; groups.len()];
            let mut rows = 0;
            for (group, count, selection) in selected {
                plan[*group] = RowGroupAccess::Selection(selection.clone());
                rows += count;
            }
            Piece {
                file,
                plan: ParquetAccessPlan::new(plan),
                rows,
            }
        };
        Ok(selected.chunks(a_piece).map(piece).collect())
    }

    /// Reads a piece in a task of its own, a few batches ahead.
    fn start(self: Arc<Self>, piece: Piece) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.schema);
        let mut builder = RecordBatchReceiverStream::builder(schema, self.ahead);
        let batches = builder.tx();
        builder.spawn(async move {
            let (reader, opened) = self.reader(piece.file);
            let path = &opened.object_meta.location;
            let mut file = opened.clone();
            file.extensions = Some(Arc::new(piece.plan));
            let opened = reader.opener.open(file)?.await;
            let mut rows = opened.map_err(|e| reader.leaf.named(e, path))?;
            let mut found = 0;
            while let Some(batch) = rows.next().await {
                let batch = batch.map_err(|e| reader.leaf.named(e, path))?;
                found += batch.num_rows();
                let batch = with_schema(&self.schema, batch)?;
                self.waiting
                    .try_grow(get_record_batch_memory_size(&batch))?;
                if batches.send(Ok(batch)).await.is_err() {
                    // Nobody wants the rest.
                    return Ok(());
                }
            }
            match found == piece.rows {
                true => Ok(()),
                false => internal_err!("'{path}' gave {found} rows, not {}", piece.rows),
            }
        });
        builder.build()
    }
}

/// How many batches of so many rows and columns may wait.
fn ahead(rows: usize, columns: usize) -> usize {
    let batch = rows.saturating_mul(columns).saturating_mul(VALUE_BYTES);
    (WAITING_BYTES / batch.max(1)).clamp(1, WAITING_BATCHES)
}

/// The batch of one leaf as one of the whole scan.
fn with_schema(schema: &SchemaRef, batch: RecordBatch) -> Result<RecordBatch> {
    let (_, columns, rows) = batch.into_parts();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let schema = Arc::clone(schema);
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}

/// For each row group that references are in: its number, how many, and which rows. None if one is in none.
fn selections(
    references: &[u64],
    groups: &[Range<u64>],
) -> Option<Vec<(usize, usize, RowSelection)>> {
    let mut selected = Vec::new();
    let mut left = references;
    for (number, group) in groups.iter().enumerate() {
        let count = left.partition_point(|reference| position_of(*reference) < group.end);
        let (inside, after) = left.split_at(count);
        left = after;
        if !inside.is_empty() {
            selected.push((number, count, selection(inside, group)));
        }
    }
    left.is_empty().then_some(selected)
}

/// Selectors that cover exactly the row group.
fn selection(references: &[u64], group: &Range<u64>) -> RowSelection {
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut at = group.start;
    for position in references.iter().copied().map(position_of) {
        if position > at {
            selectors.push(RowSelector::skip((position - at) as usize));
        }
        match selectors.last_mut() {
            Some(last) if !last.skip => last.row_count += 1,
            _ => selectors.push(RowSelector::select(1)),
        }
        at = position + 1;
    }
    if at < group.end {
        selectors.push(RowSelector::skip((group.end - at) as usize));
    }
    RowSelection::from(selectors)
}
