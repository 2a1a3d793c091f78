// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which row groups and pages of a file may hold some of the keys.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampNanosecondType,
};
use datafusion::error::Result;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::basic::Type as Physical;
use parquet::bloom_filter::Sbbf;

use super::index::FileIndex;
use super::projection::Projection;
use crate::plan::{PointCounts, PointKeys, Ranges};

/// A row group that may hold some of the keys.
pub(super) struct ChosenGroup {
    pub(super) group: usize,
    /// Its rows in the pages that may hold them; None for all.
    pub(super) rows: Option<RowSelection>,
    /// Which of the keys.
    pub(super) keys: Vec<u32>,
}

/// A key column that the file holds as it is.
struct KeyColumn<'a> {
    values: &'a ArrayRef,
    leaf: usize,
    converter: StatisticsConverter<'a>,
    /// By row group.
    groups: Ranges,
    /// Whether bloom filters are of these values as they are.
    blooms: bool,
}

/// The row groups of a file that may hold some of the keys `of_file`.
pub(super) fn choose(
    index: &FileIndex,
    projection: &Projection,
    keys: &PointKeys,
    of_file: &[u32],
    counts: &mut PointCounts,
) -> Result<Vec<ChosenGroup>> {
    let footer = index.metadata.metadata();
    let columns = key_columns(index, projection, keys)?;
    let mut chosen = Vec::new();
    for group in 0..footer.num_row_groups() {
        counts.row_groups += 1;
        let mut left = of_file.to_vec();
        for column in &columns {
            left.retain(|key| column.groups.may_hold(*key, group));
        }
        if left.is_empty() {
            counts.groups_pruned_by_statistics += 1;
            continue;
        }
        for column in columns.iter().filter(|column| column.blooms) {
            if let Some(bloom) = index.bloom(group, column.leaf) {
                left.retain(|key| may_contain(bloom, column.values, *key));
            }
        }
        if left.is_empty() {
            counts.groups_pruned_by_bloom += 1;
            continue;
        }
        let rows = pages(index, &columns, group, &mut left, counts)?;
        if !left.is_empty() {
            chosen.push(ChosenGroup {
                group,
                rows,
                keys: left,
            });
        }
    }
    Ok(chosen)
}

fn key_columns<'a>(
    index: &'a FileIndex,
    projection: &'a Projection,
    keys: &'a PointKeys,
) -> Result<Vec<KeyColumn<'a>>> {
    let footer = index.metadata.metadata();
    let descriptor = footer.file_metadata().schema_descr();
    let mut found = Vec::new();
    for (key, name) in keys.columns.iter().zip(&projection.plain_keys) {
        let Some(name) = name else { continue };
        let converter = StatisticsConverter::try_new(name, &projection.schema, descriptor)?;
        let Some(leaf) = converter.parquet_column_index() else {
            continue;
        };
        let min = converter.row_group_mins(footer.row_groups())?;
        let max = converter.row_group_maxes(footer.row_groups())?;
        let physical = descriptor.column(leaf).physical_type();
        found.push(KeyColumn {
            values: &key.values,
            leaf,
            groups: Ranges::new(&key.values, Some(min), Some(max)),
            converter,
            blooms: stored_as(key.values.data_type()) == Some(physical),
        });
    }
    Ok(found)
}

/// How values whose bloom filters are asked are stored.
fn stored_as(data_type: &DataType) -> Option<Physical> {
    match data_type {
        DataType::Int32 => Some(Physical::INT32),
        DataType::Int64 | DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
            Some(Physical::INT64)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => {
            Some(Physical::BYTE_ARRAY)
        }
        _ => None,
    }
}

fn may_contain(bloom: &Sbbf, values: &ArrayRef, key: u32) -> bool {
    let key = key as usize;
    match values.data_type() {
        DataType::Int32 => bloom.check(&values.as_primitive::<Int32Type>().value(key)),
        DataType::Int64 => bloom.check(&values.as_primitive::<Int64Type>().value(key)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = values.as_primitive::<TimestampMicrosecondType>();
            bloom.check(&values.value(key))
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let values = values.as_primitive::<TimestampNanosecondType>();
            bloom.check(&values.value(key))
        }
        DataType::Utf8 => bloom.check(values.as_string::<i32>().value(key)),
        DataType::LargeUtf8 => bloom.check(values.as_string::<i64>().value(key)),
        DataType::Binary => bloom.check(values.as_binary::<i32>().value(key)),
        DataType::LargeBinary => bloom.check(values.as_binary::<i64>().value(key)),
        _ => true,
    }
}

/// The pages of one column in a row group.
struct Pages {
    ranges: Ranges,
    /// The rows of each page.
    rows: Vec<Range<usize>>,
}

/// The rows in pages that may hold one of `keys`, which loses those that none may hold; None where there is no index.
fn pages(
    index: &FileIndex,
    columns: &[KeyColumn<'_>],
    group: usize,
    keys: &mut Vec<u32>,
    counts: &mut PointCounts,
) -> Result<Option<RowSelection>> {
    let indexed: Vec<Pages> = columns
        .iter()
        .filter_map(|column| column_pages(index, column, group).transpose())
        .collect::<Result<_>>()?;
    let Some(first) = indexed.first() else {
        return Ok(None);
    };
    let mut selected: Vec<Range<usize>> = Vec::new();
    keys.retain(|key| {
        let mut of_key = of_column(first, *key);
        for column in &indexed[1..] {
            of_key = overlap(&of_key, &of_column(column, *key));
        }
        selected.extend(of_key.iter().cloned());
        !of_key.is_empty()
    });
    let selected = merged(selected);
    let read = |page: &&Range<usize>| !overlap(&selected, std::slice::from_ref(*page)).is_empty();
    counts.pages += first.rows.len();
    counts.pages_read += first.rows.iter().filter(read).count();
    let rows = group_rows(index, group);
    let selection = RowSelection::from_consecutive_ranges(selected.into_iter(), rows);
    Ok(Some(selection))
}

fn group_rows(index: &FileIndex, group: usize) -> usize {
    let rows = index.metadata.metadata().row_group(group).num_rows();
    usize::try_from(rows).unwrap_or(0)
}

fn column_pages(index: &FileIndex, column: &KeyColumn<'_>, group: usize) -> Result<Option<Pages>> {
    let footer = index.metadata.metadata();
    let (Some(values), Some(offsets)) = (footer.column_index(), footer.offset_index()) else {
        return Ok(None);
    };
    let locations = offsets
        .get(group)
        .and_then(|columns| columns.get(column.leaf));
    let Some(locations) = locations.map(|offsets| offsets.page_locations()) else {
        return Ok(None);
    };
    if locations.is_empty() || values.get(group).is_none_or(|v| v.len() <= column.leaf) {
        return Ok(None);
    }
    let starts = locations
        .iter()
        .map(|page| usize::try_from(page.first_row_index).unwrap_or(0));
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().skip(1).copied();
    let ends = ends.chain(std::iter::once(group_rows(index, group)));
    let rows: Vec<Range<usize>> = starts
        .iter()
        .zip(ends)
        .map(|(from, to)| *from..to)
        .collect();
    let min = column.converter.data_page_mins(values, offsets, [&group])?;
    let max = column
        .converter
        .data_page_maxes(values, offsets, [&group])?;
    if min.len() != rows.len() || max.len() != rows.len() {
        return Ok(None);
    }
    Ok(Some(Pages {
        ranges: Ranges::new(column.values, Some(min), Some(max)),
        rows,
    }))
}

/// The rows of the pages that may hold a key, ascending.
fn of_column(pages: &Pages, key: u32) -> Vec<Range<usize>> {
    let rows = pages.rows.iter().enumerate();
    let may = rows.filter(|(page, _)| pages.ranges.may_hold(key, *page));
    merged(may.map(|(_, rows)| rows.clone()).collect())
}

/// The same rows, ascending and apart.
fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The rows that are in both, of ranges that ascend.
fn overlap(one: &[Range<usize>], other: &[Range<usize>]) -> Vec<Range<usize>> {
    let (mut i, mut j) = (0, 0);
    let mut both = Vec::new();
    while let (Some(a), Some(b)) = (one.get(i), other.get(j)) {
        let common = a.start.max(b.start)..a.end.min(b.end);
        if !common.is_empty() {
            both.push(common);
        }
        match a.end < b.end {
            true => i += 1,
            false => j += 1,
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_merged_and_overlapped() {
        let ranges = vec![5..7, 0..2, 1..3, 3..4, 9..9];
        assert_eq!(merged(ranges), [0..4, 5..7]);
        assert_eq!(overlap(&[0..4, 5..9], &[2..6, 8..20]), [2..4, 5..6, 8..9]);
        let (before, after) = (0..4, 4..6);
        assert!(overlap(&[before], &[after]).is_empty());
    }
}
