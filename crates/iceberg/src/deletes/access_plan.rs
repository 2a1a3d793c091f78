// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Deleted positions as the row groups and rows that are left to read.

use std::ops::Range;

use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::ParquetMetaData;
use roaring::RoaringTreemap;

use crate::error::{Error, ErrorKind, Result};

/// The row groups and rows that are left of a file. Positions beyond its end delete nothing.
pub(crate) fn access_plan(
    footer: &ParquetMetaData,
    deleted: &RoaringTreemap,
) -> Result<ParquetAccessPlan> {
    let groups = footer.row_groups().iter().map(|group| group.num_rows());
    Ok(ParquetAccessPlan::new(accesses(groups, deleted)?))
}

/// What to read of row groups with so many rows each.
fn accesses(
    groups: impl Iterator<Item = i64>,
    deleted: &RoaringTreemap,
) -> Result<Vec<RowGroupAccess>> {
    let mut start = 0_u64;
    let mut accesses = Vec::new();
    for (index, rows) in groups.enumerate() {
        let end = u64::try_from(rows)
            .ok()
            .and_then(|rows| start.checked_add(rows));
        let end = end.ok_or_else(|| {
            let message = format!("the footer gives row group {index} {rows} rows");
            Error::new(ErrorKind::Damaged, message)
        })?;
        accesses.push(access(start..end, deleted));
        start = end;
    }
    Ok(accesses)
}

fn access(rows: Range<u64>, deleted: &RoaringTreemap) -> RowGroupAccess {
    let count = rows.end - rows.start;
    match deleted.range_cardinality(rows.clone()) {
        0 => RowGroupAccess::Scan,
        all if all == count => RowGroupAccess::Skip,
        _ => RowGroupAccess::Selection(selection(rows, deleted)),
    }
}

/// Selectors that cover exactly `rows`, runs of deleted rows skipped as one.
fn selection(rows: Range<u64>, deleted: &RoaringTreemap) -> RowSelection {
    let mut selectors = Vec::new();
    let mut at = rows.start;
    for run in deleted_runs(&rows, deleted) {
        push(&mut selectors, run.start - at, RowSelector::select);
        push(&mut selectors, run.end - run.start, RowSelector::skip);
        at = run.end;
    }
    push(&mut selectors, rows.end - at, RowSelector::select);
    RowSelection::from(selectors)
}

fn push(selectors: &mut Vec<RowSelector>, rows: u64, selector: fn(usize) -> RowSelector) {
    if rows > 0 {
        // A row group has at most 2^31 rows, as many as its pages can name.
        selectors.push(selector(usize::try_from(rows).unwrap_or(usize::MAX)));
    }
}

/// The runs of deleted positions within `rows`, in order.
fn deleted_runs(rows: &Range<u64>, deleted: &RoaringTreemap) -> impl Iterator<Item = Range<u64>> {
    let (start, last) = (rows.start, rows.end - 1);
    deleted
        .bitmaps()
        .filter(move |(high, _)| (start >> 32..=last >> 32).contains(&u64::from(*high)))
        .flat_map(move |(high, bitmap)| {
            let base = u64::from(high) << 32;
            let low = start.saturating_sub(base) as u32;
            let high = (last - base).min(u64::from(u32::MAX)) as u32;
            let mut positions = bitmap.range(low..=high);
            let runs = std::iter::from_fn(move || positions.next_range());
            runs.map(move |run| base + u64::from(*run.start())..base + u64::from(*run.end()) + 1)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(groups: &[i64], deleted: &[u64]) -> Vec<RowGroupAccess> {
        accesses(groups.iter().copied(), &deleted.iter().copied().collect()).unwrap()
    }

    /// The rows left of one row group.
    fn left(access: &RowGroupAccess, rows: u64) -> Vec<u64> {
        let RowGroupAccess::Selection(selection) = access else {
            panic!("no selection: {access:?}");
        };
        let (mut at, mut left) = (0, Vec::new());
        for selector in selection.iter() {
            let end = at + selector.row_count as u64;
            if !selector.skip {
                left.extend(at..end);
            }
            at = end;
        }
        assert_eq!(at, rows, "covers the row group exactly");
        left
    }

    #[test]
    fn groups_are_scanned_skipped_or_selected() {
        let plan = plan(&[3, 2, 4, 0, 2], &[3, 4, 5, 8, 100, u64::MAX]);
        assert_eq!(plan[0], RowGroupAccess::Scan);
        assert_eq!(plan[1], RowGroupAccess::Skip);
        assert_eq!(left(&plan[2], 4), [1, 2]);
        assert_eq!(plan[3], RowGroupAccess::Scan);
        assert_eq!(plan[4], RowGroupAccess::Scan);
    }

    #[test]
    fn runs_are_merged_also_across_containers() {
        let deleted: Vec<u64> = (10..200_000).collect();
        let plan = plan(&[200_001], &deleted);
        let RowGroupAccess::Selection(selection) = &plan[0] else {
            panic!("{plan:?}");
        };
        let selectors: Vec<_> = selection.iter().map(|s| (s.skip, s.row_count)).collect();
        assert_eq!(selectors, [(false, 10), (true, 199_990), (false, 1)]);
    }

    #[test]
    fn positions_have_64_bits() {
        let four_billion = 1_i64 << 32;
        let first = (1_u64 << 32) - 1;
        let plan = plan(&[four_billion - 2, 4], &[first, first + 1]);
        assert_eq!(plan[0], RowGroupAccess::Scan);
        assert_eq!(left(&plan[1], 4), [0, 3]);
    }

    #[test]
    fn a_negative_count_of_rows_is_an_error() {
        let error = accesses([5, -1].into_iter(), &RoaringTreemap::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
}
