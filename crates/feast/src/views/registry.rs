// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is defined, as tables: `feast.registry.entities`, `feature_views`, `features`, `feature_services`,
//! `data_sources`, and `unsupported` for what of it cannot be queried.
//!
//! They are read-only and read from the registry at each use, row for row what `SHOW` gives; the
//! columns are described in `ops/list.rs`.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::TableType;

use super::unsupported::{UNSUPPORTED, Unsupported};
use crate::ops::{Effect, List, OpTableProvider, RegistryList};
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
        let lists = List::ALL.iter().map(|list| list.name());
        lists.chain([UNSUPPORTED]).map(str::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let (registry, project) = (self.shared.registry.clone(), self.shared.project.clone());
        let rows: Arc<dyn Effect> = match list(name) {
            Some(list) => Arc::new(RegistryList {
                list,
                like: None,
                registry,
                project,
            }),
            None if name == UNSUPPORTED => Arc::new(Unsupported { registry, project }),
            None => return Ok(None),
        };
        Ok(Some(Arc::new(OpTableProvider::new(rows))))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        list(name).is_some() || name == UNSUPPORTED
    }
}
