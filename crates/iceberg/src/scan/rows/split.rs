// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rebuilds a scan's plan for the narrow pass, and remembers how to fetch the rest.
//!
//! ```text
//!   scan                          narrow                                 fetch, per Parquet scan
//!   ProjectionExec a, b+1 as c    ProjectionExec a, $reference           a, b+1 as c over the table's columns
//!     FilterExec b > 0              FilterExec b > 0                     (rows with references have passed the filter)
//!       DataSourceExec a, b           DataSourceExec a, b, $reference
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::utils::{collect_columns, conjunction};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use object_store::path::Path;

use super::super::path_column::moved;
use super::fetch::{FetchFile, FetchLeaf, RowFetcher};
use super::leaf::Leaf;
use super::reference::{MOST_FILES, NumberedFile, REFERENCE_COLUMN};
use super::source::NarrowSource;

/// The two passes of a scan.
#[derive(Debug)]
pub struct SplitScan {
    /// The wanted columns in the wanted order, then one column of references, of type UInt64.
    pub narrow: Arc<dyn ExecutionPlan>,
    /// Fetches columns of rows by their references.
    pub rows: Arc<RowFetcher>,
}

/// Splits the finished plan of a scan, `narrow` being the indices of the columns that the first pass reads. None when rows of
/// this plan cannot be referred to: it does more than scan Parquet files, filter and project, or it has a limit.
///
/// Filters that a join pushed into the scan prune the narrow pass. What the two passes do is counted in the metrics of the scan.
///
/// # Errors
///
/// Those of planning expressions anew; none is expected for a plan that runs.
pub fn split_scan(scan: &Arc<dyn ExecutionPlan>, narrow: &[usize]) -> Result<Option<SplitScan>> {
    let schema = scan.schema();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let mut splitter = Splitter::default();
    let columns = ProjectionExprs::from_indices(&all, &schema);
    let Some(narrow) = splitter.split(scan, narrow, &columns)? else {
        return Ok(None);
    };
    if splitter.files.len() >= MOST_FILES {
        return Ok(None);
    }
    let Splitter { leaves, files, .. } = splitter;
    Ok(Some(SplitScan {
        narrow,
        rows: Arc::new(RowFetcher::new(schema, leaves, files)),
    }))
}

#[derive(Default)]
struct Splitter {
    leaves: Vec<FetchLeaf>,
    files: Vec<FetchFile>,
}

type Plan = Arc<dyn ExecutionPlan>;

impl Splitter {
    /// The plan that gives the `wanted` columns of `plan` and the references. `all` are the columns of the whole scan, over
    /// those of `plan`.
    fn split(
        &mut self,
        plan: &Plan,
        wanted: &[usize],
        all: &ProjectionExprs,
    ) -> Result<Option<Plan>> {
        let any = plan.as_any();
        if let Some(scan) = any.downcast_ref::<DataSourceExec>() {
            return self.scan(scan, wanted, all);
        }
        if let Some(projection) = any.downcast_ref::<ProjectionExec>() {
            return self.projection(projection, wanted, all);
        }
        if let Some(filter) = any.downcast_ref::<FilterExec>() {
            return self.filter(filter, wanted, all);
        }
        if any.is::<UnionExec>() {
            let mut children = Vec::new();
            for child in plan.children() {
                match self.split(child, wanted, all)? {
                    Some(child) => children.push(child),
                    None => return Ok(None),
                }
            }
            return UnionExec::try_new(children).map(Some);
        }
        let spread = any.downcast_ref::<RepartitionExec>().filter(|spread| {
            !spread.preserve_order()
                && matches!(spread.partitioning(), Partitioning::RoundRobinBatch(_))
        });
        let merge = any
            .downcast_ref::<CoalescePartitionsExec>()
            .filter(|merge| merge.fetch().is_none());
        let cooperative = any.downcast_ref::<CooperativeExec>();
        let child = match (spread, merge, cooperative) {
            (Some(spread), _, _) => spread.input(),
            (_, Some(merge), _) => merge.input(),
            (_, _, Some(cooperative)) => cooperative.input(),
            _ => return Ok(None),
        };
        let child = self.split(child, wanted, all)?;
        child
            .map(|child| Arc::clone(plan).with_new_children(vec![child]))
            .transpose()
    }

    fn projection(
        &mut self,
        projection: &ProjectionExec,
        wanted: &[usize],
        all: &ProjectionExprs,
    ) -> Result<Option<Plan>> {
        let exprs = projection.expr();
        if exprs.iter().any(|expr| is_volatile(&expr.expr)) {
            return Ok(None);
        }
        let wanted: Vec<&ProjectionExpr> = wanted.iter().map(|at| &exprs[*at]).collect();
        let read = wanted.iter().flat_map(|expr| collect_columns(&expr.expr));
        let read = Places::of(read.map(|column| column.index()));
        let all = projection.projection_expr().try_merge(all)?;
        let Some(child) = self.split(projection.input(), &read.columns, &all)? else {
            return Ok(None);
        };
        let mut exprs = Vec::with_capacity(wanted.len() + 1);
        for expr in wanted {
            let moved = moved(&expr.expr, &read.places)?;
            exprs.push(ProjectionExpr::new(moved, expr.alias.clone()));
        }
        let reference = Column::new(REFERENCE_COLUMN, read.columns.len());
        exprs.push(ProjectionExpr::new(Arc::new(reference), REFERENCE_COLUMN));
        Ok(Some(Arc::new(ProjectionExec::try_new(exprs, child)?)))
    }

    fn filter(
        &mut self,
        filter: &FilterExec,
        wanted: &[usize],
        all: &ProjectionExprs,
    ) -> Result<Option<Plan>> {
        if filter.fetch().is_some() || is_volatile(filter.predicate()) {
            return Ok(None);
        }
        let shown: Vec<usize> = match filter.projection() {
            Some(projection) => projection.to_vec(),
            None => (0..filter.input().schema().fields().len()).collect(),
        };
        let all = ProjectionExprs::from_indices(&shown, &filter.input().schema()).try_merge(all)?;
        let wanted: Vec<usize> = wanted.iter().map(|at| shown[*at]).collect();
        let tested = collect_columns(filter.predicate());
        let tested = tested.iter().map(|column| column.index());
        let read = Places::of(wanted.iter().copied().chain(tested));
        let Some(child) = self.split(filter.input(), &read.columns, &all)? else {
            return Ok(None);
        };
        let predicate = moved(filter.predicate(), &read.places)?;
        let shown = wanted.iter().map(|column| read.places[column]);
        let shown = shown.chain([read.columns.len()]).collect();
        let filter = FilterExecBuilder::new(predicate, child)
            .with_batch_size(filter.batch_size())
            .apply_projection(Some(shown))?;
        Ok(Some(Arc::new(filter.build()?)))
    }

    fn scan(
        &mut self,
        scan: &DataSourceExec,
        wanted: &[usize],
        all: &ProjectionExprs,
    ) -> Result<Option<Plan>> {
        let Some(leaf) = Leaf::of(scan)? else {
            return Ok(None);
        };
        let Some(conditions) = leaf.conditions()? else {
            return Ok(None);
        };
        let leaf = Arc::new(leaf);
        let groups = self.number(&leaf);
        self.leaves.push(FetchLeaf {
            leaf: Arc::clone(&leaf),
            columns: all.clone(),
        });
        let tested = conditions.iter().flat_map(collect_columns);
        let tested = tested.map(|column| column.index());
        let read = Places::of(wanted.iter().copied().chain(tested));
        let source = NarrowSource::new(Arc::clone(&leaf), &scan.schema(), &read.columns)?;
        let statistics = scan.partition_statistics(None)?;
        let statistics = Statistics {
            num_rows: statistics.num_rows.to_inexact(),
            ..Statistics::new_unknown(&source.schema())
        };
        let config =
            FileScanConfigBuilder::new(leaf.config.object_store_url.clone(), Arc::new(source))
                .with_file_groups(groups)
                .with_statistics(statistics)
                .with_batch_size(leaf.config.batch_size)
                .build();
        let plan = DataSourceExec::from_data_source(config);
        let shown: Vec<usize> = wanted.iter().map(|column| read.places[column]).collect();
        let straight = shown.iter().copied().eq(0..read.columns.len());
        if conditions.is_empty() && straight {
            return Ok(Some(plan));
        }
        let shown = shown.into_iter().chain([read.columns.len()]).collect();
        let places = conditions
            .iter()
            .map(|condition| moved(condition, &read.places));
        let filter = FilterExecBuilder::new(conjunction(places.collect::<Result<Vec<_>>>()?), plan)
            .apply_projection(Some(shown))?;
        Ok(Some(Arc::new(filter.build()?)))
    }

    /// The groups of a leaf's files, each file with its number. Parts of one file have the same.
    fn number(&mut self, leaf: &Arc<Leaf>) -> Vec<FileGroup> {
        let mut numbers: HashMap<Path, usize> = HashMap::new();
        let at = self.leaves.len();
        let mut number = |file: &PartitionedFile| {
            let path = &file.object_meta.location;
            // What a file carries may say which of its rows are meant.
            let known = numbers.get(path).filter(|_| file.range.is_some());
            if let Some(number) = known {
                return *number;
            }
            let mut whole = file.clone();
            whole.range = None;
            whole.extensions = None;
            self.files.push(FetchFile {
                leaf: at,
                file: whole,
            });
            numbers.insert(path.clone(), self.files.len() - 1);
            self.files.len() - 1
        };
        let groups = leaf.config.file_groups.iter().map(|group| {
            let files = group.files().iter().map(|file| {
                let numbered = NumberedFile {
                    number: number(file),
                    extensions: file.extensions.clone(),
                };
                let mut file = file.clone();
                file.extensions = Some(Arc::new(numbered));
                file
            });
            FileGroup::new(files.collect())
        });
        groups.collect()
    }
}

/// Columns that are read, and where each is among them.
struct Places {
    columns: Vec<usize>,
    places: HashMap<usize, usize>,
}

impl Places {
    /// Each column once, in the order in which they come first.
    fn of(wanted: impl Iterator<Item = usize>) -> Self {
        let (mut columns, mut places) = (Vec::new(), HashMap::new());
        for column in wanted {
            places.entry(column).or_insert_with(|| {
                columns.push(column);
                columns.len() - 1
            });
        }
        Self { columns, places }
    }
}
