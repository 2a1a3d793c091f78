// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What of a view's rows is kept for the slots they lead, and how equal event times are decided by it.

use super::row_format::RowFormat;

/// The columns kept of a view's input. Cells count kept columns.
#[derive(Debug)]
pub(crate) struct Payload {
    /// The columns kept, by their place in the view's input.
    pub(crate) columns: Vec<usize>,
    pub(crate) format: RowFormat,
    /// The cells that order rows of equal event time, the first the most significant: created time with NULL last, then as many
    /// columns that break ties as are read.
    pub(crate) order: Vec<usize>,
    /// The cells by which two rows of equal order are still told apart. Empty when the order is complete: rows equal in it are
    /// the same answer. Otherwise a slot with two such rows is tied, and a second read of the view decides it.
    pub(crate) asked: Vec<usize>,
}
