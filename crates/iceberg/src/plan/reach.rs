// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which data files a delete file can reach, told by its column bounds and theirs.

use std::collections::HashMap;

use datafusion::common::ScalarValue;
use iceberg::spec::{DataFile, ManifestEntry, PrimitiveLiteral};

use super::bounds::bound_facts;
use super::facts::Nulls;
use super::manifests::DELETE_FILE_PATH;
use super::transforms::after_prefix;
use crate::deletes::same_file_key;
use crate::schema::{TableColumn, TableColumns};

/// The data files that a delete file can reach.
#[derive(Debug)]
pub(super) enum Reach {
    /// Nothing tells.
    Any,
    /// Those with a path in this range.
    Paths(PathRange),
    /// Those whose keys meet all of these ranges.
    Keys(Vec<KeyRange>),
}

/// Paths of one store, as [`same_file_key`] writes them.
#[derive(Debug)]
pub(super) struct PathRange {
    root: String,
    lower: String,
    upper: String,
}

/// The values of a column without NULL and NaN.
#[derive(Debug, PartialEq)]
pub(super) struct KeyRange {
    id: i32,
    min: ScalarValue,
    max: ScalarValue,
}

impl Reach {
    /// That of a position delete file, by the bounds of its paths.
    pub(super) fn of_positions(delete: &DataFile) -> Self {
        path_range(delete).map_or(Self::Any, Self::Paths)
    }

    /// That of an equality delete file, by the bounds of its keys.
    pub(super) fn of_keys(delete: &DataFile, columns: &KeyColumns<'_>) -> Self {
        let ids = delete.equality_ids().unwrap_or_default();
        let ranges: Vec<_> = ids
            .into_iter()
            .filter_map(|id| key_range(delete, columns.0.get(&id)?))
            .collect();
        if ranges.is_empty() {
            Self::Any
        } else {
            Self::Keys(ranges)
        }
    }
}

/// The columns of a read by their ids.
pub(super) struct KeyColumns<'a>(HashMap<i32, &'a TableColumn>);

impl<'a> KeyColumns<'a> {
    pub(super) fn new(columns: &'a TableColumns) -> Self {
        Self(columns.columns().iter().map(|c| (c.id, c)).collect())
    }
}

/// The data file that delete files are asked about. What is known about it is read when needed.
pub(super) struct Target<'a> {
    file: &'a DataFile,
    columns: &'a KeyColumns<'a>,
    path: Option<(String, String)>,
    keys: HashMap<i32, Option<KeyRange>>,
}

impl<'a> Target<'a> {
    pub(super) fn new(file: &'a DataFile, columns: &'a KeyColumns<'a>) -> Self {
        Self {
            file,
            columns,
            path: None,
            keys: HashMap::new(),
        }
    }

    /// Whether a delete file with this reach may delete rows of the file.
    pub(super) fn within(&mut self, reach: &Reach) -> bool {
        match reach {
            Reach::Any => true,
            Reach::Paths(range) => self.in_paths(range),
            Reach::Keys(ranges) => ranges.iter().all(|range| self.meets(range)),
        }
    }

    fn in_paths(&mut self, range: &PathRange) -> bool {
        let file = self.file.file_path();
        let (root, path) = self.path.get_or_insert_with(|| {
            let root = file.split_at(root_len(file)).0;
            (same_file_key(root), same_file_key(file))
        });
        *root != range.root || (*path >= range.lower && *path <= range.upper)
    }

    fn meets(&mut self, other: &KeyRange) -> bool {
        let (file, columns) = (self.file, self.columns);
        let range = self
            .keys
            .entry(other.id)
            .or_insert_with(|| key_range(file, columns.0.get(&other.id)?));
        match range {
            Some(range) => !(range.max < other.min || range.min > other.max),
            None => true,
        }
    }
}

/// The range of a column that has neither NULL nor NaN in the file.
fn key_range(file: &DataFile, column: &TableColumn) -> Option<KeyRange> {
    let facts = bound_facts(file, column);
    let (Nulls::Count(0), Some(min), Some(max)) = (facts.nulls, facts.min, facts.max) else {
        return None;
    };
    Some(KeyRange {
        id: column.id,
        min,
        max,
    })
}

/// The bounds of the paths, where they are of one store and written plainly.
fn path_range(delete: &DataFile) -> Option<PathRange> {
    let (lower, upper) = path_bounds(delete)?;
    let root = root_len(lower);
    let plain = |bound: &str| !bound[root..].contains("//") && !bound.contains("/./");
    if root == 0 || upper.get(..root) != lower.get(..root) || !plain(lower) || !plain(upper) {
        return None;
    }
    // The upper bound may be a cut one that nobody rounded up.
    let upper = after_prefix(&same_file_key(upper))?;
    let (root, lower) = (same_file_key(&lower[..root]), same_file_key(lower));
    Some(PathRange { root, lower, upper })
}

fn path_bounds(delete: &DataFile) -> Option<(&str, &str)> {
    let lower = delete.lower_bounds().get(&DELETE_FILE_PATH)?;
    let upper = delete.upper_bounds().get(&DELETE_FILE_PATH)?;
    match (lower.literal(), upper.literal()) {
        (PrimitiveLiteral::String(lower), PrimitiveLiteral::String(upper)) => Some((lower, upper)),
        _ => None,
    }
}

/// How much of a location names the store: `scheme://authority/`, or the first slash. 0 when the
/// location ends before.
fn root_len(location: &str) -> usize {
    let authority = location.find("://").map_or(0, |at| at + 3);
    location[authority..]
        .find('/')
        .map_or(0, |slash| authority + slash + 1)
}

/// What follows the store in a location.
pub(super) fn path_in_store(location: &str) -> &str {
    location[root_len(location)..].trim_start_matches('/')
}

/// The only data file that a delete file speaks of.
pub(super) fn only_target(delete: &ManifestEntry) -> Option<String> {
    let file = delete.data_file();
    if let Some(path) = file.referenced_data_file() {
        return Some(path);
    }
    // A cut bound does not end in a file's extension.
    let (lower, upper) = path_bounds(file)?;
    (lower == upper && lower.ends_with(".parquet")).then(|| lower.to_string())
}
