// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Smaller scenarios, to see what a failure needs.

use arrow::error::ArrowError;

use super::{Scenario, Storage, Table};

impl Scenario {
    /// Scenarios that are this one with something left out, the boldest first.
    pub fn reductions(&self) -> Result<Vec<Self>, ArrowError> {
        let mut smaller = Vec::new();
        if self.projections.len() > 1 {
            for at in 0..self.projections.len() {
                let mut scenario = self.clone();
                scenario.projections.remove(at);
                smaller.push(scenario);
            }
        }
        smaller.extend(self.without_unused_views());
        for table in reduced(&self.entity)? {
            smaller.push(Self {
                entity: table,
                ..self.clone()
            });
        }
        for at in 0..self.views.len() {
            for table in reduced(&self.views[at].source)? {
                let mut scenario = self.clone();
                scenario.views[at].source = table;
                smaller.push(scenario);
            }
        }
        if self.storage.entity_in_file || self.storage.sources_in_files {
            smaller.push(Self {
                storage: Storage::default(),
                ..self.clone()
            });
        }
        if self.created_cutoff {
            smaller.push(Self {
                created_cutoff: false,
                ..self.clone()
            });
        }
        for (at, view) in self.views.iter().enumerate() {
            let definition = &view.definition;
            if definition.ttl.is_some() {
                let mut scenario = self.clone();
                scenario.views[at].definition.ttl = None;
                smaller.push(scenario);
            }
            if !definition.tie_break.is_empty() {
                let mut scenario = self.clone();
                scenario.views[at].definition.tie_break.clear();
                smaller.push(scenario);
            }
        }
        Ok(smaller)
    }

    fn without_unused_views(&self) -> Option<Self> {
        let used = |view: usize| self.projections.iter().any(|p| p.view == view);
        let unused = (0..self.views.len()).find(|view| !used(*view))?;
        let mut scenario = self.clone();
        scenario.views.remove(unused);
        for projection in &mut scenario.projections {
            projection.view -= usize::from(projection.view > unused);
        }
        Some(scenario)
    }
}

/// A table with fewer rows: halves first, then a row less.
fn reduced(table: &Table) -> Result<Vec<Table>, ArrowError> {
    let rows = table.rows();
    let mut smaller = Vec::new();
    if table.partitions.iter().map(Vec::len).sum::<usize>() > 1 || table.partitions.len() > 1 {
        smaller.push(table.in_one_batch()?);
    }
    if rows > 3 {
        smaller.push(table.filtered(|row| row < rows / 2)?);
        smaller.push(table.filtered(|row| row >= rows / 2)?);
    }
    for out in 0..rows.min(24) {
        smaller.push(table.filtered(|row| row != out)?);
    }
    Ok(smaller)
}
