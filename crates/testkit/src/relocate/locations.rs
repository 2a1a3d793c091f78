// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors
//! Which recorded location became which.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::{at, read_json};

/// The old locations of a fixture, longest first, and what replaces each.
pub(super) struct Locations {
    prefixes: Vec<Prefix>,
    /// The copied Parquet files by name, and the location of each, where the name is of one alone.
    named: HashMap<String, (String, PathBuf)>,
}

struct Prefix {
    old: String,
    new: String,
    folder: PathBuf,
}

/// Where something recorded under an old location is now.
pub(super) struct Place {
    /// The location to record.
    pub(super) location: String,
    /// The copied file.
    pub(super) file: PathBuf,
}

impl Locations {
    /// Reads the `location` of every table. When it ends with the table's folder inside the fixture,
    /// the fixture's own root follows from it, and with it every other location.
    pub(super) fn discover(dest: &Path, new_root: &str, metadata: &[&PathBuf]) -> io::Result<Self> {
        let new_root = new_root.trim_end_matches('/');
        let mut found = Self {
            prefixes: Vec::new(),
            named: HashMap::new(),
        };
        for file in metadata {
            let json = read_json(file)?;
            let location = json["location"]
                .as_str()
                .ok_or_else(|| at(file, "expected a table location, found none"))?
                .trim_end_matches('/');
            let folder = file.parent().and_then(Path::parent).unwrap_or(dest);
            let inside = folder
                .strip_prefix(dest)
                .map_err(|e| at(file, e))?
                .to_string_lossy();
            match location
                .strip_suffix(inside.as_ref())
                .and_then(|root| root.strip_suffix('/'))
            {
                Some(root) if !inside.is_empty() => found.add(root, new_root, dest),
                _ if inside.is_empty() => found.add(location, new_root, dest),
                _ => found.add(location, &format!("{new_root}/{inside}"), folder),
            }
        }
        found
            .prefixes
            .sort_by_key(|prefix| std::cmp::Reverse(prefix.old.len()));
        Ok(found)
    }

    /// Adds a location in all its spellings: `file:/x` and `file:///x` are one place. The bare path
    /// `/x` stays a bare path.
    fn add(&mut self, old: &str, new: &str, folder: &Path) {
        let bare = new.strip_prefix("file://").unwrap_or(new);
        let spellings = match old.strip_prefix("file:") {
            Some(path) => {
                let path = path.trim_start_matches('/');
                vec![
                    (format!("file:/{path}"), new),
                    (format!("file:///{path}"), new),
                    (format!("/{path}"), bare),
                ]
            }
            None if old.starts_with('/') => {
                vec![(old.to_owned(), bare), (format!("file://{old}"), new)]
            }
            None => vec![(old.to_owned(), new)],
        };
        for (old, new) in spellings {
            if !self.prefixes.iter().any(|prefix| prefix.old == old) {
                self.prefixes.push(Prefix {
                    old,
                    new: new.to_owned(),
                    folder: folder.to_owned(),
                });
            }
        }
    }

    /// Remembers where Parquet files are: some tables name files outside of their own location.
    pub(super) fn remember(&mut self, dest: &Path, new_root: &str, files: &[PathBuf]) {
        let mut twice = HashSet::new();
        for file in files.iter().filter(|f| super::has_suffix(f, ".parquet")) {
            let (Some(name), Ok(inside)) = (file.file_name(), file.strip_prefix(dest)) else {
                continue;
            };
            let name = name.to_string_lossy().into_owned();
            let root = new_root.trim_end_matches('/');
            let location = format!("{root}/{}", inside.display());
            let place = (location, file.clone());
            if self.named.insert(name.clone(), place).is_some() {
                twice.insert(name);
            }
        }
        self.named.retain(|name, _| !twice.contains(name));
    }

    /// The new place of a file outside of every known location, by its name.
    pub(super) fn map_name(&self, recorded: &str) -> Option<Place> {
        let name = recorded.rsplit('/').next()?;
        let (location, file) = self.named.get(name)?;
        Some(Place {
            location: location.clone(),
            file: file.clone(),
        })
    }

    /// The new place of a recorded location, or `None` when it is below no known one.
    pub(super) fn map(&self, recorded: &str) -> Option<Place> {
        self.prefixes.iter().find_map(|prefix| {
            let rest = recorded.strip_prefix(&prefix.old)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
            let file = prefix.folder.join(rest.trim_start_matches('/'));
            Some(Place {
                location: format!("{}{rest}", prefix.new),
                file,
            })
        })
    }
}
