// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is defined, as tables: `feast.registry.entities`, `feature_views`, `features`, `feature_services`,
//! `data_sources`.
//!
//! They are read-only and read from the registry at each use, row for row what `SHOW` gives; the
//! columns are described in `ops/list.rs`.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::TableType;

use crate::ops::{List, OpTableProvider, RegistryList};
use crate::session::FeastShared;

/// The schema `feast.registry`.
#[derive(Debug)]
pub(super) struct RegistrySchema {
    pub(super) shared: Arc<FeastShared>,
}

fn list(name: &str) -> Option<List> {
    List::ALL.into_iter().find(|list| list.name() == name)
}

#[async_trait]
impl SchemaProvider for RegistrySchema {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        List::ALL.map(|list| list.name().to_owned()).to_vec()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table = |list| {
            let rows = RegistryList {
                list,
                like: None,
                registry: self.shared.registry.clone(),
                project: self.shared.project.clone(),
            };
            Arc::new(OpTableProvider::new(Arc::new(rows))) as Arc<dyn TableProvider>
        };
        Ok(list(name).map(table))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(list(name).map(|_| TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        list(name).is_some()
    }
}
