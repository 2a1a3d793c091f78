// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Who may narrow the dynamic filters of a join.
//!
//! ```text
//!   one execution              several at the same time
//!   filters say what it needs  filters say nothing: what one does not need another may
//! ```
//!
//! A plan is mostly executed once, but nothing forbids to execute it twice, and the scans below share one filter a view.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;

use super::filters::ViewFilter;

/// The filters of a join, and how many executions share them.
#[derive(Debug)]
pub(super) struct SharedFilters {
    /// Of each view, then of each view's input that breaks ties, if it has one.
    filters: Vec<Option<ViewFilter>>,
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    running: usize,
    /// Whether there have been several since there was none.
    together: bool,
}

/// An execution's right to the filters, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    shared: Arc<SharedFilters>,
}

impl SharedFilters {
    pub(super) fn new(filters: Vec<Option<ViewFilter>>) -> Self {
        Self {
            filters,
            users: Mutex::default(),
        }
    }

    pub(super) fn get(&self, filter: usize) -> Option<&ViewFilter> {
        self.filters.get(filter)?.as_ref()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ViewFilter> {
        self.filters.iter().flatten()
    }

    pub(super) fn enter(self: &Arc<Self>) -> Result<Lease> {
        let mut users = self.users();
        users.running += 1;
        let lease = Lease {
            shared: Arc::clone(self),
        };
        if users.running > 1 && !users.together {
            users.together = true;
            for filter in self.all() {
                filter.update(lit(true))?;
            }
        }
        drop(users);
        Ok(lease)
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Whether narrowing this filter is any use.
    pub(super) fn is_used(&self, filter: usize) -> bool {
        self.shared.get(filter).is_some_and(ViewFilter::is_used)
    }

    /// Narrows a filter, unless other executions need rows too.
    pub(super) fn publish(&self, filter: usize, necessary: Arc<dyn PhysicalExpr>) -> Result<()> {
        let users = self.shared.users();
        match self.shared.get(filter) {
            Some(filter) if !users.together => filter.update(necessary),
            _ => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut users = self.shared.users();
        users.running -= 1;
        if users.running == 0 {
            users.together = false;
        }
    }
}
