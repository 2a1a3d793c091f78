// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Orders the files of a scan so that the newest rows come first.
//!
//! ```text
//!   file groups   [a: 1..3, c: 7..9] [b: 4..6, d: 5..8]     event times by the files' statistics
//!   becomes       [c, b] [d, a]                             newest first, dealt out by size
//! ```
//!
//! Newest first, most slots are filled by the first rows they see, and a filter that rises with them leaves older files out. Only scans
//! that promise no order and no partitioning are touched, so the rows are the same.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;

/// The same plan with the files of its scan ordered by this column of its output, where that is possible.
pub(super) fn newest_first(
    plan: &Arc<dyn ExecutionPlan>,
    column: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(source) = plan.as_any().downcast_ref::<DataSourceExec>() {
        let config = source
            .data_source()
            .as_any()
            .downcast_ref::<FileScanConfig>();
        return Ok(match config.and_then(|config| reordered(config, column)) {
            Some(config) => DataSourceExec::from_data_source(config),
            None => Arc::clone(plan),
        });
    }
    let Some(below) = column_below(plan, column) else {
        return Ok(Arc::clone(plan));
    };
    let ordered = Arc::clone(plan).map_children(|child| {
        let ordered = newest_first(&child, below)?;
        Ok(match Arc::ptr_eq(&ordered, &child) {
            true => Transformed::no(child),
            false => Transformed::yes(ordered),
        })
    })?;
    Ok(ordered.data)
}

/// The input's column that a column of the output is, for plans that give rows on as they come.
fn column_below(plan: &Arc<dyn ExecutionPlan>, column: usize) -> Option<usize> {
    let any = plan.as_any();
    if any.is::<CooperativeExec>() || any.is::<RepartitionExec>() {
        return Some(column);
    }
    if let Some(filter) = any.downcast_ref::<FilterExec>() {
        return match filter.projection().as_ref() {
            Some(projection) => projection.get(column).copied(),
            None => Some(column),
        };
    }
    let projection = any.downcast_ref::<ProjectionExec>()?;
    let expr = &projection.expr().get(column)?.expr;
    expr.as_any().downcast_ref::<Column>().map(Column::index)
}

fn reordered(config: &FileScanConfig, column: usize) -> Option<FileScanConfig> {
    let free = config.output_ordering.is_empty()
        && !config.partitioned_by_file_group
        && config.limit.is_none();
    if !free {
        return None;
    }
    let column = match config.file_source.projection() {
        Some(projection) => {
            let expr = &projection.as_ref().get(column)?.expr;
            expr.as_any().downcast_ref::<Column>()?.index()
        }
        None => column,
    };
    let files = config.file_groups.iter().flat_map(FileGroup::iter);
    let mut files = files
        .map(|file| Some((newest(file, column)?, file.clone())))
        .collect::<Option<Vec<_>>>()?;
    // Scalars of one type: every file has the table's.
    files.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
    let mut groups = vec![(0, Vec::new()); config.file_groups.len()];
    for (_, file) in files {
        let size = file
            .range
            .as_ref()
            .map_or(file.object_meta.size, |r| r.end.abs_diff(r.start));
        let least = groups.iter_mut().min_by_key(|(size, _)| *size)?;
        least.0 += size;
        least.1.push(file);
    }
    let groups = groups.into_iter().map(|(_, files)| FileGroup::new(files));
    Some(
        FileScanConfigBuilder::from(config.clone())
            .with_file_groups(groups.collect())
            .build(),
    )
}

/// The greatest value that a file's statistics tell of this column.
fn newest(file: &PartitionedFile, column: usize) -> Option<ScalarValue> {
    let statistics = file.statistics.as_ref()?;
    let greatest = &statistics.column_statistics.get(column)?.max_value;
    greatest.get_value().filter(|v| !v.is_null()).cloned()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::common::stats::Precision;
    use datafusion::common::{ColumnStatistics, Statistics};
    use datafusion::datasource::physical_plan::ParquetSource;
    use datafusion::execution::object_store::ObjectStoreUrl;

    use super::*;

    fn file(name: &str, newest: Option<i64>) -> PartitionedFile {
        let known = ColumnStatistics {
            max_value: newest.map_or(Precision::Absent, |v| Precision::Exact(v.into())),
            ..ColumnStatistics::new_unknown()
        };
        let statistics = Statistics {
            num_rows: Precision::Absent,
            total_byte_size: Precision::Absent,
            column_statistics: vec![ColumnStatistics::new_unknown(), known],
        };
        PartitionedFile::new(name, 10).with_statistics(Arc::new(statistics))
    }

    fn names(groups: Vec<Vec<PartitionedFile>>) -> Vec<Vec<String>> {
        let schema = Schema::new(vec![
            Field::new("v", DataType::Int64, true),
            Field::new("at", DataType::Int64, true),
        ]);
        let url = ObjectStoreUrl::local_filesystem();
        let source = Arc::new(ParquetSource::new(Arc::new(schema)));
        let config = FileScanConfigBuilder::new(url, source)
            .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
            .with_projection_indices(Some(vec![1]))
            .unwrap()
            .build();
        let plan = DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>;
        let plan = newest_first(&plan, 0).unwrap();
        let source = plan.as_any().downcast_ref::<DataSourceExec>().unwrap();
        let config = source
            .data_source()
            .as_any()
            .downcast_ref::<FileScanConfig>();
        let groups = config.unwrap().file_groups.iter();
        let name = |f: &PartitionedFile| f.object_meta.location.to_string();
        groups.map(|g| g.iter().map(name).collect()).collect()
    }

    #[test]
    fn files_are_dealt_out_newest_first() {
        let groups = vec![
            vec![file("a", Some(3)), file("c", Some(9))],
            vec![file("b", Some(6)), file("d", Some(8))],
        ];
        assert_eq!(names(groups), [["c", "b"], ["d", "a"]]);
    }

    #[test]
    fn without_statistics_files_stay_where_they_are() {
        let groups = vec![
            vec![file("a", Some(3)), file("c", None)],
            vec![file("b", Some(6))],
        ];
        assert_eq!(names(groups), vec![vec!["a", "c"], vec!["b"]]);
    }
}
