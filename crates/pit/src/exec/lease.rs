// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Who may narrow the dynamic filters of a join.
//!
//! ```text
//!   one execution                     the filter says what it needs
//!   all partitions of one execution   what any of them needs, once each has said it; nothing before
//!   several executions                nothing: what one does not need another may
//! ```
//!
//! A plan is mostly executed once, but nothing forbids to execute it twice, and the scans below share one filter a view. Nobody
//! waits for anybody: partitions may be executed one after another, or some of them elsewhere, and then the filter stays open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, lit};

use super::filters::ViewFilter;

/// The filters of a join, and which executions share them.
#[derive(Debug)]
pub(super) struct SharedFilters {
    /// Of each view, then of each view's input that breaks ties, if it has one.
    filters: Vec<Option<ViewFilter>>,
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    running: usize,
    /// Whether there have been several executions since there was none.
    together: bool,
    /// The partitions that have been executed since.
    entered: Vec<usize>,
    /// What partitions need of each filter: (filter, partition, condition).
    needed: Vec<(usize, usize, Arc<dyn PhysicalExpr>)>,
}

/// An execution's right to the filters, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    shared: Arc<SharedFilters>,
    partition: usize,
    /// How many partitions the join has.
    partitions: usize,
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

    /// Enters for one of the join's partitions. What earlier executions have said is forgotten.
    pub(super) fn enter(self: &Arc<Self>, partition: usize, partitions: usize) -> Result<Lease> {
        let mut users = self.users();
        let first = users.running == 0;
        let again = users.entered.contains(&partition);
        // The filter of a single partition is set before anything is read under it.
        if (first && partitions > 1) || (again && !users.together) {
            for filter in self.all() {
                filter.update(lit(true))?;
            }
        }
        users.together |= again;
        users.entered.push(partition);
        users.running += 1;
        drop(users);
        Ok(Lease {
            shared: Arc::clone(self),
            partition,
            partitions,
        })
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

    /// Narrows a filter to what this execution needs, unless others need rows too of which nothing is known.
    pub(super) fn publish(&self, filter: usize, necessary: Arc<dyn PhysicalExpr>) -> Result<()> {
        let mut users = self.shared.users();
        let Some(shared) = self.shared.get(filter).filter(|_| !users.together) else {
            return Ok(());
        };
        if self.partitions == 1 {
            return shared.update(necessary);
        }
        let mine = |(f, p, _): &(usize, usize, _)| (*f, *p) == (filter, self.partition);
        match users.needed.iter().position(mine) {
            Some(at) => users.needed[at].2 = necessary,
            None => users.needed.push((filter, self.partition, necessary)),
        }
        let of_all = users.needed.iter().filter(|(f, ..)| *f == filter);
        let of_all = of_all.map(|(.., needed)| Arc::clone(needed));
        let of_all = of_all.collect::<Vec<_>>();
        if of_all.len() < self.partitions {
            return Ok(());
        }
        let any = of_all
            .into_iter()
            .reduce(|a, b| Arc::new(BinaryExpr::new(a, Operator::Or, b)));
        any.map_or(Ok(()), |any| shared.update(any))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut users = self.shared.users();
        users.running -= 1;
        if users.running == 0 {
            *users = Users::default();
        }
    }
}
