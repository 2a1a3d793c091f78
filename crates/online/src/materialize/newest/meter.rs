// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How many rows went through, counted while they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::physical_plan::ExecutionPlan;

use crate::progress::{MaterializeProgress, Progress};

/// So many batches pass between two looks at the bytes.
const LOOKS: u64 = 16;

/// The counts of one materialization, and who is told of them.
#[derive(Debug, Default)]
pub(in crate::materialize) struct Meter {
    view: String,
    to: Option<Arc<dyn Progress>>,
    batches: AtomicU64,
    read: AtomicU64,
    skipped: AtomicU64,
    kept: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    /// Nothing so far.
    pub(in crate::materialize) fn new(view: &str, to: Option<Arc<dyn Progress>>) -> Self {
        Self {
            view: view.to_owned(),
            to,
            ..Self::default()
        }
    }

    /// Rows that came.
    pub(in crate::materialize) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Those among them without a key or a time.
    pub(in crate::materialize) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// A batch of `rows` came from `source`, of which some were skipped.
    pub(super) fn came(&self, rows: usize, skipped: usize, source: &dyn ExecutionPlan) {
        self.read.fetch_add(rows as u64, Ordering::Relaxed);
        self.skipped.fetch_add(skipped as u64, Ordering::Relaxed);
        let before = self.batches.fetch_add(1, Ordering::Relaxed);
        if self.to.is_some() && before.is_multiple_of(LOOKS) {
            self.bytes.store(bytes_scanned(source), Ordering::Relaxed);
        }
        self.tell();
    }

    /// Rows went on to be written.
    pub(super) fn went(&self, rows: usize) {
        self.kept.fetch_add(rows as u64, Ordering::Relaxed);
        self.tell();
    }

    /// All of `source` has been read.
    pub(super) fn ended(&self, source: &dyn ExecutionPlan) {
        if self.to.is_some() {
            self.bytes.store(bytes_scanned(source), Ordering::Relaxed);
            self.tell();
        }
    }

    fn tell(&self) {
        if let Some(to) = &self.to {
            to.materializing(&MaterializeProgress {
                view: self.view.clone(),
                rows_read: self.read(),
                bytes_read: self.bytes.load(Ordering::Relaxed),
                rows_skipped: self.skipped(),
                rows_kept: self.kept.load(Ordering::Relaxed),
            });
        }
    }
}

/// What the scans below have read.
fn bytes_scanned(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan
        .metrics()
        .and_then(|it| it.sum_by_name("bytes_scanned"));
    let own = own.map_or(0, |bytes| bytes.as_usize() as u64);
    let below = plan.children().into_iter();
    own + below
        .map(|child| bytes_scanned(child.as_ref()))
        .sum::<u64>()
}
