// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Whose delete files are read, for errors that name them.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use datafusion::error::DataFusionError;

use crate::error::{Error, ErrorKind};

/// The table and snapshot of a read.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) table: Arc<str>,
    pub(super) snapshot_id: i64,
}

/// A kind of delete file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeleteKind {
    Vector,
    Positions,
    Equality,
}

impl Display for DeleteKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vector => "deletion vector",
            Self::Positions => "position delete file",
            Self::Equality => "equality delete file",
        })
    }
}

impl Origin {
    /// `file` is not what a delete file of its kind must be.
    pub(super) fn damaged(&self, kind: DeleteKind, file: &str, found: impl Display) -> Error {
        self.error(ErrorKind::Damaged, kind, file, found)
    }

    /// An error about the delete file `file`.
    pub(super) fn error(
        &self,
        error: ErrorKind,
        kind: DeleteKind,
        file: &str,
        found: impl Display,
    ) -> Error {
        Error::new(error, format!("{}: {found}", self.named(kind, file)))
    }

    /// `cause` kept the delete file `file` from being read.
    pub(super) fn unreadable(&self, kind: DeleteKind, file: &str, cause: Error) -> Error {
        cause.context(format!("cannot read the {}", self.named(kind, file)))
    }

    /// The rows of the table cannot be compared with its deletes.
    pub(super) fn compare(&self, cause: DataFusionError) -> Error {
        let message = format!(
            "cannot apply the equality deletes of table {} (snapshot {})",
            self.table, self.snapshot_id
        );
        Error::new(ErrorKind::Io, message).with_source(cause)
    }

    fn named(&self, kind: DeleteKind, file: &str) -> String {
        let (table, snapshot) = (&self.table, self.snapshot_id);
        format!("{kind} '{file}' of table {table} (snapshot {snapshot})")
    }
}

/// A failure of the storage, of the kind that it is.
pub(super) fn storage_error(cause: object_store::Error) -> Error {
    if let Some(ours) = std::error::Error::source(&cause).and_then(|e| e.downcast_ref::<Error>()) {
        return ours.clone();
    }
    let kind = match &cause {
        object_store::Error::NotFound { .. } => ErrorKind::NotFound,
        _ => ErrorKind::Io,
    };
    Error::new(kind, "the file cannot be read").with_source(cause)
}
