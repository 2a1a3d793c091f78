// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! References of rows: a file of the scan and a position in it, as one number.

use std::any::Any;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use datafusion::common::{internal_datafusion_err, internal_err};
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::error::Result;
use parquet::file::metadata::ParquetMetaData;

/// What the column of references is called.
pub(super) const REFERENCE_COLUMN: &str = "$reference";

/// Bits of a reference that hold the position; the others hold the file.
const POSITION_BITS: u32 = 40;

/// So many files a scan may have.
pub(super) const MOST_FILES: usize = 1 << (64 - POSITION_BITS);

/// The reference of the first row of a file.
pub(super) fn first_row(file: usize) -> u64 {
    (file as u64) << POSITION_BITS
}

/// The file of a reference.
pub(super) fn file_of(reference: u64) -> usize {
    (reference >> POSITION_BITS) as usize
}

/// The position in its file of a reference.
pub(super) fn position_of(reference: u64) -> u64 {
    reference & ((1 << POSITION_BITS) - 1)
}

/// What a file carries in the narrow pass.
pub(super) struct NumberedFile {
    /// The file's number in the scan.
    pub(super) number: usize,
    /// What it carries in the scan itself.
    pub(super) extensions: Option<Arc<dyn Any + Send + Sync>>,
}

/// The positions that each row group of a file has.
pub(super) fn row_groups(footer: &ParquetMetaData) -> Result<Vec<Range<u64>>> {
    let mut start = 0_u64;
    let mut groups = Vec::with_capacity(footer.num_row_groups());
    for (index, group) in footer.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).ok();
        let end = rows.and_then(|rows| start.checked_add(rows));
        let end = end.filter(|end| *end < 1 << POSITION_BITS);
        let Some(end) = end else {
            let rows = group.num_rows();
            return internal_err!("row group {index} has {rows} rows, more than a reference holds");
        };
        groups.push(start..end);
        start = end;
    }
    Ok(groups)
}

/// The positions of the rows that an access plan reads, in the order in which they are read.
pub(super) struct Positions {
    left: VecDeque<Range<u64>>,
}

impl Positions {
    /// The positions of `plan` in a file with these row groups.
    pub(super) fn new(plan: &ParquetAccessPlan, groups: &[Range<u64>]) -> Self {
        let mut left = VecDeque::new();
        for (access, group) in plan.inner().iter().zip(groups) {
            match access {
                RowGroupAccess::Skip => {}
                RowGroupAccess::Scan => left.push_back(group.clone()),
                RowGroupAccess::Selection(selection) => {
                    let mut at = group.start;
                    for selector in selection.iter() {
                        let end = at + selector.row_count as u64;
                        if !selector.skip && end > at {
                            left.push_back(at..end);
                        }
                        at = end;
                    }
                }
            }
        }
        Self { left }
    }

    /// The references of the next rows of a file whose first row has the reference `base`.
    pub(super) fn next(&mut self, rows: usize, base: u64) -> Result<Vec<u64>> {
        let mut references = Vec::with_capacity(rows);
        while references.len() < rows {
            let run = self.left.front_mut().ok_or_else(|| {
                internal_datafusion_err!("a data file gave more rows than were asked for")
            })?;
            let wanted = (rows - references.len()) as u64;
            let end = run.end.min(run.start + wanted);
            references.extend((run.start..end).map(|position| base + position));
            run.start = end;
            if run.is_empty() {
                self.left.pop_front();
            }
        }
        Ok(references)
    }

    /// Checks that all rows have come: otherwise the references before were wrong.
    pub(super) fn finish(&self) -> Result<()> {
        match self.left.iter().find(|run| !run.is_empty()) {
            None => Ok(()),
            Some(_) => internal_err!("a data file gave fewer rows than were asked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

    use super::*;

    #[test]
    fn positions_follow_the_access_plan() {
        let (skip, select) = (RowSelector::skip, RowSelector::select);
        let some = RowSelection::from(vec![skip(1), select(2), skip(1), select(1)]);
        let plan = ParquetAccessPlan::new(vec![
            RowGroupAccess::Scan,
            RowGroupAccess::Skip,
            RowGroupAccess::Selection(some),
        ]);
        let mut positions = Positions::new(&plan, &[0..2, 2..7, 7..12]);
        let base = first_row(3);
        assert_eq!(positions.next(3, base).unwrap(), [base, base + 1, base + 8]);
        assert!(positions.finish().is_err());
        assert_eq!(positions.next(2, base).unwrap(), [base + 9, base + 11]);
        positions.finish().unwrap();
        assert!(positions.next(1, base).is_err());
        assert_eq!(file_of(base + 11), 3);
        assert_eq!(position_of(base + 11), 11);
    }
}
