// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The ways to read a table.

use std::fmt;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion_feast::FeastContext;
use feast_iceberg::ErrorKind;
use feast_testkit::relocate::{fixture, place, register_table};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::iceberg::made::kind_of;

/// A SQLite catalog that relocated copies of tables are registered in.
pub(super) struct Lake {
    folder: TempDir,
}

impl Lake {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        place(&fixture("pyiceberg/v0_12"), &folder.path().join("lake")).unwrap();
        Self { folder }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("lake/catalog.db")
    }

    /// Copies a table's folder and registers the copy.
    pub(super) fn register(&self, name: &str, table: &Path, metadata: &str) -> Result<(), String> {
        let copy = self.folder.path().join("copies").join(name);
        place(table, &copy).map_err(|error| format!("it cannot be copied: {error}"))?;
        let copy = copy.canonicalize().unwrap();
        let location = format!("file://{}/{metadata}", copy.display());
        register_table(&self.database(), "copies", name, &location).map_err(|e| e.to_string())
    }

    /// A context with the catalog.
    pub(super) async fn context(&self) -> FeastContext {
        let options = format!("lake=type=sql,uri=sqlite:///{}", self.database().display());
        let options = datafusion_feast::CatalogOptions::parse(&options).unwrap();
        let feast = FeastContext::builder()
            .with_catalog(options)
            .build()
            .await
            .unwrap();
        let split = "SET datafusion.optimizer.repartition_file_min_size = 1";
        feast.sql(split).await.unwrap();
        feast
    }
}

/// A way to name a table in SQL.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// By its metadata file.
    File(PathBuf),
    /// By its name in the catalog.
    Catalog(String),
}

/// A version of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum At<'a> {
    Current,
    Snapshot(i64),
    Reference(&'a str),
}

impl Way {
    /// The table as `FROM` names it.
    pub(super) fn from(&self, at: At<'_>) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::File(path) => {
                let path = quoted(&path.display().to_string());
                let version = match at {
                    At::Current => String::new(),
                    At::Snapshot(id) => format!(", snapshot_id => {id}"),
                    At::Reference(name) => format!(", ref => {}", quoted(name)),
                };
                format!("iceberg_scan({path}, allow_moved_paths => true{version})")
            }
            Self::Catalog(name) => {
                let version = match at {
                    At::Current => String::new(),
                    At::Snapshot(id) => format!(" FOR VERSION AS OF {id}"),
                    At::Reference(name) => format!(" FOR VERSION AS OF {}", quoted(name)),
                };
                format!("lake.copies.\"{name}\"{version}")
            }
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "iceberg_scan",
            Self::Catalog(_) => "catalog",
        })
    }
}

/// Why a query has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The table needs something that is not supported, as the error says.
    Refused(String),
    /// Anything else.
    Wrong(String),
}

/// Words for what no reader over Arrow and Parquet has to support.
const FEATURES: [&str; 8] = [
    "orc",
    "avro",
    "variant",
    "geometry",
    "geography",
    "encrypt",
    "unknown",
    "puffin",
];

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        let text = error.to_string();
        let kind = kind_of(&error);
        let lower = text.to_lowercase();
        let named = FEATURES.iter().any(|feature| lower.contains(feature));
        match kind == Some(ErrorKind::Unsupported) && named {
            true => Self::Refused(text),
            false => Self::Wrong(format!("{kind:?}: {text}")),
        }
    }
}

/// Rows and their schema.
pub(super) async fn read(
    feast: &FeastContext,
    sql: &str,
) -> Result<(SchemaRef, Vec<RecordBatch>), Failure> {
    let frame = feast.sql(sql).await?;
    let schema = std::sync::Arc::clone(frame.schema().inner());
    Ok((schema, frame.collect().await?))
}

/// The file `expected.json` of a folder.
pub(super) fn expected(folder: &Path) -> Json {
    let text = std::fs::read(folder.join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}
