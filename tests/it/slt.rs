// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The SQL tests: every `tests/slt/**/*.slt`, through `FeastContext::sql`.
//!
//! Each file has a session, a registry in memory and folders of its own (see [`crate::place`]), and
//! runs once for each setting of [`SETTINGS`]; `onlyif`/`skipif` know the settings by their labels.
//! Files with Iceberg tables run once more with every one of them read merge-on-read, without the
//! records that show plans or are about how tables are read.
//! Files in `tests/slt/bare` run in a plain DataFusion session that has only our table functions.
//! A file that begins with the lines `# registry PATH` and `# project NAME` keeps its definitions there.
//!
//! `FEAST_SLT=part` runs only the files with `part` in their path. `FEAST_SLT_COMPLETE=1` writes what
//! came out into the files, to be read before it is committed.

mod cells;
mod session;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqllogictest::{Runner, default_normalizer, default_validator, strict_column_validator};

use self::session::SltSession;
use crate::place::Place;
use crate::seeds::runtime;

/// How a file is run.
#[derive(Debug, Clone, Copy)]
struct Setting {
    label: &'static str,
    partitions: usize,
    batch_size: usize,
    /// Whether Iceberg tables are read as if all of their files had deletes.
    merged: bool,
}

const SETTINGS: [Setting; 3] = [
    Setting {
        label: "one_partition",
        partitions: 1,
        batch_size: 8192,
        merged: false,
    },
    Setting {
        label: "four_partitions",
        partitions: 4,
        batch_size: 3,
        merged: false,
    },
    Setting {
        label: "merge_on_read",
        partitions: 2,
        batch_size: 8192,
        merged: true,
    },
];

impl Setting {
    /// Whether a file with this text runs in the setting.
    fn takes(self, file: &Path, text: &str) -> bool {
        let reads_tables = text.contains("STORED AS ICEBERG") || text.contains("iceberg_scan(");
        !self.merged || (reads_tables && !is_bare(file))
    }

    /// Whether a record of a file runs in the setting.
    fn runs<C: sqllogictest::ColumnType>(self, record: &sqllogictest::Record<C>) -> bool {
        use sqllogictest::Record::{Query, Statement};
        let (Statement { sql, .. } | Query { sql, .. }) = record else {
            return true;
        };
        !self.merged || !(sql.contains("EXPLAIN") || sql.contains("iceberg.scan"))
    }
}

/// Whether a file runs in a plain session with only our table functions.
fn is_bare(file: &Path) -> bool {
    file.parent().is_some_and(|folder| folder.ends_with("bare"))
}

#[test]
fn slt() {
    let runtime = runtime();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let wanted = std::env::var("FEAST_SLT").unwrap_or_default();
    let mut files = files_below(&folder);
    files.retain(|file| file.to_string_lossy().contains(&wanted));
    assert!(!files.is_empty(), "there are no files to run");
    let complete = std::env::var_os("FEAST_SLT_COMPLETE").is_some();
    let mut failures = String::new();
    let mut merged = 0;
    for file in &files {
        if complete {
            runtime.block_on(write_output(file, SETTINGS[0]));
        }
        let text = std::fs::read_to_string(file).unwrap();
        for setting in SETTINGS.into_iter().filter(|s| s.takes(file, &text)) {
            merged += usize::from(setting.merged);
            if let Err(failure) = runtime.block_on(run(file, setting)) {
                writeln!(failures, "with {}: {failure}\n", setting.label).unwrap();
            }
        }
    }
    println!("{} files, {merged} also merge-on-read", files.len());
    assert!(failures.is_empty(), "\n{failures}");
}

/// Every test file in a folder and the folders in it, sorted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "slt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs all records of a file and tells every one that failed.
async fn run(file: &Path, setting: Setting) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let place = Arc::new(Place::of(&text));
    let records = sqllogictest::parse_file(file).map_err(|error| error.to_string())?;
    let mut runner =
        Runner::new(async || SltSession::open(file, &text, Arc::clone(&place), setting).await);
    prepare(&mut runner, &place, setting);
    let mut failures = Vec::new();
    for record in records.into_iter().filter(|record| setting.runs(record)) {
        if matches!(record, sqllogictest::Record::Halt { .. }) {
            break;
        }
        if let Err(failure) = Box::pin(runner.run_async(record)).await {
            failures.push(failure.display(false).to_string());
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures.join("\n\n"))
    }
}

async fn write_output(file: &Path, setting: Setting) {
    let text = std::fs::read_to_string(file).unwrap();
    let place = Arc::new(Place::of(&text));
    let mut runner =
        Runner::new(async || SltSession::open(file, &text, Arc::clone(&place), setting).await);
    prepare(&mut runner, &place, setting);
    let written = runner.update_test_file(
        file,
        " ",
        default_validator,
        default_normalizer,
        strict_column_validator,
    );
    Box::pin(written).await.unwrap();
}

fn prepare<M>(runner: &mut Runner<SltSession, M>, place: &Place, setting: Setting)
where
    M: sqllogictest::MakeConnection<Conn = SltSession>,
{
    runner.with_column_validator(strict_column_validator);
    runner.with_hash_threshold(0);
    runner.add_label(setting.label);
    // For commands, which the runner substitutes itself after `control substitution on`.
    for (name, value) in place.names() {
        let name = name.trim_start_matches("${").trim_end_matches('}');
        runner.set_var(name.to_owned(), value.to_owned());
    }
}
