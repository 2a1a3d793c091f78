// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table that is listed but cannot be read.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::error::Error;

/// Stands for a table that exists but could not be loaded: it has no columns, and reading it
/// fails with the reason. So one broken table does not break a listing of all.
#[derive(Debug, Clone)]
pub struct BrokenTable {
    reason: Error,
}

impl BrokenTable {
    /// A table that fails with `reason`.
    pub fn new(reason: Error) -> Self {
        Self { reason }
    }

    /// Why the table cannot be read.
    pub fn reason(&self) -> &Error {
        &self.reason
    }
}

#[async_trait]
impl TableProvider for BrokenTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(self.reason.clone().into())
    }
}
