// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which recorded location is where.

use iceberg::spec::TableMetadata;
use serde::{Deserialize, Serialize};

use super::parts::{Parts, below, join, last, parent, parts, without_common_end};
use crate::storage::location::split_scheme;

/// The folder for metadata files in a table's directory, unless a property says otherwise.
const METADATA: &str = "metadata";
/// The folder for data files.
const DATA: &str = "data";
/// The properties by which files lie outside of the table's directory.
const ELSEWHERE: [&str; 3] = [
    "write.data.path",
    "write.object-storage.path",
    "write.folder-storage.path",
];

/// Where the files of a table are whose metadata file was found somewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MovedPaths {
    /// The directory that the metadata file is in.
    metadata: String,
    /// The table's directory as it was found.
    found: String,
    /// The table's location as its metadata says.
    recorded: String,
    /// Locations outside of `recorded` that its files may have been under, and where these are
    /// now if they were moved along: to be tried in order.
    likely: Vec<(String, String)>,
}

impl MovedPaths {
    /// For the table whose metadata was found in `file`.
    pub(crate) fn new(file: &str, metadata: &TableMetadata) -> Self {
        let recorded = metadata.location().to_string();
        let folder = parent(file).to_string();
        let folders = metadata_folders(metadata);
        let relative = folders.first().and_then(|first| below(first, &recorded));
        let found = directory_of(&folder, relative.unwrap_or(METADATA)).to_string();
        let mut paths = Self {
            metadata: folder,
            found,
            recorded,
            likely: Vec::new(),
        };
        for older in &folders {
            paths.add(older, &paths.metadata.clone());
            if last(older) == METADATA {
                paths.add_older(parent(older));
            }
        }
        for key in ELSEWHERE {
            if let Some(folder) = metadata.properties().get(key) {
                for inside in [DATA, last(folder), ""] {
                    paths.add(folder, &join(&paths.found, inside));
                }
            }
        }
        // What lay beside the table may have been moved along with it.
        let (before, after) = without_common_end(&paths.recorded, &paths.found);
        let (before, after) = (before.to_string(), after.to_string());
        paths.add(&before, &after);
        paths
    }

    /// The table's directory as it was found.
    pub(crate) fn found(&self) -> &str {
        &self.found
    }

    /// The directory that the metadata file was found in.
    pub(super) fn metadata_folder(&self) -> &str {
        &self.metadata
    }

    /// Whether the table was found elsewhere than its metadata says.
    pub(crate) fn is_moved(&self) -> bool {
        let is_local = |location: &str| match split_scheme(location) {
            Some((scheme, _)) => scheme.eq_ignore_ascii_case("file"),
            None => true,
        };
        let elsewhere = is_local(&self.found) && !is_local(&self.recorded);
        let (found, recorded) = (parts(&self.found), parts(&self.recorded));
        elsewhere || !found.is_same(&recorded)
    }

    /// Where a file of the table's directory is now; None for files that were outside of it.
    pub(super) fn place(&self, location: &str) -> Option<String> {
        Some(join(&self.found, below(location, &self.recorded)?))
    }

    /// Where a file from outside of the table's directory may be now, the likeliest first.
    pub(super) fn guesses(&self, location: &str) -> impl Iterator<Item = String> {
        self.likely
            .iter()
            .filter_map(|(from, to)| Some(join(to, below(location, from)?)))
            .chain(self.taken_in(location))
    }

    /// Where a file from outside may be in the table's directory: below a folder that is called
    /// like one that it was in, or that with `ext_` before it.
    fn taken_in(&self, location: &str) -> impl Iterator<Item = String> {
        let Parts { names, .. } = parts(location);
        let folders = names.len().saturating_sub(1);
        let own = |name: &str| matches!(name, DATA | METADATA) || name.contains('=');
        let taken = (0..folders).rev().flat_map(move |at| {
            let (folder, end) = names[at];
            let rest = location[end..].trim_start_matches('/');
            let same = (!own(folder)).then(|| format!("{folder}/{rest}"));
            [Some(format!("ext_{folder}/{rest}")), same]
        });
        taken.flatten().map(|place| join(&self.found, &place))
    }

    /// Whether a recorded location is in the store in which the table was found, so that it is
    /// worth a look.
    pub(super) fn is_near(&self, location: &str) -> bool {
        parts(location).root == parts(&self.found).root
    }

    /// Adds where the table was once.
    pub(super) fn add_older(&mut self, location: &str) {
        let found = self.found.clone();
        self.add(location, &found);
    }

    fn add(&mut self, from: &str, to: &str) {
        let known = |(a, b): &(String, String)| a == from && b == to;
        if below(from, &self.recorded).is_none() && !self.likely.iter().any(known) {
            self.likely.push((from.to_string(), to.to_string()));
        }
    }
}

/// The directories that the metadata records its own files in, that of the current snapshot first.
fn metadata_folders(metadata: &TableMetadata) -> Vec<String> {
    let current = metadata.current_snapshot().into_iter();
    let lists = current.chain(metadata.snapshots());
    let lists = lists.map(|snapshot| snapshot.manifest_list());
    let log = metadata.metadata_log().iter().rev();
    let files = lists.chain(log.map(|entry| entry.metadata_file.as_str()));
    let mut folders: Vec<String> = Vec::new();
    for folder in files.filter(|file| file.contains('/')).map(parent) {
        if !folders.iter().any(|known| known == folder) {
            folders.push(folder.to_string());
        }
    }
    folders
}

/// The table's directory, of which `folder` is the part called `relative`. Where the names differ,
/// it is the directory that holds `folder` if that is called as Iceberg calls it, else `folder`.
fn directory_of<'a>(folder: &'a str, relative: &str) -> &'a str {
    let mut directory = folder;
    for (name, _) in parts(relative).names.iter().rev() {
        if last(directory) != *name {
            return match last(folder) {
                METADATA => parent(folder),
                _ => folder,
            };
        }
        directory = parent(directory);
    }
    directory
}
