// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's FileSource: a Parquet file, a folder of them or a glob.
//!
//! The data files of an Iceberg table are Parquet too, but reading them as such brings rows back that were deleted, replaced or
//! never committed. Such a path is found out by the table's metadata and refused.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::datasource::listing::ListingTableUrl;
use feast_registry::{DataSource, FileSource};
use futures::{StreamExt, TryStreamExt};
use glob::{MatchOptions, Pattern};
use object_store::local::LocalFileSystem;
use object_store::path::{DELIMITER, Path};
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use crate::session::FeastScope;

/// How many files of a `metadata` folder are looked at.
const LOOKED_AT: usize = 1_000;

/// What a path names.
#[derive(Debug)]
struct Files {
    /// The file, or the folder that holds everything that is named.
    base: ListingTableUrl,
    /// What the paths below the folder look like.
    glob: Option<Pattern>,
}

impl FeastScope {
    /// The table of a file source. A relative path is one of the repository, if there is one.
    pub(in crate::session) async fn file_table(
        &self,
        source: &DataSource,
        file: &FileSource,
    ) -> Result<Arc<dyn TableProvider>> {
        let path = match self.repository() {
            Some(repository) => repository.config.resolve(&file.uri),
            None => file.uri.clone(),
        };
        let mut files = Files::parse(&path)?;
        let store = self.runtime().object_store(files.base.object_store())?;
        if files.is_file() && is_missing(store.as_ref(), &files.base).await {
            // A folder without the slash at its end; on a disk that is known already.
            files.base = ListingTableUrl::parse(format!("{path}/"))?;
        }
        let below = files.list(store.as_ref()).await?;
        let plain = &self.shared().plain_folders;
        if let Some(table) = files.iceberg_table(store.as_ref(), &below, plain).await {
            return plan_err!(
                "data source {} reads the data files of an Iceberg table at {table} as plain Parquet files, which would bring back \
                 rows that were deleted or replaced; use Feast's IcebergSource for it, or CREATE OR REPLACE FEATURE VIEW … FROM \
                 catalog.namespace.table",
                source.name
            );
        }
        let chosen = files.chosen(&below)?;
        self.path_tables().open_parquet(&path, chosen).await
    }
}

impl Files {
    fn parse(path: &str) -> Result<Self> {
        let is_glob = |segment: &str| segment.contains(['*', '?', '[']);
        let mut at = 0;
        for segment in path.split_inclusive(DELIMITER) {
            if is_glob(segment) && at > 0 {
                let glob = &path[at..];
                let Ok(pattern) = Pattern::new(glob) else {
                    return plan_err!(
                        "{path} is no path: expected a glob such as *.parquet at its end, found {glob}"
                    );
                };
                let base = ListingTableUrl::parse(&path[..at])?;
                return Ok(Self {
                    base,
                    glob: Some(pattern),
                });
            }
            at += segment.len();
        }
        if is_glob(path) {
            return Self::parse(&format!("./{path}"));
        }
        let base = ListingTableUrl::parse(path)?;
        Ok(Self { base, glob: None })
    }

    fn is_file(&self) -> bool {
        self.glob.is_none() && !self.base.is_collection()
    }

    /// Everything below the folder; the file itself where one is named.
    async fn list(&self, store: &dyn ObjectStore) -> Result<Vec<Path>> {
        if self.is_file() {
            return Ok(vec![self.base.prefix().clone()]);
        }
        let found = store.list(Some(self.base.prefix()));
        let mut found: Vec<Path> = found.map_ok(|object| object.location).try_collect().await?;
        found.sort();
        Ok(found)
    }

    /// The path of a file below the folder; hidden files, such as those that writers leave, are not named by anything.
    fn below<'a>(&self, file: &'a Path) -> Option<&'a str> {
        let below = file.as_ref().strip_prefix(self.base.prefix().as_ref())?;
        let below = below.trim_start_matches(DELIMITER);
        let hidden = |segment: &str| segment.starts_with(['_', '.']);
        (!below.split(DELIMITER).any(hidden)).then_some(below)
    }

    fn names(&self, file: &Path) -> bool {
        if self.is_file() {
            return true;
        }
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        match (&self.glob, self.below(file)) {
            (_, None) => false,
            (None, Some(below)) => below.to_ascii_lowercase().ends_with(".parquet"),
            (Some(glob), Some(below)) => glob.matches_with(below, options),
        }
    }

    /// The URLs of what is named.
    fn chosen(&self, below: &[Path]) -> Result<Vec<ListingTableUrl>> {
        if self.glob.is_none() {
            return Ok(vec![self.base.clone()]);
        }
        let root = self.base.object_store();
        let root = Url::parse(root.as_str());
        let root = root.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let files = below.iter().filter(|file| self.names(file));
        files
            .map(|file| {
                let mut url = root.clone();
                url.set_path(file.as_ref());
                ListingTableUrl::try_new(url, None)
            })
            .collect()
    }

    /// Where the Iceberg table is that owns a named file, if there is one.
    async fn iceberg_table(
        &self,
        store: &dyn ObjectStore,
        below: &[Path],
        plain: &PlainFolders,
    ) -> Option<String> {
        let inside: BTreeSet<&str> = below.iter().filter_map(table_of).collect();
        let owned = |file: &&Path| {
            self.names(file)
                && inside.iter().any(|table| {
                    let rest = file.as_ref().strip_prefix(table);
                    rest.is_some_and(|rest| table.is_empty() || rest.starts_with(DELIMITER))
                })
        };
        let root = self.base.object_store();
        let place = |table: &str| format!("{}{table}", root.as_str());
        if below.iter().any(|file| owned(&file)) {
            return inside.first().map(|table| place(table));
        }
        // Folders above the one that is listed.
        let mut folder = self.base.prefix().clone();
        if self.is_file() {
            folder = parent(&folder)?;
        }
        loop {
            let asked = place(folder.as_ref());
            if !plain.has(&asked) && !self.lacks_metadata(&folder) {
                if is_table(store, &folder).await {
                    return Some(asked);
                }
                if !self.is_local() {
                    plain.add(asked);
                }
            }
            folder = parent(&folder)?;
        }
    }

    fn is_local(&self) -> bool {
        self.base.scheme() == "file"
    }

    /// Whether it is known without listing that a folder on a disk is no table's.
    fn lacks_metadata(&self, folder: &Path) -> bool {
        let path = LocalFileSystem::new().path_to_filesystem(&folder.clone().join("metadata"));
        self.is_local() && path.is_ok_and(|path| !path.is_dir())
    }
}

/// The folders of object stores in which the session found no Iceberg table. Each statement would ask for each of them, a request
/// a time; on a disk that costs next to nothing, and nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct PlainFolders(Mutex<HashSet<String>>);

impl PlainFolders {
    fn has(&self, folder: &str) -> bool {
        let folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        folders.contains(folder)
    }

    fn add(&self, folder: String) {
        let mut folders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        folders.insert(folder);
    }
}

/// Whether a folder has the metadata of an Iceberg table. Who may not list it cannot be told.
async fn is_table(store: &dyn ObjectStore, folder: &Path) -> bool {
    let metadata = store.list(Some(&folder.clone().join("metadata")));
    let mut metadata = metadata.take(LOOKED_AT);
    while let Some(Ok(object)) = metadata.next().await {
        if table_of(&object.location) == Some(folder.as_ref()) {
            return true;
        }
    }
    false
}

/// Whether an object store has no object there.
async fn is_missing(store: &dyn ObjectStore, url: &ListingTableUrl) -> bool {
    url.scheme() != "file"
        && matches!(
            store.head(url.prefix()).await,
            Err(object_store::Error::NotFound { .. })
        )
}

/// The folder above; none above the topmost.
fn parent(folder: &Path) -> Option<Path> {
    let parts: Vec<_> = folder.parts().collect();
    let (_, above) = parts.split_last()?;
    Some(above.iter().cloned().collect())
}

/// The folder of the Iceberg table whose metadata a file is.
fn table_of(file: &Path) -> Option<&str> {
    let path = file.as_ref();
    let (folder, name) = path.rsplit_once(DELIMITER)?;
    let is_metadata = name.ends_with(".metadata.json")
        || name.ends_with(".metadata.json.gz")
        || name == "version-hint.text";
    if !is_metadata {
        return None;
    }
    match folder {
        "metadata" => Some(""),
        folder => folder.strip_suffix("/metadata"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_by_their_metadata() {
        for (file, expected) in [
            ("wh/t/metadata/00000-a.metadata.json", Some("wh/t")),
            ("wh/t/metadata/v1.gz.metadata.json", Some("wh/t")),
            ("metadata/v1.metadata.json", Some("")),
            ("wh/t/metadata/version-hint.text", Some("wh/t")),
            ("wh/t/metadata/a.avro", None),
            ("wh/t/data/a.metadata.json", None),
            ("wh/t/xmetadata/a.metadata.json", None),
        ] {
            assert_eq!(table_of(&Path::from(file)), expected, "{file}");
        }
    }

    #[test]
    fn paths_with_and_without_globs() {
        let files = Files::parse("/data/*.parquet").unwrap();
        assert_eq!(files.base.prefix().as_ref(), "data");
        assert!(files.names(&Path::from("data/a.parquet")));
        assert!(!files.names(&Path::from("data/b/a.parquet")));
        assert!(!files.names(&Path::from("data/_a.parquet")));
        let files = Files::parse("s3://bucket/data/*/a?.parquet").unwrap();
        assert_eq!(files.base.as_str(), "s3://bucket/data/");
        assert!(files.names(&Path::from("data/x/a1.parquet")));
        assert!(!files.names(&Path::from("data/x/y/a1.parquet")));
        assert!(Files::parse("s3://bucket/data/").unwrap().glob.is_none());
        assert!(Files::parse("data/a.parquet").unwrap().is_file());
        let files = Files::parse("*.parquet").unwrap();
        assert!(files.glob.is_some() && files.base.is_collection());
        assert!(Files::parse("/data/[.parquet").is_err());
    }

    #[test]
    fn folders_upwards() {
        let folder = Path::from("a/b");
        let above = parent(&folder).unwrap();
        assert_eq!(above.as_ref(), "a");
        assert_eq!(parent(&above).unwrap().as_ref(), "");
        assert_eq!(parent(&Path::default()), None);
    }
}
