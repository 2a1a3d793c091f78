// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables opened by their files, without a catalog.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::error::Result as DataFusionResult;
use iceberg::io::{FileIO, FileIOBuilder};
use iceberg::spec::TableMetadata;
use iceberg::table::Table;
use iceberg::{NamespaceIdent, Runtime, TableIdent};

use super::metadata_file::read_metadata;
use super::newest::{METADATA_FOLDER, is_metadata_file, newest};
use super::select::SnapshotSelector;
use super::table::IcebergTableProvider;
use crate::cache::IcebergCaches;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{
    CATALOG_PROPERTY, MovedPaths, MovedStorageFactory, ObjectStorageFactory, TableStorage,
    without_user_info,
};

/// The property of a moved table's `FileIO` that tells where its files are now.
const MOVED_TO_PROPERTY: &str = "feast.moved-to";
/// The property of a moved table's `FileIO` that tells how it was opened. It is no catalog's, since
/// files are not where their locations say.
const OPENED_PROPERTY: &str = "feast.opened";

/// How a table is opened by its files.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Which snapshot is read.
    pub at: SnapshotSelector,
    /// Whether the files may lie elsewhere than the metadata says, since somebody moved or copied
    /// the table: then what is recorded under the table's location is looked for where the
    /// metadata file was found.
    pub allow_moved_paths: bool,
    /// Whether there is a column `$path`: the data file that a row is in, as the metadata names it.
    pub path_column: bool,
    /// Storage properties such as `s3.endpoint`; those of the environment where there are none.
    pub properties: BTreeMap<String, String>,
    /// The connections to share; properties are put on top of its own.
    pub storage: ObjectStorageFactory,
    /// Where immutable files are kept.
    pub caches: Arc<IcebergCaches>,
}

impl fmt::Debug for OpenOptions {
    /// Values of properties may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("at", &self.at)
            .field("allow_moved_paths", &self.allow_moved_paths)
            .field("path_column", &self.path_column)
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

impl IcebergTableProvider {
    /// The table at `location`: a metadata file (plain or compressed by gzip), or a table's
    /// directory, of which the newest metadata file is read. No catalog is asked.
    pub async fn open(location: &str, options: OpenOptions) -> DataFusionResult<Self> {
        let shown = without_user_info(location);
        let OpenOptions {
            at,
            allow_moved_paths,
            path_column,
            properties,
            storage,
            caches,
        } = options;
        // Tells apart tables whose files are not read in the same way; properties may be secret.
        let mut hasher = DefaultHasher::new();
        properties.hash(&mut hasher);
        let identity = format!("path@{:016x}", hasher.finish());
        let storage = storage.overlaid(&properties);
        let file = match is_metadata_file(location) {
            true => location.to_string(),
            false => newest(&storage, location).await?,
        };
        let file_io = FileIOBuilder::new(Arc::new(storage.clone()))
            .with_prop(CATALOG_PROPERTY, &identity)
            .build();
        let metadata = read_metadata(&file_io, &file).await.map_err(|error| {
            let text = match file == location {
                true => format!("table '{shown}' cannot be read"),
                false => format!("table '{shown}': metadata file '{file}' cannot be read"),
            };
            Error::new(error.kind(), text).with_source(error)
        })?;
        let moved = MovedPaths::new(&file, &metadata);
        let file_io = match allow_moved_paths {
            true => FileIOBuilder::new(Arc::new(MovedStorageFactory::new(storage, &moved)))
                .with_prop(MOVED_TO_PROPERTY, moved.found())
                .with_prop(OPENED_PROPERTY, &identity)
                .build(),
            false => file_io,
        };
        let table = table(&shown, &file, metadata, file_io)?;
        let storage = Arc::new(TableStorage::for_table(&table).with_caches(caches));
        let opened = Self::named(&format!("'{shown}'"), table, storage, at)?;
        if !allow_moved_paths && moved.is_moved() {
            opened.check_files(&file).await?;
        }
        match path_column {
            true => opened.with_path_column(),
            false => Ok(opened),
        }
    }

    /// Says that the table was moved, if its files are not where the metadata says.
    async fn check_files(&self, file: &str) -> Result<()> {
        let Some(snapshot) = self.snapshot() else {
            return Ok(());
        };
        let list = snapshot.manifest_list();
        if !matches!(self.table().file_io().exists(list).await, Ok(true)) {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "table {}: the metadata file '{file}' says that the table is at '{}', where \
                     '{list}' cannot be read; if the table was moved or copied, open it with \
                     allow_moved_paths => true",
                    self.table_name(),
                    self.table().metadata().location()
                ),
            ));
        }
        Ok(())
    }
}

fn table(shown: &str, file: &str, metadata: TableMetadata, file_io: FileIO) -> Result<Table> {
    let mut names = shown
        .rsplit('/')
        .filter(|name| !name.is_empty() && !is_metadata_file(name) && *name != METADATA_FOLDER);
    let ident = TableIdent::new(
        NamespaceIdent::new("files".to_string()),
        names.next().unwrap_or("table").to_string(),
    );
    let table = Table::builder()
        .identifier(ident)
        .metadata(metadata)
        .metadata_location(file)
        .file_io(file_io)
        .readonly(true)
        .runtime(Runtime::try_current()?)
        .build();
    table.map_err(|error| Error::from(error).context(format!("table '{shown}'")))
}
