// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a manifest says of a data file's columns, from the file's own footer.

use std::collections::HashMap;

use iceberg::spec::{Datum, PrimitiveType, Schema as IcebergSchema};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;

use super::bounds::{shorter_lower, shorter_upper};
use super::metrics_modes::{MetricsMode, MetricsModes};
use super::nans::NanCounts;

/// The statistics of a file's columns by field id.
#[derive(Debug, Default)]
pub(super) struct ColumnMetrics {
    pub(super) sizes: HashMap<i32, u64>,
    pub(super) values: HashMap<i32, u64>,
    pub(super) nulls: HashMap<i32, u64>,
    pub(super) nans: HashMap<i32, u64>,
    pub(super) lower: HashMap<i32, Datum>,
    pub(super) upper: HashMap<i32, Datum>,
}

impl ColumnMetrics {
    /// Those of the file with this footer.
    pub(super) fn of(
        footer: &ParquetMetaData,
        nans: &NanCounts,
        schema: &IcebergSchema,
        modes: &MetricsModes,
    ) -> Self {
        let mut metrics = Self::default();
        let columns = footer.file_metadata().schema_descr().num_columns();
        for index in 0..columns {
            let chunks: Vec<_> = footer
                .row_groups()
                .iter()
                .map(|g| g.column(index))
                .collect();
            metrics.add(&chunks, nans, schema, modes);
        }
        metrics
    }

    fn add(
        &mut self,
        chunks: &[&ColumnChunkMetaData],
        nans: &NanCounts,
        schema: &IcebergSchema,
        modes: &MetricsModes,
    ) {
        let Some(column) = chunks.first().map(|chunk| chunk.column_descr()) else {
            return;
        };
        let info = column.self_type().get_basic_info();
        let Some((id, primitive)) = info.has_id().then(|| info.id()).and_then(|id| {
            let field = schema.field_by_id(id)?;
            Some((id, field.field_type.as_primitive_type()?))
        }) else {
            return;
        };
        let mode = modes.of(id);
        if mode == MetricsMode::None {
            return;
        }
        let sum = |of: fn(&ColumnChunkMetaData) -> i64| {
            chunks
                .iter()
                .map(|chunk| u64::try_from(of(chunk)).unwrap_or(0))
                .sum()
        };
        self.sizes
            .insert(id, sum(ColumnChunkMetaData::compressed_size));
        // In a list or map, a value is no row: nobody could use the numbers.
        if column.max_rep_level() > 0 {
            return;
        }
        self.values.insert(id, sum(ColumnChunkMetaData::num_values));
        let nulls = chunks
            .iter()
            .map(|chunk| chunk.statistics()?.null_count_opt());
        if let Some(nulls) = nulls.sum() {
            self.nulls.insert(id, nulls);
        }
        self.nans.extend(nans.of(id).map(|nans| (id, nans)));
        if mode == MetricsMode::Counts {
            return;
        }
        if let Some((lower, upper)) = bounds(chunks, primitive) {
            self.lower
                .extend(shorten(lower, mode, shorter_lower).map(|it| (id, it)));
            self.upper
                .extend(shorten(upper, mode, shorter_upper).map(|it| (id, it)));
        }
    }
}

fn shorten(
    bound: Option<Datum>,
    mode: MetricsMode,
    shorter: fn(Datum, usize) -> Option<Datum>,
) -> Option<Datum> {
    match mode {
        MetricsMode::Truncate(length) => shorter(bound?, length),
        _ => bound,
    }
}

/// The least and greatest value of a column. None for both if a row group does not tell.
fn bounds(
    chunks: &[&ColumnChunkMetaData],
    primitive: &PrimitiveType,
) -> Option<(Option<Datum>, Option<Datum>)> {
    let floats = matches!(primitive, PrimitiveType::Float | PrimitiveType::Double);
    let (mut lower, mut upper): (Option<Datum>, Option<Datum>) = (None, None);
    for chunk in chunks {
        let statistics = chunk.statistics()?;
        let values = u64::try_from(chunk.num_values()).ok()?;
        let (Some(min), Some(max)) = (statistics.min_bytes_opt(), statistics.max_bytes_opt())
        else {
            // Nothing but NULLs, or numbers that are none, has no bounds.
            if statistics.null_count_opt() == Some(values) || floats {
                continue;
            }
            return None;
        };
        let (min, max) = (
            datum(min, statistics, primitive)?,
            datum(max, statistics, primitive)?,
        );
        lower = Some(match lower {
            Some(lower) if lower.partial_cmp(&min)?.is_le() => lower,
            _ => min,
        });
        upper = Some(match upper {
            Some(upper) if upper.partial_cmp(&max)?.is_ge() => upper,
            _ => max,
        });
    }
    Some((lower, upper))
}

/// A value of Parquet's statistics as Iceberg's; a shortened string may be none.
fn datum(bytes: &[u8], statistics: &Statistics, primitive: &PrimitiveType) -> Option<Datum> {
    let swapped;
    let bytes = match (primitive, statistics) {
        (PrimitiveType::Decimal { .. }, Statistics::Int32(_) | Statistics::Int64(_)) => {
            swapped = bytes.iter().rev().copied().collect::<Vec<_>>();
            &swapped
        }
        _ => bytes,
    };
    Datum::try_from_bytes(bytes, primitive.clone()).ok()
}
