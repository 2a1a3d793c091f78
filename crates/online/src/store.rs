// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where the online tables of a project are.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, exec_datafusion_err};
use feast_iceberg::append::update_columns;
use feast_iceberg::{Error, IcebergCatalogProvider, IcebergTableProvider, Staleness};
use iceberg::NamespaceIdent;

use crate::key::EntityHash;
use crate::layout::{TableLayout, entity_hash};
use crate::summary::{Lineage, Recorded};
use crate::view::OnlineView;

/// A namespace of an Iceberg catalog with one table a view.
#[derive(Debug, Clone)]
pub struct OnlineStore {
    catalog: IcebergCatalogProvider,
    namespace: String,
    layout: TableLayout,
}

/// A view's table, at its current version.
#[derive(Debug, Clone)]
pub struct OnlineTable {
    pub(crate) provider: IcebergTableProvider,
    pub(crate) hash: EntityHash,
    name: String,
}

impl OnlineStore {
    /// The tables in `namespace`, which need not exist; new ones are laid out as `layout` says.
    pub fn new(
        catalog: &IcebergCatalogProvider,
        namespace: impl Into<String>,
        layout: TableLayout,
    ) -> Self {
        Self {
            catalog: catalog.unpinned(),
            namespace: namespace.into(),
            layout,
        }
    }

    /// The same store as this copy of its catalog sees it: where that is bound to a statement, every look at a table sees one version
    /// of it. For reading only.
    #[must_use]
    pub fn with_catalog(self, catalog: &IcebergCatalogProvider) -> Self {
        Self {
            catalog: catalog.clone(),
            ..self
        }
    }

    /// The same store for a read that may go on for a while when the catalog does not answer.
    #[must_use]
    pub fn with_staleness(self, staleness: Staleness) -> Self {
        Self {
            catalog: self.catalog.with_staleness(staleness),
            ..self
        }
    }

    /// The full name of a view's table.
    pub fn table_name(&self, view: &OnlineView) -> String {
        let (catalog, namespace) = (self.catalog.name(), &self.namespace);
        format!("{catalog}.{namespace}.{}", view.table_name())
    }

    /// The view's table as it is now; None if nothing was written for the view.
    pub async fn open(&self, view: &OnlineView) -> Result<Option<OnlineTable>> {
        let name = self.table_name(view);
        let table = view.table_name();
        let Some(provider) = self.catalog.table(&self.namespace, &table).await? else {
            return Ok(None);
        };
        let properties = provider.table().metadata().properties();
        let hash = entity_hash(view, &name, properties)?;
        Ok(Some(OnlineTable {
            provider,
            hash,
            name,
        }))
    }

    /// The view's table, made if there is none, with a column for each of the view's: new ones are added
    /// and narrower ones widened in one commit. A column of any other type is an error, before anything is
    /// changed.
    pub(crate) async fn prepare(&self, view: &OnlineView) -> Result<OnlineTable> {
        let table = match self.open(view).await? {
            Some(table) => table,
            None => self.create(view).await?,
        };
        let missing = table.missing(view)?;
        table.check_keys(view)?;
        if missing.is_empty() {
            return Ok(table);
        }
        let ident = table.provider.table().identifier().clone();
        let catalog = self.catalog.catalog();
        let changed = update_columns(catalog.as_ref(), &ident, &missing).await;
        let table = self.reopened(view).await?;
        match changed {
            // Somebody else may have done the same meanwhile.
            Err(error) if !table.missing(view)?.is_empty() => {
                let names: Vec<_> = missing.iter().map(|(name, _)| name.as_str()).collect();
                Err(error
                    .context(format!(
                        "online table {} needs other columns for [{}], which its catalog could not commit: change them with \
                         another engine",
                        table.name,
                        names.join(", ")
                    ))
                    .into())
            }
            _ => Ok(table),
        }
    }

    /// The view's table, which exists, as it is now.
    pub(crate) async fn reopened(&self, view: &OnlineView) -> Result<OnlineTable> {
        self.open(view).await?.ok_or_else(|| {
            exec_datafusion_err!(
                "online table {} was there and is gone: it was dropped meanwhile",
                self.table_name(view)
            )
        })
    }

    async fn create(&self, view: &OnlineView) -> Result<OnlineTable> {
        let catalog = self.catalog.catalog();
        let namespace =
            NamespaceIdent::from_strs(self.namespace.split('.')).map_err(Error::from)?;
        let exists = catalog
            .namespace_exists(&namespace)
            .await
            .map_err(Error::from)?;
        if !exists {
            let made = catalog.create_namespace(&namespace, HashMap::new()).await;
            // Someone else may have made it meanwhile.
            if let Err(error) = made
                && !catalog
                    .namespace_exists(&namespace)
                    .await
                    .map_err(Error::from)?
            {
                return Err(Error::from(error).into());
            }
        }
        let table = self.layout.table(&self.catalog, &self.namespace, view)?;
        if let Err(error) = table.create().await {
            // Someone else may have made it meanwhile.
            return match self.open(view).await? {
                Some(table) => Ok(table),
                None => Err(error.into()),
            };
        }
        self.reopened(view).await
    }
}

impl OnlineTable {
    /// Its name with its catalog and namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of the current snapshot; None for an empty table.
    pub fn snapshot_id(&self) -> Option<i64> {
        self.provider.snapshot_id()
    }

    /// The commits that said what they are, newest first, each with the id of its snapshot.
    pub fn history(&self) -> Vec<(i64, Recorded)> {
        let commits = self.lineage().commits.into_iter();
        commits
            .filter_map(|(snapshot, said)| Some((snapshot.snapshot_id(), said?)))
            .collect()
    }

    pub(crate) fn lineage(&self) -> Lineage {
        Lineage::of(self.provider.table().metadata())
    }

    pub(crate) fn columns(&self) -> SchemaRef {
        self.provider.schema()
    }

    /// Whether the table has such a column.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns().column_with_name(column).is_some()
    }

    /// The table as a source of plans.
    pub(crate) fn source(&self) -> Arc<dyn TableProvider> {
        Arc::new(self.provider.clone())
    }
}
