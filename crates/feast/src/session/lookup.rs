// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What lookups need of a statement.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::execution::{SessionState, TaskContext};
use feast_online::LookupSession;

use super::scope::FeastScope;

impl LookupSession for FeastScope {
    /// Rows that are read by their keys pass through no function: none is copied.
    fn context(&self) -> Arc<TaskContext> {
        Arc::new(TaskContext::new(
            None,
            String::new(),
            self.config().clone(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::clone(&self.shared().runtime),
        ))
    }

    fn state(&self) -> SessionState {
        Self::state(self)
    }
}
