// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `iceberg::Catalog` for the SQL catalog.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use iceberg::spec::TableMetadataBuilder;
use iceberg::table::Table;
use iceberg::{
    Catalog, MetadataLocation, Namespace, NamespaceIdent, TableCommit, TableCreation, TableIdent,
};

use super::metadata::{self, Staged};
use super::rows::Rows;
use super::tables::{is_clash, names};
use super::{Outcome, SqlCatalog};
use crate::error::{Error, ErrorKind, iceberg_error};

/// What PyIceberg gives a namespace without properties, so that it has a row.
const MINIMAL_PROPERTIES: (&str, &str) = ("exists", "true");

#[async_trait]
impl Catalog for SqlCatalog {
    async fn list_namespaces(
        &self,
        parent: Option<&NamespaceIdent>,
    ) -> iceberg::Result<Vec<NamespaceIdent>> {
        let above: Vec<String> = match parent {
            Some(parent) => {
                self.need_namespace(parent).await?;
                parent.to_vec()
            }
            None => Vec::new(),
        };
        let all = self
            .read("list namespaces", |rows| rows.namespaces())
            .await?;
        let children: BTreeSet<Vec<String>> = all
            .iter()
            .map(|name| name.split('.').map(str::to_string).collect::<Vec<_>>())
            .filter(|levels| levels.len() > above.len() && levels.starts_with(&above))
            .map(|mut levels| {
                levels.truncate(above.len() + 1);
                levels
            })
            .collect();
        children.into_iter().map(NamespaceIdent::from_vec).collect()
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<Namespace> {
        if namespace
            .iter()
            .any(|level| level.is_empty() || level.contains('.'))
        {
            let text = format!("namespace '{namespace}': a level is empty or has a dot in it");
            return Err(Error::new(ErrorKind::Invalid, text).into());
        }
        let (name, kept) = (namespace.to_string(), stored(&properties));
        let exists = Error::new(
            ErrorKind::AlreadyExists,
            format!("namespace '{namespace}' exists already"),
        );
        self.write("create a namespace", move |rows| {
            if rows.namespace_exists(&name)? {
                return Ok(Err(exists));
            }
            rows.set_namespace_properties(&name, &kept)?;
            Ok(Ok(()))
        })
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                iceberg_error(iceberg::ErrorKind::NamespaceAlreadyExists, error)
            }
            _ => error.into(),
        })?;
        Ok(Namespace::with_properties(namespace.clone(), properties))
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<Namespace> {
        self.need_namespace(namespace).await?;
        let name = namespace.to_string();
        let properties = self
            .read("read a namespace", move |rows| {
                rows.namespace_properties(&name)
            })
            .await?;
        Ok(Namespace::with_properties(
            namespace.clone(),
            properties.into_iter().collect(),
        ))
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> iceberg::Result<bool> {
        let name = namespace.to_string();
        Ok(self
            .read("look up a namespace", move |rows| {
                rows.namespace_exists(&name)
            })
            .await?)
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<()> {
        self.need_namespace(namespace).await?;
        let (name, kept) = (namespace.to_string(), stored(&properties));
        let worked = self.write("update a namespace", move |rows| {
            rows.set_namespace_properties(&name, &kept).map(Ok)
        });
        Ok(worked.await?)
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<()> {
        self.need_namespace(namespace).await?;
        let name = namespace.to_string();
        let full = Error::new(
            ErrorKind::Invalid,
            format!("namespace '{namespace}' is not empty: drop its tables and namespaces first"),
        );
        let worked = self.write("drop a namespace", move |rows| {
            drop_empty(rows, &name, full)
        });
        Ok(worked.await?)
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> iceberg::Result<Vec<TableIdent>> {
        self.need_namespace(namespace).await?;
        let name = namespace.to_string();
        let tables = self
            .read("list tables", move |rows| rows.tables(&name))
            .await?;
        Ok(tables
            .into_iter()
            .map(|table| TableIdent::new(namespace.clone(), table))
            .collect())
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        mut creation: TableCreation,
    ) -> iceberg::Result<Table> {
        self.need_namespace(namespace).await?;
        let ident = TableIdent::new(namespace.clone(), creation.name.clone());
        if ident.name.is_empty() {
            let text = format!("a table in namespace '{namespace}' needs a name");
            return Err(Error::new(ErrorKind::Invalid, text).into());
        }
        if self.table_exists(&ident).await? {
            return Err(self.existing_table(&ident).into());
        }
        let location = match creation.location.take() {
            Some(location) => location.trim_end_matches('/').to_string(),
            None => self.location(namespace, &ident.name).await?,
        };
        creation.location = Some(location.clone());
        let metadata = TableMetadataBuilder::from_table_creation(creation)?
            .build()?
            .metadata;
        let file = MetadataLocation::new_with_metadata(location, &metadata);
        metadata.write_to(&self.file_io, &file).await?;
        let file = file.to_string();
        if let Err(error) = self.insert(&ident, file.clone()).await {
            self.discard(&file).await;
            return Err(error.into());
        }
        self.table(ident, &file, metadata)
    }

    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        let file = self.metadata_file(table).await?;
        if let Some(known) = self.loaded.get(table, &file) {
            return self.table(table.clone(), &file, known);
        }
        let metadata = Arc::new(self.read_metadata(table, &file).await?);
        self.loaded.keep(table, &file, &metadata);
        self.table(table.clone(), &file, metadata)
    }

    async fn drop_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        let (namespace, name) = names(table);
        let worked = self.write("drop a table", move |rows| {
            rows.delete_table(&namespace, &name).map(Ok)
        });
        if worked.await? {
            Ok(())
        } else {
            Err(self.missing_table(table))
        }
    }

    async fn purge_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        let loaded = self.load_table(table).await?;
        self.drop_table(table).await?;
        iceberg::drop_table_data(&loaded).await
    }

    async fn table_exists(&self, table: &TableIdent) -> iceberg::Result<bool> {
        let (namespace, name) = names(table);
        let found = self
            .read("look up a table", move |rows| {
                rows.location(&namespace, &name)
            })
            .await?;
        Ok(found.is_some())
    }

    async fn rename_table(&self, src: &TableIdent, dest: &TableIdent) -> iceberg::Result<()> {
        self.need_namespace(dest.namespace()).await?;
        let (from, to) = (names(src), names(dest));
        let exists = self.existing_table(dest);
        let renamed = self
            .write("rename a table", move |rows| {
                match rows.rename_table((&from.0, &from.1), (&to.0, &to.1)) {
                    Err(cause) if is_clash(&cause) => Ok(Err(exists)),
                    other => other.map(Ok),
                }
            })
            .await?;
        if renamed {
            Ok(())
        } else {
            Err(self.missing_table(src))
        }
    }

    async fn register_table(
        &self,
        table: &TableIdent,
        metadata_location: String,
    ) -> iceberg::Result<Table> {
        self.need_namespace(table.namespace()).await?;
        let metadata = self.read_metadata(table, &metadata_location).await?;
        self.insert(table, metadata_location.clone()).await?;
        self.table(table.clone(), &metadata_location, metadata)
    }

    async fn update_table(&self, commit: TableCommit) -> iceberg::Result<Table> {
        let ident = commit.identifier().clone();
        let current = self.load_whole(&ident).await?;
        let old = current.metadata_location_result()?.to_string();
        let Some(Staged { metadata, location }) =
            metadata::stage(&current.metadata_ref(), &old, commit)?
        else {
            return Ok(current);
        };
        metadata.write_to(&self.file_io, &location).await?;
        let new = location.to_string();
        if let Err(error) = self.swap(&ident, old, new.clone()).await {
            // Only when it is sure that the commit did not happen: the file may be the table.
            if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Locked) {
                self.discard(&new).await;
            }
            return Err(error.into());
        }
        self.table(ident, &new, metadata)
    }
}

fn drop_empty(rows: &Rows<'_>, name: &str, full: Error) -> rusqlite::Result<Outcome<()>> {
    let below = format!("{name}.");
    let has_children = rows.namespaces()?.iter().any(|it| it.starts_with(&below));
    if has_children || !rows.tables(name)?.is_empty() {
        return Ok(Err(full));
    }
    rows.delete_namespace(name)?;
    Ok(Ok(()))
}

/// Properties as they are stored: never none, since then the namespace would have no row.
fn stored(properties: &HashMap<String, String>) -> HashMap<String, String> {
    match properties.is_empty() {
        true => {
            let (key, value) = MINIMAL_PROPERTIES;
            HashMap::from([(key.to_string(), value.to_string())])
        }
        false => properties.clone(),
    }
}
