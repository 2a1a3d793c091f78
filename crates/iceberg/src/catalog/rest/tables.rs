// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables as a REST catalog gives them: metadata, and what their files are read with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use iceberg::io::FileIOBuilder;
use iceberg::spec::TableMetadata;
use iceberg::table::Table;
use iceberg::{Runtime, TableIdent};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::call::Call;
use super::connection::{Connection, properties};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::parse_metadata;
use crate::storage::{
    Access, CATALOG_PROPERTY, Clock, CredentialSet, CredentialSource, Credentials,
    ObjectStorageFactory, Properties, Vended,
};

/// A table as a REST catalog answers it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TableAnswer {
    metadata_location: Option<String>,
    /// Read like a metadata file, which the core crate alone does not read right.
    metadata: Value,
    config: Option<Map<String, Value>>,
    storage_credentials: Option<Vec<PrefixAnswer>>,
}

#[derive(Deserialize)]
struct PrefixAnswer {
    prefix: String,
    config: Option<Map<String, Value>>,
}

/// A table, and what the catalog gives for its files.
pub(super) struct Loaded {
    metadata_location: Option<String>,
    metadata: TableMetadata,
    given: CredentialSet,
    /// What is given for all files.
    config: Properties,
}

impl TryFrom<TableAnswer> for Loaded {
    type Error = Error;

    fn try_from(answer: TableAnswer) -> Result<Self> {
        // A table's own token and the like are of no use for its files.
        let of_files = |sent| {
            let sent: Properties = properties(sent);
            sent.filtered(|key| key == "expiration-time" || Properties::is_of_storage(key))
        };
        let config = of_files(answer.config);
        let prefixes = answer.storage_credentials.unwrap_or_default().into_iter();
        let prefixes = prefixes.map(|given| (given.prefix, of_files(given.config)));
        Ok(Self {
            metadata_location: answer.metadata_location,
            metadata: parse_metadata(answer.metadata.to_string().into())?,
            given: CredentialSet::new(config.clone(), prefixes.collect()),
            config,
        })
    }
}

impl Connection {
    /// Asks for the table.
    pub(super) async fn load(&self, table: &TableIdent) -> Result<Loaded> {
        let call = Call::get(self.paths.table(table)?, format!("load table '{table}'"));
        let answer = self.send(&call).await?;
        match answer.status.as_u16() {
            200 => {
                let answer = self.read::<TableAnswer>(&call, &answer)?;
                let loaded = Loaded::try_from(answer);
                loaded
                    .map_err(|e| e.context(format!("table '{table}' of catalog '{}'", self.name())))
            }
            404 => Err(self.missing_table(table)),
            _ => Err(self.refused(&call, &answer)),
        }
    }

    pub(super) fn missing_table(&self, table: &TableIdent) -> Error {
        let text = format!(
            "table '{table}' does not exist in catalog '{}'",
            self.name()
        );
        Error::new(ErrorKind::NotFound, text)
    }
}

/// Asks the catalog for a table again, for the credentials that come with it.
#[derive(Debug)]
struct TableCredentials {
    connection: Arc<Connection>,
    table: TableIdent,
    uuid: Uuid,
}

#[async_trait]
impl CredentialSource for TableCredentials {
    async fn load(&self) -> Result<CredentialSet> {
        let loaded = self.connection.load(&self.table).await?;
        if loaded.metadata.uuid() != self.uuid {
            let text = format!(
                "table '{}' was dropped and another one made under its name while it was read: \
                 run the statement again",
                self.table
            );
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        Ok(loaded.given)
    }
}

/// Above this many tables what is known of them is forgotten. Those in use live on.
const REMEMBERED: usize = 256;

/// Makes tables of what a catalog answers, on storages that share connections.
///
/// A table that is loaded anew brings new credentials for those who read it already, and reads
/// through the stores that are open for it.
#[derive(Debug)]
pub(super) struct Tables {
    connection: Arc<Connection>,
    factory: ObjectStorageFactory,
    /// Of which catalog a `FileIO` is, in words that may be shown.
    identity: String,
    known: Mutex<HashMap<(TableIdent, Uuid), Known>>,
}

/// What a table's files are read with.
#[derive(Debug, Clone)]
struct Known {
    access: Access,
    vended: Option<Arc<Vended>>,
}

impl Tables {
    pub(super) fn new(connection: Arc<Connection>, identity: String) -> Self {
        Self {
            connection,
            factory: ObjectStorageFactory::default(),
            identity,
            known: Mutex::default(),
        }
    }

    /// The table that the catalog has just answered.
    pub(super) fn table(&self, ident: &TableIdent, loaded: Loaded) -> iceberg::Result<Table> {
        self.check(ident, &loaded)?;
        let access = self.access(ident, &loaded);
        self.build(ident, loaded.metadata_location, loaded.metadata, access)
    }

    /// The table that a commit made, whose answer brings no credentials: those count that were
    /// given for the table when it was loaded.
    pub(super) async fn committed(
        &self,
        ident: &TableIdent,
        metadata_location: String,
        metadata: TableMetadata,
    ) -> iceberg::Result<Table> {
        let key = (ident.clone(), metadata.uuid());
        let access = self.known().get(&key).map(|known| known.access.clone());
        let access = match access {
            Some(access) => access,
            // The commit was made, whatever becomes of this question.
            None => match self.connection.load(ident).await {
                Ok(loaded) => self.access(ident, &loaded),
                Err(_) => Access::new(self.connection.properties.of_storage()),
            },
        };
        self.build(ident, Some(metadata_location), metadata, access)
    }

    fn build(
        &self,
        ident: &TableIdent,
        metadata_location: Option<String>,
        metadata: TableMetadata,
        access: Access,
    ) -> iceberg::Result<Table> {
        let file_io = FileIOBuilder::new(Arc::new(self.factory.with_access(access)))
            .with_prop(CATALOG_PROPERTY, &self.identity)
            .build();
        let mut builder = Table::builder()
            .identifier(ident.clone())
            .metadata(metadata)
            .file_io(file_io)
            .runtime(Runtime::try_current()?);
        if let Some(file) = metadata_location {
            builder = builder.metadata_location(file);
        }
        builder.build()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(TableIdent, Uuid), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the table's files are read with. Its readers share the credentials.
    fn access(&self, ident: &TableIdent, loaded: &Loaded) -> Access {
        let default = self.connection.properties.of_storage();
        let users = self.connection.users.of_storage();
        let uuid = loaded.metadata.uuid();
        let key = (ident.clone(), uuid);
        let mut all = self.known();
        let vended = loaded.given.has_credentials().then(|| {
            let given = loaded.given.clone();
            if let Some(vended) = all.get(&key).and_then(|known| known.vended.as_ref()) {
                vended.replace(given);
                return Arc::clone(vended);
            }
            let source = TableCredentials {
                connection: Arc::clone(&self.connection),
                table: ident.clone(),
                uuid,
            };
            let clock = Clock::of_machine();
            let name = ident.to_string();
            Arc::new(Vended::new(name, Arc::new(source), given, clock))
        });
        let access = match &vended {
            Some(vended) => Access::vended(default, users, Arc::clone(vended)),
            None => {
                let all = default.overlaid(loaded.config.iter());
                Access::new(all.overlaid(users.iter()))
            }
        };
        if all.len() >= REMEMBERED {
            all.clear();
        }
        let known = Known {
            access: access.clone(),
            vended,
        };
        all.insert(key, known);
        access
    }

    /// Refuses a table whose files only the catalog can ask for.
    fn check(&self, ident: &TableIdent, loaded: &Loaded) -> Result<()> {
        let asked = |of: &Properties| of.flag("s3.remote-signing-enabled");
        let config = &loaded.config;
        let signed = match asked(&self.connection.users)? {
            Some(said) => said,
            None => asked(config)?.or(asked(&self.connection.properties)?) == Some(true),
        };
        let keys = [config, &self.connection.properties, &self.connection.users];
        let has_keys = keys.iter().any(|of| of.have(Credentials::S3));
        if !signed || has_keys || loaded.given.has_credentials() {
            return Ok(());
        }
        let text = format!(
            "table '{ident}': catalog '{}' wants to sign each request to S3 itself \
             (remote signing), which is not supported: let it vend credentials, or give \
             's3.access-key-id' and 's3.secret-access-key'",
            self.connection.name()
        );
        Err(Error::new(ErrorKind::Unsupported, text))
    }
}
