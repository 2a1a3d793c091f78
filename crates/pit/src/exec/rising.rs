// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tightens a view's filter while its rows compete.
//!
//! ```text
//!   files, newest first    [90, 80] [80, 70] [70, 60] [60, 50] …
//!   floor after each           –       –        65      65         the last is not opened
//! ```
//!
//! Scans look at a dynamic filter whenever they open a file, and at the file they read: once every slot has a winner, what is
//! older than all of them is not read. Read newest first, that is the rest of the history.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;

use super::filters::above;
use super::lease::Lease;
use super::view::ViewPlan;
use crate::kernel::floor::floor;
use crate::kernel::probe::ViewProbe;

/// At least so many rows compete between two looks at the slots.
const LEAST_ROWS: usize = 1 << 16;

/// The filter of one view and how far it has risen.
pub(super) struct RisingFilter {
    lease: Arc<Lease>,
    filter: usize,
    schema: SchemaRef,
    necessary: Arc<dyn PhysicalExpr>,
    /// Rows that competed, and how many have to before the next look.
    rows: AtomicUsize,
    next: AtomicUsize,
    interval: usize,
    floor: AtomicI64,
}

impl RisingFilter {
    /// None where no scan listens.
    pub(super) fn new(
        lease: &Arc<Lease>,
        filter: usize,
        schema: SchemaRef,
        necessary: Arc<dyn PhysicalExpr>,
        slots: usize,
    ) -> Option<Self> {
        let interval = slots.max(LEAST_ROWS);
        lease.is_used(filter).then(|| Self {
            lease: Arc::clone(lease),
            filter,
            schema,
            necessary,
            rows: AtomicUsize::new(0),
            next: AtomicUsize::new(interval),
            interval,
            floor: AtomicI64::new(i64::MIN),
        })
    }

    /// Counts rows that competed and looks whether the filter can rise; tells whether it did.
    pub(super) fn after(&self, rows: usize, plan: &ViewPlan, probe: &ViewProbe) -> Result<bool> {
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        let due = self.next.load(Ordering::Relaxed);
        // Of several threads one looks.
        let (relaxed, later) = (Ordering::Relaxed, rows + self.interval);
        if rows < due
            || self
                .next
                .compare_exchange(due, later, relaxed, relaxed)
                .is_err()
        {
            return Ok(false);
        }
        let known = self.floor.load(relaxed);
        let Some(floor) = floor(&probe.layout, &probe.slots, probe.ttl, known) else {
            return Ok(false);
        };
        self.floor.store(floor, relaxed);
        let filter = above(&self.necessary, plan, &self.schema, floor);
        self.lease.publish(self.filter, filter)?;
        Ok(true)
    }
}
