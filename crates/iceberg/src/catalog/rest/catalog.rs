// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A REST catalog as an `iceberg` catalog.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use iceberg::table::Table;
use iceberg::{
    Catalog, Namespace, NamespaceIdent, TableCommit, TableCreation, TableIdent, TableUpdate,
};
use iceberg_catalog_rest::{
    CommitTableRequest, CreateNamespaceRequest, CreateTableRequest, RegisterTableRequest,
    RenameTableRequest, UpdateNamespacePropertiesRequest,
};
use reqwest::Method;

use super::answers::{NamespaceAnswer, NamespacePage, TablePage};
use super::call::{Answer, Call};
use super::connection::Connection;
use super::tables::{TableAnswer, Tables};
use crate::catalog::CatalogOptions;
use crate::error::{Error, ErrorKind, Result, iceberg_error};

/// The property by which a new table's format version is told.
const FORMAT_VERSION: &str = "format-version";

const HEAD_NAMESPACE: &str = "HEAD /v1/{prefix}/namespaces/{namespace}";
const HEAD_TABLE: &str = "HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}";

/// A REST catalog. Neither its debug output nor that of its tables shows a credential.
///
/// A change whose answer is lost is not repeated: the error says that its outcome is unknown
/// ([`ErrorKind::OutcomeUnknown`]). Of a commit the table is asked whether it has the new snapshot.
pub(crate) struct RestCatalog {
    pub(super) connection: Arc<Connection>,
    pub(super) tables: Tables,
}

impl RestCatalog {
    /// Connects, and asks for the namespaces once to see that it is a catalog.
    pub(crate) async fn connect(options: &CatalogOptions) -> Result<Self> {
        let connection = Arc::new(Connection::open(options).await?);
        // Properties of a `FileIO` are shown in debug output, and the address may have a password.
        let mut hasher = DefaultHasher::new();
        connection.address().hash(&mut hasher);
        let identity = format!("{}@{:016x}", options.name, hasher.finish());
        Ok(Self {
            tables: Tables::new(Arc::clone(&connection), identity),
            connection,
        })
    }

    fn missing_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Error {
        let text = format!(
            "namespace '{namespace}' does not exist in catalog '{}'",
            self.connection.name()
        );
        let error = Error::new(ErrorKind::NotFound, text);
        iceberg_error(iceberg::ErrorKind::NamespaceNotFound, error)
    }

    pub(super) fn missing_table(&self, table: &TableIdent) -> iceberg::Error {
        let error = self.connection.missing_table(table);
        iceberg_error(iceberg::ErrorKind::TableNotFound, error)
    }

    fn existing(&self, what: &str, kind: iceberg::ErrorKind) -> iceberg::Error {
        let text = format!("{what} exists already");
        iceberg_error(kind, Error::new(ErrorKind::AlreadyExists, text))
    }

    /// The table in the answer to a call that makes one.
    fn made(&self, table: &TableIdent, call: &Call, answer: &Answer) -> iceberg::Result<Table> {
        let made: TableAnswer = self.connection.read(call, answer)?;
        self.tables.table(table, made.try_into()?)
    }

    async fn delete_table(&self, table: &TableIdent, purge: bool) -> iceberg::Result<()> {
        let url = self.connection.paths.table(table)?;
        let mut call = Call::new(Method::DELETE, url, format!("drop table '{table}'"));
        if purge {
            call = call.with_query("purgeRequested", "true");
        }
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 202 | 204 => Ok(()),
            404 => Err(self.missing_table(table)),
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }
}

impl fmt::Debug for RestCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestCatalog")
            .field("name", &self.connection.name())
            .field("uri", &self.connection.shown())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Catalog for RestCatalog {
    async fn list_namespaces(
        &self,
        parent: Option<&NamespaceIdent>,
    ) -> iceberg::Result<Vec<NamespaceIdent>> {
        let url = self.connection.paths.namespaces();
        let call = match parent {
            None => Call::get(url, "list the namespaces"),
            Some(parent) => Call::get(url, format!("list the namespaces of '{parent}'"))
                .with_query("parent", self.connection.paths.parent(parent)),
        };
        let pages = self.connection.pages::<NamespacePage>(call).await;
        match (pages, parent) {
            (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
                Err(self.missing_namespace(parent))
            }
            (pages, _) => Ok(pages?
                .into_iter()
                .flat_map(|page| page.namespaces)
                .collect()),
        }
    }

    async fn create_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<Namespace> {
        let body = CreateNamespaceRequest {
            namespace: namespace.clone(),
            properties,
        };
        let doing = format!("create namespace '{namespace}'");
        let call = Call::post(self.connection.paths.namespaces(), doing, &body)?;
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 201 => {
                let made: NamespaceAnswer = self.connection.read(&call, &answer)?;
                Ok(made.into())
            }
            409 => {
                let kind = iceberg::ErrorKind::NamespaceAlreadyExists;
                Err(self.existing(&format!("namespace '{namespace}'"), kind))
            }
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn get_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<Namespace> {
        let url = self.connection.paths.namespace(namespace)?;
        let call = Call::get(url, format!("read namespace '{namespace}'"));
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 => {
                let found: NamespaceAnswer = self.connection.read(&call, &answer)?;
                Ok(found.into())
            }
            404 => Err(self.missing_namespace(namespace)),
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn namespace_exists(&self, namespace: &NamespaceIdent) -> iceberg::Result<bool> {
        let url = self.connection.paths.namespace(namespace)?;
        let doing = format!("look for namespace '{namespace}'");
        Ok(self.connection.exists(url, HEAD_NAMESPACE, doing).await?)
    }

    async fn update_namespace(
        &self,
        namespace: &NamespaceIdent,
        properties: HashMap<String, String>,
    ) -> iceberg::Result<()> {
        let before = self.get_namespace(namespace).await?;
        let removals = before.properties().keys();
        let removals: Vec<String> = removals
            .filter(|key| !properties.contains_key(*key))
            .cloned()
            .collect();
        let body = UpdateNamespacePropertiesRequest {
            removals: (!removals.is_empty()).then_some(removals),
            updates: properties,
        };
        let url = format!("{}/properties", self.connection.paths.namespace(namespace)?);
        let call = Call::post(url, format!("change namespace '{namespace}'"), &body)?;
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 204 => Ok(()),
            404 => Err(self.missing_namespace(namespace)),
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn drop_namespace(&self, namespace: &NamespaceIdent) -> iceberg::Result<()> {
        let url = self.connection.paths.namespace(namespace)?;
        let doing = format!("drop namespace '{namespace}'");
        let call = Call::new(Method::DELETE, url, doing);
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 204 => Ok(()),
            404 => Err(self.missing_namespace(namespace)),
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> iceberg::Result<Vec<TableIdent>> {
        let url = self.connection.paths.tables(namespace)?;
        let call = Call::get(url, format!("list the tables of '{namespace}'"));
        match self.connection.pages::<TablePage>(call).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(self.missing_namespace(namespace))
            }
            pages => Ok(pages?
                .into_iter()
                .flat_map(|page| page.identifiers)
                .collect()),
        }
    }

    async fn create_table(
        &self,
        namespace: &NamespaceIdent,
        creation: TableCreation,
    ) -> iceberg::Result<Table> {
        let table = TableIdent::new(namespace.clone(), creation.name.clone());
        let mut properties = creation.properties;
        properties
            .entry(FORMAT_VERSION.to_string())
            .or_insert_with(|| (creation.format_version as u8).to_string());
        let body = CreateTableRequest {
            name: creation.name,
            location: creation.location,
            schema: creation.schema,
            partition_spec: creation.partition_spec,
            write_order: creation.sort_order,
            stage_create: Some(false),
            properties,
        };
        let url = self.connection.paths.tables(namespace)?;
        let call = Call::post(url, format!("create table '{table}'"), &body)?;
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 201 => self.made(&table, &call, &answer),
            404 => Err(self.missing_namespace(namespace)),
            409 => {
                let kind = iceberg::ErrorKind::TableAlreadyExists;
                Err(self.existing(&format!("table '{table}'"), kind))
            }
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn load_table(&self, table: &TableIdent) -> iceberg::Result<Table> {
        let loaded = self.connection.load(table).await?;
        self.tables.table(table, loaded)
    }

    async fn drop_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        self.delete_table(table, false).await
    }

    async fn purge_table(&self, table: &TableIdent) -> iceberg::Result<()> {
        self.delete_table(table, true).await
    }

    async fn table_exists(&self, table: &TableIdent) -> iceberg::Result<bool> {
        let url = self.connection.paths.table(table)?;
        let doing = format!("look for table '{table}'");
        Ok(self.connection.exists(url, HEAD_TABLE, doing).await?)
    }

    async fn rename_table(&self, src: &TableIdent, dest: &TableIdent) -> iceberg::Result<()> {
        let body = RenameTableRequest {
            source: src.clone(),
            destination: dest.clone(),
        };
        let doing = format!("rename table '{src}' to '{dest}'");
        let call = Call::post(self.connection.paths.rename(), doing, &body)?;
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 204 => Ok(()),
            404 => Err(self.missing_table(src)),
            409 => {
                let kind = iceberg::ErrorKind::TableAlreadyExists;
                Err(self.existing(&format!("table '{dest}'"), kind))
            }
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn register_table(
        &self,
        table: &TableIdent,
        metadata_location: String,
    ) -> iceberg::Result<Table> {
        let body = RegisterTableRequest {
            name: table.name.clone(),
            metadata_location,
            overwrite: Some(false),
        };
        let url = self.connection.paths.register(table.namespace())?;
        let call = Call::post(url, format!("register table '{table}'"), &body)?;
        let answer = self.connection.send(&call).await?;
        match answer.status.as_u16() {
            200 | 201 => self.made(table, &call, &answer),
            404 => Err(self.missing_namespace(table.namespace())),
            409 => {
                let kind = iceberg::ErrorKind::TableAlreadyExists;
                Err(self.existing(&format!("table '{table}'"), kind))
            }
            _ => Err(self.connection.refused(&call, &answer).into()),
        }
    }

    async fn update_table(&self, mut commit: TableCommit) -> iceberg::Result<Table> {
        let table = commit.identifier().clone();
        let (requirements, updates) = (commit.take_requirements(), commit.take_updates());
        let snapshot = updates.iter().find_map(|update| match update {
            TableUpdate::AddSnapshot { snapshot } => Some(snapshot.snapshot_id()),
            _ => None,
        });
        let body = CommitTableRequest {
            identifier: Some(table.clone()),
            requirements,
            updates,
        };
        let url = self.connection.paths.table(&table)?;
        let call = Call::post(url, format!("commit to table '{table}'"), &body)?;
        self.commit(&call, &table, snapshot).await
    }
}
