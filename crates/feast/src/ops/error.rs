// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Errors of the operations: the registry's own error type inside DataFusion's, so that a caller can
//! ask for the kind.

use datafusion::common::DataFusionError;
use feast_registry::{Error, ErrorKind};

use super::RegistryObject;
use crate::ddl::{ObjectKind, Written, suggestion};

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
    about(
        name,
        ErrorKind::NotFound,
        format!("{kind} {name} does not exist; {hint}"),
    )
}

/// An error of that kind about a name in a definition.
pub(crate) fn about(name: &str, kind: ErrorKind, message: impl Into<String>) -> DataFusionError {
    from_registry(Error::new(kind, message).about(name))
}

/// The error with the place in the definition's text where what it is about stands.
pub(crate) fn pointing(error: DataFusionError, written: &Written, object: &str) -> DataFusionError {
    match error {
        DataFusionError::External(error) => match error.downcast::<Error>() {
            Ok(error) => {
                let place = error
                    .subject()
                    .and_then(|name| written.place_of(name, object));
                from_registry(match place {
                    Some((before, behind)) => error.between(before, behind),
                    None => *error,
                })
            }
            Err(error) => DataFusionError::External(error),
        },
        other => other,
    }
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
