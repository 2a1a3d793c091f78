// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The database file that an SQL catalog's URI names.

use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::storage::without_user_info;

/// The absolute path of the SQLite file that `uri` names: SQLAlchemy's forms
/// (`sqlite:///relative`, `sqlite:////absolute`), or a plain path.
pub(super) fn database_file(uri: &str) -> Result<PathBuf> {
    let path = match uri.split_once(':') {
        None => uri.to_string(),
        Some((scheme, rest)) => match dialect(scheme) {
            "sqlite" => sqlite_path(uri, rest)?,
            "file" => rest.strip_prefix("//").unwrap_or(rest).to_string(),
            dialect @ ("postgresql" | "postgres" | "mysql" | "mariadb" | "mssql" | "oracle") => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "uri '{}' names a {dialect} database: SQL catalogs of this version are \
                         SQLite files (sqlite:///file)",
                        without_user_info(uri)
                    ),
                ));
            }
            _ if rest.starts_with("//") => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "uri '{}' has the unknown scheme '{scheme}': expected \
                         sqlite:///relative/path, sqlite:////absolute/path or a path",
                        without_user_info(uri)
                    ),
                ));
            }
            _ => uri.to_string(),
        },
    };
    if path.is_empty() || path.contains(":memory:") {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("uri '{uri}' names no file: expected sqlite:///path/to/catalog.db"),
        ));
    }
    std::path::absolute(&path).map_err(|cause| {
        Error::new(ErrorKind::Invalid, format!("uri '{uri}' is no path")).with_source(cause)
    })
}

/// `sqlite` of `sqlite+pysqlite`.
fn dialect(scheme: &str) -> &str {
    scheme.split('+').next().unwrap_or(scheme)
}

fn sqlite_path(uri: &str, rest: &str) -> Result<String> {
    let Some(path) = rest.strip_prefix("///") else {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "uri '{uri}' is not an SQLite URI: expected three slashes before a relative \
                 path (sqlite:///catalog.db), four before an absolute one (sqlite:////dir/catalog.db)"
            ),
        ));
    };
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    Ok(path.strip_prefix("file:").unwrap_or(path).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlalchemys_forms() {
        let here = std::env::current_dir().unwrap();
        for (uri, file) in [
            ("sqlite:///c.db", here.join("c.db")),
            ("sqlite:///a/c.db", here.join("a/c.db")),
            ("sqlite:////a/c%20d.db", "/a/c%20d.db".into()),
            ("sqlite+pysqlite:////a/c.db", "/a/c.db".into()),
            ("sqlite:///file:/a/c.db?mode=ro&uri=true", "/a/c.db".into()),
            ("a/c.db", here.join("a/c.db")),
            ("/a/c:1.db", "/a/c:1.db".into()),
            ("file:///a/c.db", "/a/c.db".into()),
        ] {
            assert_eq!(database_file(uri).unwrap(), file, "{uri}");
        }
    }

    #[test]
    fn others_are_refused_by_name() {
        for (uri, what) in [
            (
                "postgresql+psycopg2://me:hush@h/d",
                "names a postgresql database",
            ),
            ("mysql://h/d", "names a mysql database"),
            ("redis://h/d", "unknown scheme 'redis'"),
            ("sqlite://c.db", "three slashes"),
            ("sqlite:///:memory:", "names no file"),
            ("sqlite:///", "names no file"),
        ] {
            let error = database_file(uri).unwrap_err().to_string();
            assert!(error.contains(what), "{uri}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
