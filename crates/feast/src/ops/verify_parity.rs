// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_verify_parity`: keys for which serving and training differ.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::common::Result;
use feast_online::{LookupView, parity_schema, verify_parity};

use super::Effect;
use super::online_view::{about, now_nanos, whole_view};
use crate::session::FeastScope;

/// A check that is ready to run.
#[derive(Debug)]
pub(super) struct VerifyParity {
    view: LookupView,
    sample: Option<usize>,
    scope: FeastScope,
}

impl VerifyParity {
    /// The check of a view, of so many keys or all.
    pub(super) async fn try_new(
        scope: &FeastScope,
        view: &str,
        sample: Option<usize>,
    ) -> Result<Self> {
        Ok(Self {
            view: whole_view(scope, view).await?,
            sample,
            scope: scope.clone(),
        })
    }
}

#[async_trait]
impl Effect for VerifyParity {
    fn label(&self) -> String {
        format!("verify parity of feature view {}", self.view.name)
    }

    fn schema(&self) -> SchemaRef {
        parity_schema(&self.view)
    }

    async fn run(&self) -> Result<RecordBatch> {
        let now = now_nanos(&self.scope);
        let state = self.scope.state();
        let verified = Box::pin(verify_parity(&state, &self.view, self.sample, now)).await;
        verified.map_err(|error| about(error, "verify parity of", &self.view.name))
    }
}
