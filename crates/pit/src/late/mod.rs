// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Late payload: which rows win is found out from a few columns, and only then the other columns of the winners are fetched.
//!
//! ```text
//!   one pass   scan keys, times, features of all rows ──► probe ──► gather
//!   late       scan keys, times of all rows ──► probe ──► fetch the winners' features ──► gather
//! ```
//!
//! The answers are the same. Late pays where features are wide and winners are few among the rows. Where the rows of a view are,
//! only its scan knows: a session that wants late payload gives the join an implementation of [`LatePayload`].

mod choice;

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;

pub use choice::{LatePayloads, PayloadMode};
pub(crate) use choice::{pays, width};

/// Splits a view's scan into a narrow pass and a later fetch of rows by where they are.
pub trait LatePayload: Debug + Send + Sync {
    /// Splits `scan`, the finished physical plan of a view's input, of which `narrow` are the columns that tell the winners, by
    /// index and without repeats.
    ///
    /// None: the rows of this plan cannot be referred to; it is read in one pass.
    ///
    /// The narrow pass has to give the rows that `scan` gives, but may leave out those that the join's dynamic filters exclude.
    ///
    /// # Errors
    ///
    /// End the query: an implementation that cannot split a plan says so by None.
    fn split(&self, scan: &Arc<dyn ExecutionPlan>, narrow: &[usize]) -> Result<Option<LateScan>>;
}

/// The two passes over a view.
#[derive(Debug)]
pub struct LateScan {
    /// The narrow columns in the order asked for, then one column of type UInt64 without NULLs: references, another one for each
    /// row.
    pub narrow: Arc<dyn ExecutionPlan>,
    /// Fetches the other columns.
    pub fetch: Arc<dyn FetchRows>,
}

/// Fetches rows by the references that the narrow pass gave.
pub trait FetchRows: Debug + Send + Sync {
    /// The rows at `references`, which ascend and are distinct, with the `columns` of the scan that was split, by index. Exactly
    /// one row for each reference, in their order; what is read at the same time inside is the implementation's business.
    ///
    /// # Errors
    ///
    /// End the query.
    fn fetch(
        &self,
        references: Arc<[u64]>,
        columns: &[usize],
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream>;
}
