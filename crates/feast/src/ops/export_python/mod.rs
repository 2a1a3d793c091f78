// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_export_python`: the definitions as a Python file for `feast apply`.
//!
//! `feast apply` makes the registry what the repository's Python says and deletes the rest, so what SQL
//! defined has to be said there too. `definitions.py` does that; where a view reads a SQL table or a
//! query, it needs the module `datafusion_feast.py` beside it.

mod names;
mod objects;
mod text;

use std::path::Path;
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use feast_registry::ErrorKind;

use self::objects::definitions;
use super::columns::ColumnType::Text;
use super::columns::{schema, texts};
use super::error::{fail, from_registry};
use crate::session::FeastScope;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| schema(&[("file", Text), ("python", Text)]));

/// The first line of the file of definitions, by which it is known to be ours to replace.
const HEADER: &str =
    "# Written by feast_export_python; changes here are lost when it is written again.";
const DEFINITIONS: &str = "definitions.py";
const MODULE: &str = "datafusion_feast.py";
const MODULE_TEXT: &str = include_str!("datafusion_feast.py");

/// The columns of the result: a file's name and its text.
pub(super) fn result_schema() -> SchemaRef {
    SchemaRef::clone(&SCHEMA)
}

/// Where the definitions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportPython {
    /// The directory of a feature repository to write the files to; `None` only shows them.
    pub(crate) directory: Option<String>,
}

/// Shows the files, and writes them if a directory is given.
pub(super) fn export(scope: &FeastScope, call: &ExportPython) -> Result<RecordBatch> {
    let registry = scope.registry().read()?;
    let written = definitions(&registry, scope.project()).map_err(from_registry)?;
    let mut files = vec![(DEFINITIONS, written.python)];
    if written.needs_module {
        files.push((MODULE, MODULE_TEXT.to_owned()));
    }
    if let Some(directory) = &call.directory {
        for (name, text) in &files {
            write(&Path::new(directory).join(name), text)?;
        }
    }
    let columns = vec![
        texts(files.iter().map(|(name, _)| (*name).to_owned())),
        texts(files.iter().map(|(_, text)| text.clone())),
    ];
    Ok(RecordBatch::try_new(result_schema(), columns)?)
}

/// Writes a file, never over one that somebody else wrote.
fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |what: &str| -> DataFusionError {
        let message = format!("feast_export_python: {}: {what}", path.display());
        fail(ErrorKind::Io, message)
    };
    match std::fs::read_to_string(path) {
        Ok(old) if old == *text => return Ok(()),
        Ok(old) if old.starts_with(HEADER) => {}
        Ok(_) => {
            return Err(failed(
                "the file exists and was not written by this function; move it away or name \
                 another directory",
            ));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&format!("cannot be read: {error}"))),
    }
    std::fs::write(path, text).map_err(|error| failed(&format!("cannot be written: {error}")))
}
