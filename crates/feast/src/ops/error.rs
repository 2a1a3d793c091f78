// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Errors of the operations: the registry's own error type inside DataFusion's, so that a caller can
//! ask for the kind.

use datafusion::common::DataFusionError;
use feast_registry::{Error, ErrorKind};

use super::RegistryObject;
use crate::ddl::{ObjectKind, suggestion};

/// An error of that kind.
pub(crate) fn fail(kind: ErrorKind, message: impl Into<String>) -> DataFusionError {
    from_registry(Error::new(kind, message))
}

/// The registry's error as DataFusion's.
pub(crate) fn from_registry(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error about a name that is not there, with the nearest that is.
pub(crate) fn not_found<O: RegistryObject>(
    kind: ObjectKind,
    name: &str,
    existing: &[O],
) -> DataFusionError {
    let names: Vec<String> = existing
        .iter()
        .map(|object| object.name().to_owned())
        .collect();
    let hint = suggestion(name, &names, kind.plural());
    fail(
        ErrorKind::NotFound,
        format!("{kind} {name} does not exist; {hint}"),
    )
}

/// An error about a name that is already there.
pub(crate) fn already_exists(kind: ObjectKind, name: &str) -> DataFusionError {
    let sql = kind.sql();
    fail(
        ErrorKind::AlreadyExists,
        format!(
            "{kind} {name} already exists; use CREATE OR REPLACE {sql} to change it, or IF NOT \
             EXISTS to keep it"
        ),
    )
}
