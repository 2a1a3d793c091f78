// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `registry`: where a repository keeps its definitions.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::keys::Keys;
use crate::error::{Error, ErrorKind, Result};
use crate::secrets::without_secrets;

/// Where a repository keeps its definitions.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryLocation {
    /// A file of Feast's registry format.
    File(PathBuf),
    /// The same file at an object-store URL, such as `s3://bucket/registry.db`.
    Url(String),
    /// A SQLite database with the tables of Feast's SQL registry.
    Sqlite(PathBuf),
}

impl fmt::Debug for RegistryLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url(url) => f.debug_tuple("Url").field(&without_secrets(url)).finish(),
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
        }
    }
}

impl RegistryLocation {
    /// Reads `--registry` or the path of a file registry: a path, `file://…`, or an object-store
    /// URL. A relative path is one of `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Self> {
        match text.split_once("://") {
            Some(("file", path)) => Ok(Self::File(dir.join(path))),
            Some((scheme, _)) if !scheme.contains('/') => match scheme.split('+').next() {
                Some("s3" | "s3a" | "gs" | "az" | "abfs" | "abfss") => {
                    Ok(Self::Url(text.to_owned()))
                }
                Some("sqlite") => Self::database(text, dir),
                _ => Err(Error::unsupported(format!(
                    "a registry in {scheme}:// cannot be read; expected a file, an s3://, gs:// \
                     or az:// URL, or sqlite:///file of Feast's SQL registry"
                ))),
            },
            _ => Ok(Self::File(dir.join(text))),
        }
    }

    pub(super) fn read(value: Option<&Value>, dir: &Path) -> Result<Self> {
        let keys = match value {
            Some(Value::String(path)) => return Self::parse(path, dir),
            Some(Value::Object(map)) => Keys::new("registry", map.clone()),
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidDefinition,
                    "registry is not given; expected a path such as data/registry.db, or \
                     {registry_type: sql, path: sqlite:///registry.sqlite}",
                ));
            }
        };
        let kind = keys.text("registry_type")?;
        let kind = kind.as_deref().unwrap_or("file");
        let path = keys.text("path")?.unwrap_or_default();
        match kind {
            "file" | "sql" if path.is_empty() => Err(keys.wrong("path", "where the registry is")),
            "file" => {
                let class = keys.text("registry_store_type")?;
                match class.as_deref().and_then(|class| class.rsplit('.').next()) {
                    None | Some("FileRegistryStore" | "LocalRegistryStore") => {}
                    Some("S3RegistryStore" | "GCSRegistryStore" | "AzureRegistryStore") => {}
                    Some(class) => {
                        return Err(Error::unsupported(format!(
                            "registry.registry_store_type {class} is Python code, which cannot \
                             run here; keep the registry in a file, an object store or SQLite"
                        )));
                    }
                }
                Self::parse(&path, dir)
            }
            "sql" => Self::database(&path, dir),
            "remote" => Err(Error::unsupported(
                "registry.registry_type 'remote' is a server of Feast's, which cannot be asked \
                 here; name the registry that the server itself uses",
            )),
            other => Err(Error::unsupported(format!(
                "registry.registry_type '{other}' cannot be read here; expected file or sql \
                 (SQLite)"
            ))),
        }
    }

    /// SQLAlchemy's form: `sqlite:///relative` or `sqlite:////absolute`.
    fn database(url: &str, dir: &Path) -> Result<Self> {
        let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
        let dialect = scheme.split('+').next().unwrap_or(scheme);
        if dialect != "sqlite" {
            return Err(Error::unsupported(format!(
                "an SQL registry in {dialect} cannot be read by this version; expected SQLite, \
                 such as sqlite:///registry.sqlite"
            )));
        }
        let path = rest.strip_prefix("///").unwrap_or_default();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path.is_empty() || path.contains(":memory:") {
            return Err(Error::invalid(
                "the address of the SQL registry names no file; expected sqlite:///relative/path \
                 or sqlite:////absolute/path",
            ));
        }
        Ok(Self::Sqlite(
            dir.join(path.strip_prefix("file:").unwrap_or(path)),
        ))
    }
}
