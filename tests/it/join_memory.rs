// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Memory that only joins are short of.

use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};

/// Counts what point-in-time joins reserve, and refuses them more than a limit.
#[derive(Debug)]
pub(crate) struct JoinMemory {
    used: AtomicUsize,
    peak: AtomicUsize,
    limit: AtomicUsize,
}

impl Default for JoinMemory {
    fn default() -> Self {
        Self {
            used: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
        }
    }
}

impl JoinMemory {
    /// As much as they want from now on.
    pub(crate) fn unlimited(&self) {
        self.limit.store(usize::MAX, Ordering::SeqCst);
        self.peak.store(0, Ordering::SeqCst);
    }

    /// From now on half of what they have taken at most since there was no limit.
    pub(crate) fn half(&self) {
        let half = self.peak.load(Ordering::SeqCst) / 2;
        self.limit.store(half, Ordering::SeqCst);
    }

    /// What is reserved at this moment.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }
}

fn is_join(reservation: &MemoryReservation) -> bool {
    reservation.consumer().name().starts_with("PitJoin")
}

impl MemoryPool for JoinMemory {
    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if is_join(reservation) {
            let used = self.used.fetch_add(additional, Ordering::SeqCst) + additional;
            self.peak.fetch_max(used, Ordering::SeqCst);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if is_join(reservation) {
            self.used.fetch_sub(shrink, Ordering::SeqCst);
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let limit = self.limit.load(Ordering::SeqCst);
        if is_join(reservation) && self.used() + additional > limit {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{additional} bytes more than the limit of {limit}"
            )));
        }
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Unknown
    }
}
