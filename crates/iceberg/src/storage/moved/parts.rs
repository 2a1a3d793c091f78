// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Locations name by name, so that all spellings of one place are alike.

use crate::storage::location::split_scheme;

/// A location in names.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// What the names are below: `/` for a path of any file system, empty for a relative one, else
    /// scheme and bucket.
    pub(super) root: String,
    /// The names, each with where it ends in the location.
    pub(super) names: Vec<(&'a str, usize)>,
}

impl Parts<'_> {
    /// Whether both are the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let names = self.names.iter().map(|(name, _)| name);
        self.root == other.root && names.eq(other.names.iter().map(|(name, _)| name))
    }
}

/// `location` in names. `file:/x`, `file:///x`, `hdfs://host/x` and `/x` are alike, and so are
/// `s3a://b/x` and `s3://b/x`.
pub(super) fn parts(location: &str) -> Parts<'_> {
    let (root, start) = match split_scheme(location) {
        None => (
            if location.starts_with('/') { "/" } else { "" }.to_string(),
            0,
        ),
        Some((scheme, rest)) => {
            let path = scheme.len() + 1;
            let (authority, start) = match rest.strip_prefix("//") {
                Some(after) => {
                    let end = after.find('/').unwrap_or(after.len());
                    (&after[..end], path + 2 + end)
                }
                None => ("", path),
            };
            (root_of(&scheme.to_ascii_lowercase(), authority), start)
        }
    };
    let mut names = Vec::new();
    let mut end = start;
    for name in location[start..].split('/') {
        end += name.len();
        if !name.is_empty() && name != "." {
            names.push((name, end));
        }
        end += 1;
    }
    Parts { root, names }
}

fn root_of(scheme: &str, authority: &str) -> String {
    let scheme = match scheme {
        "file" | "hdfs" | "viewfs" | "webhdfs" => return "/".to_string(),
        "s3a" | "s3n" => "s3",
        "gcs" => "gs",
        "abfs" | "abfss" | "wasb" | "wasbs" => "abfss",
        other => other,
    };
    format!("{scheme}://{authority}")
}

/// What follows `prefix` in `location`, None if it does not lie there.
pub(super) fn below<'a>(location: &'a str, prefix: &str) -> Option<&'a str> {
    let (whole, prefix) = (parts(location), parts(prefix));
    let same = |(a, b): (&(&str, usize), &(&str, usize))| a.0 == b.0;
    let within = whole.root == prefix.root
        && whole.names.len() >= prefix.names.len()
        && whole.names.iter().zip(&prefix.names).all(same);
    if !within {
        return None;
    }
    let end = match prefix.names.len().checked_sub(1) {
        Some(last) => whole.names[last].1,
        None => whole
            .names
            .first()
            .map_or(location.len(), |(name, end)| end - name.len()),
    };
    Some(location[end..].trim_start_matches('/'))
}

/// The directory that a file or directory is in; empty for a bare name.
pub(super) fn parent(location: &str) -> &str {
    let trimmed = location.trim_end_matches('/');
    match trimmed.rfind('/') {
        Some(0) => "/",
        Some(at) => &trimmed[..at],
        None => "",
    }
}

/// The last name of a location.
pub(super) fn last(location: &str) -> &str {
    parts(location).names.last().map_or("", |(name, _)| name)
}

/// `rest` below `folder`.
pub(super) fn join(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", rest) => rest.to_string(),
        (folder, "") => folder.to_string(),
        (folder, rest) if folder.ends_with('/') => format!("{folder}{rest}"),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}

/// Two directories without the names at their ends that they have in common.
pub(super) fn without_common_end<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    let (mut one, mut other) = (one.trim_end_matches('/'), other.trim_end_matches('/'));
    while !last(one).is_empty() && last(one) == last(other) {
        (one, other) = (parent(one), parent(other));
    }
    (one, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_place_are_alike() {
        for (location, prefix, rest) in [
            ("file:/w/t/data/f", "file:///w/t", Some("data/f")),
            ("/w//t/data/f", "file:/w/t/", Some("data/f")),
            ("hdfs://nn:8020/w/t/f", "/w/t", Some("f")),
            ("/w/t/f", "hdfs://nn:8020/w/t", Some("f")),
            ("s3a://b/w/t/a//f", "s3://b/w/t", Some("a//f")),
            ("s3://other/w/t/f", "s3://b/w/t", None),
            ("/w/table/f", "/w/t", None),
            ("w/t/f", "w/t", Some("f")),
            ("w/t/f", "/w/t", None),
            ("/w/t", "/w/t", Some("")),
            ("s3://b/f", "s3://b", Some("f")),
            ("/f", "/", Some("f")),
        ] {
            assert_eq!(below(location, prefix), rest, "{location} below {prefix}");
        }
    }

    #[test]
    fn folders() {
        assert_eq!(parent("/w/t/metadata/v1.json"), "/w/t/metadata");
        assert_eq!(parent("/t"), "/");
        assert_eq!(parent("t"), "");
        assert_eq!(join("", "a/b"), "a/b");
        assert_eq!(join("/", "a/b"), "/a/b");
        assert_eq!(join("s3://b/t", "a"), "s3://b/t/a");
        assert_eq!(
            without_common_end("/new/wh/meta/t", "s3://b/wh/meta/t/"),
            ("/new", "s3://b")
        );
    }
}
