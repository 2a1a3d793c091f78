// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whether a view still fits the table that was made for it.

use datafusion::common::{Result, plan_err};

use crate::names::RESERVED;
use crate::store::OnlineTable;
use crate::view::OnlineView;

impl OnlineTable {
    /// Fails unless the table's rows are told apart by the view's keys. Features may come and go, keys
    /// may not: rows would be found by other keys than they were written for.
    pub(crate) fn check_keys(&self, view: &OnlineView) -> Result<()> {
        let columns = self.columns();
        let required = columns.fields().iter().filter(|field| !field.is_nullable());
        let mut of_table: Vec<&str> = required
            .map(|field| field.name().as_str())
            .filter(|name| !RESERVED.contains(name))
            .collect();
        let mut of_view: Vec<&str> = view.keys.iter().map(|key| key.name.as_str()).collect();
        of_table.sort_unstable();
        of_view.sort_unstable();
        if of_table == of_view {
            return Ok(());
        }
        plan_err!(
            "online table {} has the keys [{}], feature view {} has [{}]; keys of a table do not change: drop it and materialize the view \
             in full, or give the view another name",
            self.name(),
            of_table.join(", "),
            view.name,
            of_view.join(", ")
        )
    }
}
