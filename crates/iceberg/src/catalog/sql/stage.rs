// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Making a table together with what is in it: nobody sees the table before its first snapshot.

use async_trait::async_trait;
use iceberg::spec::{TableMetadata, TableMetadataBuilder};
use iceberg::table::Table;
use iceberg::{
    Catalog, MetadataLocation, NamespaceIdent, Runtime, TableCommit, TableCreation, TableIdent,
};

use super::SqlCatalog;
use crate::catalog::CommitTable;
use crate::error::{ErrorKind, Result};

/// A table that is not in its catalog yet: the first commit puts it there.
#[derive(Debug)]
pub(crate) struct StagedTable {
    catalog: SqlCatalog,
    table: Table,
}

impl SqlCatalog {
    /// The table that `creation` describes, made nowhere yet. Fails if there is one of its name.
    pub(crate) async fn stage_table(
        &self,
        namespace: &NamespaceIdent,
        mut creation: TableCreation,
    ) -> Result<StagedTable> {
        self.need_namespace(namespace).await?;
        let ident = TableIdent::new(namespace.clone(), creation.name.clone());
        if self.table_exists(&ident).await? {
            return Err(self.existing_table(&ident));
        }
        let location = match creation.location.take() {
            Some(location) => location.trim_end_matches('/').to_string(),
            None => self.location(namespace, &ident.name).await?,
        };
        creation.location = Some(location);
        let built = TableMetadataBuilder::from_table_creation(creation)?.build()?;
        let table = Table::builder()
            .identifier(ident)
            .metadata(built.metadata)
            .file_io(self.file_io.clone())
            .runtime(Runtime::try_current()?)
            .build()?;
        Ok(StagedTable {
            catalog: self.clone(),
            table,
        })
    }
}

impl StagedTable {
    /// The table as it will be.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The catalog it will be in.
    pub(crate) fn catalog(&self) -> &SqlCatalog {
        &self.catalog
    }

    /// Makes the table without a snapshot.
    pub(crate) async fn create_empty(&self) -> Result<Table> {
        self.create(self.table.metadata().clone()).await
    }

    /// Writes the metadata and puts the table into the catalog.
    async fn create(&self, metadata: TableMetadata) -> Result<Table> {
        let ident = self.table.identifier().clone();
        let file = MetadataLocation::new_with_metadata(metadata.location(), &metadata);
        metadata.write_to(&self.catalog.file_io, &file).await?;
        let file = file.to_string();
        if let Err(error) = self.catalog.insert(&ident, file.clone()).await {
            // Only when it is sure that the table is not in the catalog.
            if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Locked) {
                self.catalog.discard(&file).await;
            }
            return Err(error);
        }
        Ok(self.catalog.table(ident, &file, metadata)?)
    }
}

#[async_trait]
impl CommitTable for StagedTable {
    async fn load(&self, _table: &TableIdent) -> iceberg::Result<Table> {
        Ok(self.table.clone())
    }

    async fn commit(&self, mut commit: TableCommit) -> iceberg::Result<Table> {
        for requirement in commit.take_requirements() {
            requirement.check(Some(self.table.metadata()))?;
        }
        let mut builder = self.table.metadata().clone().into_builder(None);
        for update in commit.take_updates() {
            builder = update.apply(builder)?;
        }
        Ok(self.create(builder.build()?.metadata).await?)
    }
}
