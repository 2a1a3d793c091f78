// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How the views of a lookup were answered, as EXPLAIN says it.

use std::fmt::{self, Display, Formatter};

use arrow::array::Array;
use arrow::array::Int32Array;
use feast_iceberg::PointCounts;

use crate::store::OnlineTable;

/// How a view of a lookup is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewReport {
    /// The view, by its alias if it has one.
    pub view: String,
    /// Where its rows come from.
    pub origin: Origin,
}

/// Where the rows of a view come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The view's source.
    Offline,
    /// The view's online table.
    Online {
        /// Its full name.
        table: String,
        /// The snapshot that is read; None for an empty table.
        snapshot_id: Option<i64>,
        /// In how many parts the keys are, and how many there are; None before the keys are known.
        parts: Option<(usize, u32)>,
        /// How their rows are found; None before the keys are known, and where the table is scanned
        /// since another engine deleted rows.
        found: Option<PointCounts>,
    },
}

impl Origin {
    /// The online table, before its rows are looked for.
    pub(super) fn online(table: &OnlineTable) -> Self {
        Self::Online {
            table: table.name().to_owned(),
            snapshot_id: table.snapshot_id(),
            parts: None,
            found: None,
        }
    }

    /// The same with the parts that these hashes of keys are in, and how their rows are found.
    pub(super) fn of_keys(
        self,
        hashes: &Int32Array,
        parts: u32,
        counts: Option<PointCounts>,
    ) -> Self {
        match self {
            Self::Offline => Self::Offline,
            Self::Online {
                table, snapshot_id, ..
            } => {
                let mut distinct: Vec<i32> = hashes.iter().flatten().collect();
                distinct.sort_unstable();
                distinct.dedup();
                Self::Online {
                    table,
                    snapshot_id,
                    parts: (hashes.null_count() < hashes.len()).then_some((distinct.len(), parts)),
                    found: counts,
                }
            }
        }
    }
}

impl Display for ViewReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.view)?;
        match &self.origin {
            Origin::Offline => f.write_str("source=offline"),
            Origin::Online {
                table,
                snapshot_id,
                parts,
                found,
            } => {
                write!(f, "source=online, table={table}")?;
                match snapshot_id {
                    Some(id) => write!(f, ", snapshot={id}")?,
                    None => f.write_str(", snapshot=none")?,
                }
                if let Some((asked, all)) = parts {
                    write!(f, ", parts={asked}/{all}")?;
                }
                match found {
                    Some(counts) => write!(f, ", {counts}"),
                    None => Ok(()),
                }
            }
        }
    }
}
