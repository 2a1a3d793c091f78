// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which spellings of a location are the same file.

use crate::storage::split_scheme;

/// A text that is equal for every spelling of one file's location. Writers of one table name the
/// same store in several ways (`s3a://` and `s3://`, `file:/`, `file:///` and a bare path, `hdfs`
/// with and without its name node); a delete that is compared byte by byte would be lost.
pub(crate) fn same_file_key(location: &str) -> String {
    let Some((scheme, rest)) = split_scheme(location) else {
        return local_key(location);
    };
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "file" => local_key(without_authority(rest)),
        // Another file system than that of a bare path, and its name node may be left out.
        "hdfs" | "viewfs" => format!("{scheme}:{}", local_key(without_authority(rest))),
        "s3" | "s3a" | "s3n" => format!("s3:{rest}"),
        "gs" | "gcs" => format!("gs:{rest}"),
        "abfs" | "abfss" | "wasb" | "wasbs" => azure_key(rest),
        _ => format!("{scheme}:{rest}"),
    }
}

/// `//host/path` without its host.
fn without_authority(rest: &str) -> &str {
    match rest.strip_prefix("//") {
        Some(after) => after.find('/').map_or("", |slash| &after[slash..]),
        None => rest,
    }
}

/// A path of a file system, where empty segments mean nothing.
fn local_key(path: &str) -> String {
    let mut key = String::with_capacity(path.len());
    for segment in path.split('/').filter(|s| !s.is_empty() && *s != ".") {
        key.push('/');
        key.push_str(segment);
    }
    key
}

/// `//container@account.kind.host/key`, whatever the kind of endpoint.
fn azure_key(rest: &str) -> String {
    let after = rest.strip_prefix("//").unwrap_or(rest);
    let (authority, key) = after.split_once('/').unwrap_or((after, ""));
    match authority.split_once('@') {
        Some((container, host)) => {
            let account = host.split('.').next().unwrap_or(host);
            format!("az://{container}@{account}/{key}")
        }
        None => format!("az://{authority}/{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::same_file_key;

    #[test]
    fn spellings_of_one_file_are_equal() {
        for same in [
            &["s3://b/t/f", "s3a://b/t/f", "s3n://b/t/f", "S3://b/t/f"][..],
            &[
                "/t/f",
                "file:/t/f",
                "file:///t/f",
                "file://localhost/t/f",
                "//t//f",
            ],
            &["hdfs://node:8020/t/f", "hdfs:/t/f", "hdfs:///t/f"],
            &["gs://b/f", "gcs://b/f"],
            &[
                "abfss://c@a.dfs.core.windows.net/f",
                "abfs://c@a.dfs.core.windows.net/f",
                "wasbs://c@a.blob.core.windows.net/f",
            ],
            &["data/t/f", "./data/t/f"],
        ] {
            for location in same {
                assert_eq!(
                    same_file_key(location),
                    same_file_key(same[0]),
                    "{location}"
                );
            }
        }
    }

    #[test]
    fn different_files_differ() {
        for (one, other) in [
            ("s3://b/f", "s3://c/f"),
            ("s3://b/f", "gs://b/f"),
            ("s3://b/a//f", "s3://b/a/f"),
            ("s3://b/a%20f", "s3://b/a f"),
            ("s3://b/F", "s3://b/f"),
            ("s3://b/f", "/b/f"),
            ("hdfs://b/f", "/f"),
            ("memory:/f", "/f"),
            ("abfs://c@a.x/f", "abfs://c@b.x/f"),
        ] {
            assert_ne!(same_file_key(one), same_file_key(other), "{one} {other}");
        }
    }
}
