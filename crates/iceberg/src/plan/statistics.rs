// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Statistics of files and tables, as exact as the specification lets them be.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};

use super::bounds::bound_facts;
use super::facts::{ColumnFacts, Nulls};
use super::files::PlannedFile;
use super::partitions::identity_value;
use crate::schema::{TableColumn, TableColumns, literal_scalar};

/// The statistics of one file for the columns that `wanted` marks. Bounds are marked exact, since
/// only exact ones prune at run time; they hold for every row, and a string's upper bound never
/// equals its lower one, so that no column is taken for a constant which it is not.
pub(crate) fn file_statistics(
    file: &PlannedFile,
    columns: &TableColumns,
    wanted: &[bool],
) -> Arc<Statistics> {
    let data = file.entry.data_file();
    let rows = data.record_count();
    let statistics = columns
        .columns()
        .iter()
        .zip(wanted)
        .map(|(column, wanted)| match partition_constant(file, column) {
            Some(facts) => column_statistics(facts, rows),
            None if *wanted => column_statistics(bound_facts(data, column), rows),
            None => ColumnStatistics::new_unknown(),
        });
    Arc::new(Statistics {
        num_rows: Precision::Exact(count(rows)),
        total_byte_size: Precision::Absent,
        column_statistics: statistics.collect(),
    })
}

/// Every row of a file has its identity partition value, even when the file lacks the column.
fn partition_constant(file: &PlannedFile, column: &TableColumn) -> Option<ColumnFacts> {
    let tuple = file.entry.data_file().partition();
    match identity_value(&file.spec, tuple, column)? {
        None => Some(ColumnFacts {
            nulls: Nulls::All,
            ..ColumnFacts::default()
        }),
        Some(value) => {
            let value = literal_scalar(value, &column.data_type)?;
            Some(ColumnFacts {
                min: Some(value.clone()),
                max: Some(value),
                nulls: Nulls::Count(0),
                buckets: Vec::new(),
            })
        }
    }
}

fn column_statistics(facts: ColumnFacts, rows: u64) -> ColumnStatistics {
    let exact = |value: Option<ScalarValue>| value.map_or(Precision::Absent, Precision::Exact);
    ColumnStatistics {
        null_count: match facts.nulls {
            Nulls::Unknown => Precision::Absent,
            Nulls::Count(nulls) => Precision::Exact(count(nulls)),
            Nulls::All => Precision::Exact(count(rows)),
        },
        min_value: exact(facts.min),
        max_value: exact(facts.max),
        ..ColumnStatistics::new_unknown()
    }
}

/// The statistics of all files together. The number of rows is exact when `exact_rows`; bounds serve
/// estimates only.
pub(crate) fn table_statistics(
    files: &[Arc<Statistics>],
    columns: usize,
    bytes: u64,
    exact_rows: bool,
) -> Statistics {
    let rows = files
        .iter()
        .map(|f| f.num_rows.get_value().copied().unwrap_or(0))
        .fold(0, usize::saturating_add);
    let column = |index: usize| {
        let parts = || files.iter().map(|f| &f.column_statistics[index]);
        let min = fold(parts().map(|c| c.min_value.get_value()), |a, b| a <= b);
        let max = fold(parts().map(|c| c.max_value.get_value()), |a, b| a >= b);
        let (min, max) = countable(min, max);
        // NULLs are not counted: where a limit leaves fewer rows, the estimate of a join subtracts
        // them from those.
        ColumnStatistics {
            min_value: min.map_or(Precision::Absent, Precision::Inexact),
            max_value: max.map_or(Precision::Absent, Precision::Inexact),
            ..ColumnStatistics::new_unknown()
        }
    };
    Statistics {
        num_rows: if exact_rows {
            Precision::Exact(rows)
        } else {
            Precision::Inexact(rows)
        },
        total_byte_size: Precision::Inexact(count(bytes)),
        column_statistics: (0..columns).map(column).collect(),
    }
}

/// Estimates of filters and joins count the values of a range of numbers in 64 bits, also of the
/// range that the scans of a union have together: bounds far from zero are left out.
fn countable(
    min: Option<ScalarValue>,
    max: Option<ScalarValue>,
) -> (Option<ScalarValue>, Option<ScalarValue>) {
    let far = |bound: &ScalarValue| {
        let zero = ScalarValue::new_zero(&bound.data_type()).ok();
        let distance = zero.and_then(|zero| bound.distance(&zero));
        distance.is_some_and(|distance| distance > usize::MAX / 4)
    };
    match min.iter().chain(&max).any(far) {
        true => (None, None),
        false => (min, max),
    }
}

fn fold<'a>(
    values: impl Iterator<Item = Option<&'a ScalarValue>>,
    first: impl Fn(&ScalarValue, &ScalarValue) -> bool,
) -> Option<ScalarValue> {
    let mut best: Option<&ScalarValue> = None;
    for value in values {
        let value = value?;
        best = Some(best.filter(|best| first(best, value)).unwrap_or(value));
    }
    best.cloned()
}

fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
