// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where a test file finds its input, and what it calls things that differ from run to run.
//!
//! | name | stands for |
//! |---|---|
//! | `${WORK_DIR}` | an empty folder of the file's own |
//! | `${LAKE}` | a copy of `tests/data/pyiceberg/v0_12`, and in namespace `spark` tables that Spark wrote |
//! | `${OLD_LAKE}` | a copy of `tests/data/pyiceberg/v0_10` |
//! | `${driver_stats@1}` | the id of the first snapshot of `features.driver_stats` in `${LAKE}`, and so on |
//! | `${driver_stats@1.time}` | the instant of that snapshot, with milliseconds |
//! | `${LOCKED}` | a copy of the same lake whose database another connection has locked |
//! | `${REGISTRIES}` | `crates/registry/tests/data`, copied |
//! | `${ROOT}` | this repository |

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};
use feast_testkit::lock::DatabaseLock;
use feast_testkit::relocate::{fixture, place, register_table};
use serde_json::Value as Json;
use tempfile::TempDir;

/// Tables of Spark that stand in namespace `spark` of `${LAKE}`.
const SPARK: [&str; 4] = [
    "spark_data_files_avro_orc_parquet",
    "spark_eqdel_v2",
    "spark_feature_events_mor",
    "spark_part_hour",
];

/// A folder with what a test file mentions, gone with this value.
pub(crate) struct Place {
    _folder: TempDir,
    /// Held as long as the folder.
    locks: Vec<DatabaseLock>,
    names: Vec<(String, String)>,
}

impl Place {
    /// Puts in place what `text` mentions.
    pub(crate) fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut place = Self {
            _folder: folder,
            locks: Vec::new(),
            names: Vec::new(),
        };
        place.folder("WORK_DIR", root.join("work"), |dir| {
            fs::create_dir(dir).unwrap()
        });
        let mentioned = |name: &str| {
            text.contains(&format!("${{{name}}}")) || text.contains(&format!("${name}"))
        };
        if mentioned("LAKE") {
            place.folder("LAKE", root.join("lake"), lake);
            let expected = json(&root.join("lake/expected.json"));
            for (table, known) in expected["tables"].as_object().unwrap() {
                place.snapshots(table.rsplit('.').next().unwrap(), known);
            }
            for table in SPARK {
                let known = json(&root.join("lake").join(table).join("expected.json"));
                place.snapshots(table, &known);
            }
        }
        if mentioned("OLD_LAKE") {
            place.folder("OLD_LAKE", root.join("old_lake"), |dir| {
                self::place(&fixture("pyiceberg/v0_10"), dir).unwrap();
            });
        }
        if mentioned("LOCKED") {
            place.folder("LOCKED", root.join("locked"), lake);
            let database = root.join("locked/catalog.db");
            place
                .locks
                .push(DatabaseLock::exclusive(&database).unwrap());
        }
        if mentioned("REGISTRIES") {
            place.folder("REGISTRIES", root.join("registries"), registries);
        }
        place
            .names
            .push(("${ROOT}".to_owned(), env!("CARGO_MANIFEST_DIR").to_owned()));
        place
    }

    fn folder(&mut self, name: &str, path: PathBuf, make: impl Fn(&Path)) {
        make(&path);
        self.names
            .push((format!("${{{name}}}"), path.display().to_string()));
    }

    fn snapshots(&mut self, table: &str, expected: &Json) {
        for (at, snapshot) in expected["snapshots"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let name = format!("{table}@{}", at + 1);
            if let Some(millis) = snapshot["timestamp_ms"].as_i64() {
                let time = DateTime::from_timestamp_millis(millis).unwrap();
                let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
                self.names.push((format!("${{{name}.time}}"), time));
            }
            self.names
                .push((format!("${{{name}}}"), snapshot["snapshot_id"].to_string()));
        }
    }

    /// The names and what they stand for.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.names
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `text` with every name replaced by what it stands for.
    pub(crate) fn expand(&self, text: &str) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
    }

    /// `text` with what names stand for replaced by the names. Plans show paths without the first `/`.
    pub(crate) fn conceal(&self, text: &str) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                let text = text.replace(value, name);
                match value.strip_prefix('/') {
                    Some(path) => text.replace(path, name),
                    None => text,
                }
            })
    }
}

fn json(file: &Path) -> Json {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn lake(dir: &Path) {
    place(&fixture("pyiceberg/v0_12"), dir).unwrap();
    for table in SPARK {
        let folder = dir.join(table);
        place(&fixture(&format!("tables/{table}")), &folder).unwrap();
        let expected = json(&folder.join("expected.json"));
        let metadata = folder
            .join("table")
            .join(expected["metadata_file"].as_str().unwrap());
        let location = format!("file://{}", metadata.display());
        register_table(&dir.join("catalog.db"), "spark", table, &location).unwrap();
    }
}

fn registries(dir: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/registry/tests/data");
    fs::create_dir(dir).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, dir.join(path.file_name().unwrap())).unwrap();
        }
    }
}
