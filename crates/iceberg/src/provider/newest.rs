// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which of the metadata files in a table's directory is the newest.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::ObjectStorageFactory;

/// Where Iceberg puts a table's metadata files.
pub(super) const METADATA_FOLDER: &str = "metadata";
/// The file in which Hadoop catalogs note a table's version.
const HINT: &str = "version-hint.text";
/// How the names of metadata files end, the longest first.
const ENDINGS: [&str; 4] = [
    ".gz.metadata.json",
    ".metadata.json.gz",
    ".metadata.json",
    ".json",
];

/// Whether `location` is a metadata file and no directory.
pub(super) fn is_metadata_file(location: &str) -> bool {
    location.ends_with(".json") || location.ends_with(".json.gz")
}

/// The newest metadata file of the table in the directory `location`.
pub(super) async fn newest(storage: &ObjectStorageFactory, location: &str) -> Result<String> {
    let directory = location.trim_end_matches('/');
    let directory = if directory.is_empty() { "/" } else { directory };
    let below = match directory {
        "/" => format!("/{METADATA_FOLDER}"),
        _ => format!("{directory}/{METADATA_FOLDER}"),
    };
    for folder in [below.as_str(), directory] {
        let names = storage.file_names(folder).await?;
        let hint = match names.iter().any(|name| name == HINT) {
            true => Some(storage.text(&format!("{folder}/{HINT}")).await?),
            false => None,
        };
        if let Some(found) = choose(folder, &names, hint.as_deref())? {
            return Ok(format!("{folder}/{found}"));
        }
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!(
            "'{location}' is no Iceberg table: expected a metadata file (….metadata.json) or a \
             directory with a folder '{METADATA_FOLDER}' that has one"
        ),
    ))
}

/// A metadata file's name in parts.
struct Named<'a> {
    name: &'a str,
    /// The name without its ending.
    stem: &'a str,
    /// `v3` and `00003-<uuid>` are version 3.
    version: Option<u64>,
}

fn named(name: &str) -> Option<Named<'_>> {
    let stem = ENDINGS.iter().find_map(|end| name.strip_suffix(end))?;
    let digits = stem.strip_prefix('v').unwrap_or(stem);
    let digits = digits.split('-').next().unwrap_or(digits);
    Some(Named {
        name,
        stem,
        version: digits.parse().ok(),
    })
}

/// The newest of the files in `folder`; None where no metadata file is.
fn choose<'a>(folder: &str, names: &'a [String], hint: Option<&str>) -> Result<Option<&'a str>> {
    let files: Vec<_> = names.iter().filter_map(|name| named(name)).collect();
    if let Some(hint) = hint.map(str::trim) {
        return hinted(folder, &files, hint).map(Some);
    }
    let newest = files.iter().map(|file| file.version).max();
    let of_newest = |file: &&Named<'_>| Some(file.version) == newest;
    let found: Vec<_> = files.iter().filter(of_newest).map(|f| f.name).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        several => Err(ambiguous(folder, several)),
    }
}

/// The version that the hint names, or the last one that was committed after it: a writer that
/// died between the commit and the hint leaves an old one.
fn hinted<'a>(folder: &str, files: &[Named<'a>], hint: &str) -> Result<&'a str> {
    let of_version = |version: u64| -> Vec<&'a str> {
        let of_version = files
            .iter()
            .filter(|file| file.version == Some(version) && file.stem.strip_prefix('v').is_some());
        of_version.map(|file| file.name).collect()
    };
    let mut found: Vec<&str> = match hint.parse::<u64>() {
        Ok(mut version) => {
            while let Some(next) = version
                .checked_add(1)
                .filter(|v| !of_version(*v).is_empty())
            {
                version = next;
            }
            let found = of_version(version);
            let by_number = |file: &&Named<'a>| file.version == Some(version);
            match found.is_empty() {
                true => files.iter().filter(by_number).map(|f| f.name).collect(),
                false => found,
            }
        }
        Err(_) => {
            let by_stem = |file: &&Named<'a>| file.stem == hint || file.name == hint;
            files.iter().filter(by_stem).map(|f| f.name).collect()
        }
    };
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(one), false) => {
            found.push(one);
            Err(ambiguous(folder, &found))
        }
        (None, _) => Err(Error::new(
            ErrorKind::Damaged,
            format!(
                "'{folder}/{HINT}' says that '{hint}' is the newest version, but there is no such \
                 metadata file: give the location of the metadata file to read"
            ),
        )),
    }
}

fn ambiguous(folder: &str, names: &[&str]) -> Error {
    let mut names = names.to_vec();
    names.sort_unstable();
    Error::new(
        ErrorKind::Invalid,
        format!(
            "'{folder}' has several metadata files that may be the newest: {}; give the location \
             of the one to read",
            names.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], hint: Option<&str>) -> Result<Option<String>> {
        let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
        Ok(choose("f", &names, hint)?.map(str::to_string))
    }

    #[test]
    fn the_highest_version_is_the_newest() {
        for (names, newest) in [
            (
                &["v2.metadata.json", "v10.metadata.json"][..],
                Some("v10.metadata.json"),
            ),
            (
                &[
                    "00009-x.metadata.json",
                    "00010-a.gz.metadata.json",
                    "snap-1.avro",
                ],
                Some("00010-a.gz.metadata.json"),
            ),
            (&["v1.metadata.json.gz"], Some("v1.metadata.json.gz")),
            (&["only.metadata.json"], Some("only.metadata.json")),
            (&["a.avro"], None),
        ] {
            assert_eq!(chosen(names, None).unwrap().as_deref(), newest, "{names:?}");
        }
    }

    #[test]
    fn two_of_one_version_are_told() {
        let names = ["00003-b.metadata.json", "00003-a.metadata.json"];
        let error = chosen(&names, None).unwrap_err().to_string();
        assert!(
            error.contains("00003-a.metadata.json, 00003-b.metadata.json; give"),
            "{error}"
        );
    }

    #[test]
    fn a_hint_is_followed_and_commits_after_it_too() {
        let names = [
            "v1.metadata.json",
            "v2.gz.metadata.json",
            "v3.metadata.json",
            "v9.metadata.json",
        ];
        assert_eq!(
            chosen(&names, Some("2\n")).unwrap().unwrap(),
            "v3.metadata.json"
        );
        assert_eq!(
            chosen(&names, Some("9")).unwrap().unwrap(),
            "v9.metadata.json"
        );
        let error = chosen(&names, Some("5")).unwrap_err().to_string();
        assert!(error.contains("'5' is the newest version"), "{error}");
        let names = ["00001-a.metadata.json", "00002-b.metadata.json"];
        assert_eq!(chosen(&names, Some("00001-a")).unwrap().unwrap(), names[0]);
        assert_eq!(chosen(&names, Some("2")).unwrap().unwrap(), names[1]);
    }
}
