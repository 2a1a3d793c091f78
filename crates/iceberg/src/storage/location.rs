// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What an Iceberg location names: a store and a key in it.
//!
//! An Iceberg location is a raw string and not a URL: `a%3Db` is a directory of exactly that name,
//! and a `#` or `?` is part of the key. So nothing here decodes or encodes.

use object_store::path::{Path, PathPart};

use crate::error::{Error, ErrorKind, Result};

/// The store a location is in, before credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum StoreKey {
    /// The local file system.
    Local,
    /// Memory of this process, for tests.
    Memory,
    /// An S3 bucket.
    S3 { bucket: String },
    /// A Google Cloud Storage bucket.
    Gcs { bucket: String },
    /// A container of an Azure storage account.
    Azure {
        container: String,
        account: Option<String>,
    },
}

/// The store and key of `location`.
pub(super) fn parse(location: &str) -> Result<(StoreKey, Path)> {
    let Some((scheme, rest)) = split_scheme(location) else {
        return Ok((StoreKey::Local, local_path(location, location)?));
    };
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "file" => Ok((
            StoreKey::Local,
            local_path(location, file_path(location, rest)?)?,
        )),
        "memory" => {
            let key = rest.trim_start_matches('/');
            Ok((StoreKey::Memory, key_path(location, key)?))
        }
        "s3" | "s3a" | "s3n" => {
            let (bucket, key) = authority(location, rest)?;
            Ok((
                StoreKey::S3 {
                    bucket: bucket.into(),
                },
                key_path(location, key)?,
            ))
        }
        "gs" | "gcs" => {
            let (bucket, key) = authority(location, rest)?;
            Ok((
                StoreKey::Gcs {
                    bucket: bucket.into(),
                },
                key_path(location, key)?,
            ))
        }
        "abfs" | "abfss" | "wasb" | "wasbs" => {
            let (authority, key) = authority(location, rest)?;
            let (container, account) = match authority.split_once('@') {
                Some((container, host)) => (container, host.split('.').next().map(str::to_string)),
                None => (authority, None),
            };
            Ok((
                StoreKey::Azure {
                    container: container.into(),
                    account,
                },
                key_path(location, key)?,
            ))
        }
        _ => Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "location '{location}' has the scheme '{scheme}': expected a path, file, s3, \
                 s3a, s3n, gs, abfs, abfss, wasb, wasbs or memory"
            ),
        )),
    }
}

/// Splits `scheme:rest`. A single letter or anything else that is no scheme is part of a path.
pub(crate) fn split_scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let legal = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    legal.then_some((scheme, rest))
}

/// The path in `rest` of `file:rest`: `/x`, `///x` and `//localhost/x` are the same file.
fn file_path<'a>(location: &str, rest: &'a str) -> Result<&'a str> {
    let Some(after) = rest.strip_prefix("//") else {
        return Ok(rest);
    };
    let (host, path) = match after.find('/') {
        Some(at) => after.split_at(at),
        None => (after, ""),
    };
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        Ok(path)
    } else {
        Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "location '{location}' names the host '{host}': a local file is written \
                 file:///path with three slashes"
            ),
        ))
    }
}

/// A file path as a key under the root of the local file system.
fn local_path(location: &str, path: &str) -> Result<Path> {
    if path.is_empty() {
        return Err(no_path(location));
    }
    let absolute = std::path::absolute(path).map_err(|cause| {
        Error::new(
            ErrorKind::Invalid,
            format!("location '{location}' is no path"),
        )
        .with_source(cause)
    })?;
    let absolute = absolute.to_str().unwrap_or(path);
    let mut segments: Vec<&str> = Vec::new();
    for segment in absolute.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    key_path(location, &segments.join("/"))
}

/// `//authority/key` apart.
fn authority<'a>(location: &str, rest: &'a str) -> Result<(&'a str, &'a str)> {
    let after = rest.strip_prefix("//").unwrap_or_default();
    let (authority, key) = after.split_once('/').unwrap_or((after, ""));
    if authority.is_empty() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("location '{location}' names no bucket: expected scheme://bucket/path"),
        ));
    }
    Ok((authority, key))
}

/// A raw key as an object store's path: kept as it is, or refused where the store cannot name it.
fn key_path(location: &str, key: &str) -> Result<Path> {
    let unnamed = |reason: String| {
        Error::new(
            ErrorKind::Unsupported,
            format!("location '{location}' cannot be named in an object store: {reason}"),
        )
    };
    if !key.contains("//") && !key.starts_with('/') {
        return Path::parse(key).map_err(|cause| unnamed(cause.to_string()));
    }
    // A path with empty segments cannot be parsed, but put together.
    let mut path = Path::ROOT;
    for (at, segment) in key.split('/').enumerate() {
        let segment = PathPart::parse(segment).map_err(|cause| unnamed(cause.to_string()))?;
        if at == 0 && segment.as_ref().is_empty() {
            return Err(unnamed("its key begins with a slash".to_string()));
        }
        path = path.join(segment);
    }
    Ok(path)
}

fn no_path(location: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("location '{location}' has no path"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(location: &str) -> String {
        parse(location).unwrap().1.to_string()
    }

    #[test]
    fn local_spellings_are_one_file() {
        for location in [
            "/data/x/y",
            "file:/data/x/y",
            "file:///data/x/y",
            "file://localhost/data/x/y",
            "/data//x/./y",
        ] {
            assert_eq!(parse(location).unwrap().0, StoreKey::Local, "{location}");
            assert_eq!(key(location), "data/x/y", "{location}");
        }
    }

    #[test]
    fn a_relative_path_is_under_the_working_directory() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(
            format!("/{}", key("a/b")),
            here.join("a/b").to_str().unwrap()
        );
    }

    #[test]
    fn keys_are_raw_strings() {
        assert_eq!(
            key("s3://b/t/k=a%3Db/ü x#1?.parquet"),
            "t/k=a%3Db/ü x#1?.parquet"
        );
        assert_eq!(key("s3://b/w//t/%2F//f"), "w//t/%2F//f");
        assert_eq!(key("/w/k=a%2Fb/f.parquet"), "w/k=a%2Fb/f.parquet");
    }

    #[test]
    fn clouds() {
        let s3 = StoreKey::S3 { bucket: "b".into() };
        for location in ["s3://b/k", "s3a://b/k", "s3n://b/k"] {
            assert_eq!(parse(location).unwrap(), (s3.clone(), Path::from("k")));
        }
        assert_eq!(
            parse("gs://b/k").unwrap().0,
            StoreKey::Gcs { bucket: "b".into() }
        );
        assert_eq!(
            parse("abfss://c@acc.dfs.core.windows.net/k").unwrap().0,
            StoreKey::Azure {
                container: "c".into(),
                account: Some("acc".into())
            }
        );
    }

    #[test]
    fn refusals_name_the_location() {
        for location in [
            "hdfs://n/x",
            "file://host/x",
            "s3:///x",
            "s3://b//a",
            "s3://b/a/../b",
            "s3://b/a//../b",
            "file:",
            "",
        ] {
            let error = parse(location).unwrap_err().to_string();
            assert!(error.contains(&format!("'{location}'")), "{error}");
        }
    }
}
