// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The crate's one error type: opaque, with a coarse kind for programs and one sentence for people.

use std::fmt;
use std::sync::Arc;

use datafusion::error::DataFusionError;

/// What this crate's fallible functions return.
pub type Result<T> = std::result::Result<T, Error>;

type Source = Arc<dyn std::error::Error + Send + Sync + 'static>;

/// What sort of failure an [`Error`] is, as far as a program can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A catalog, namespace, table, snapshot or file does not exist.
    NotFound,
    /// The object to be made exists already.
    AlreadyExists,
    /// An option, a name, a schema or a value is not what the call can take.
    Invalid,
    /// What was opened is not an Iceberg catalog.
    NotACatalog,
    /// The catalog's database is locked by another process; trying again later may help.
    Locked,
    /// Somebody else committed first.
    Conflict,
    /// A catalog or a store refuses the credentials, or what they may do.
    Denied,
    /// A catalog cannot be reached: nothing was sent, so nothing was done. Trying again later may
    /// help.
    Unavailable,
    /// A change was sent, and whether it was made is not known. Repeating it may make it twice, and
    /// files that it may have put into the table must be kept.
    OutcomeUnknown,
    /// Legal, but not supported by this version.
    Unsupported,
    /// A file exists but its contents are not what they must be.
    Damaged,
    /// A read or write failed.
    Io,
}

/// An error of this crate: what was wrong, where, and what to do about it.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Source>,
}

impl Error {
    /// An error of `kind` with a sentence for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same error with what caused it; the cause's text is part of the display.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The same error with `context` said first, as in "table 'a.b': …".
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The coarse kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

impl From<iceberg::Error> for Error {
    /// Keeps an error of ours that went through an `iceberg` trait, and translates the others.
    fn from(error: iceberg::Error) -> Self {
        if let Some(ours) = ours(&error) {
            return ours.clone();
        }
        let kind = match error.kind() {
            iceberg::ErrorKind::TableNotFound | iceberg::ErrorKind::NamespaceNotFound => {
                ErrorKind::NotFound
            }
            iceberg::ErrorKind::TableAlreadyExists | iceberg::ErrorKind::NamespaceAlreadyExists => {
                ErrorKind::AlreadyExists
            }
            iceberg::ErrorKind::CatalogCommitConflicts => ErrorKind::Conflict,
            iceberg::ErrorKind::FeatureUnsupported => ErrorKind::Unsupported,
            iceberg::ErrorKind::PreconditionFailed => ErrorKind::Invalid,
            iceberg::ErrorKind::DataInvalid => ErrorKind::Damaged,
            _ => ErrorKind::Io,
        };
        Error::new(kind, plain_text(&error))
    }
}

impl From<Error> for iceberg::Error {
    /// For use inside the `iceberg` traits we implement; turns back into the same [`Error`].
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::NotFound => iceberg::ErrorKind::TableNotFound,
            ErrorKind::AlreadyExists => iceberg::ErrorKind::TableAlreadyExists,
            ErrorKind::Conflict => iceberg::ErrorKind::CatalogCommitConflicts,
            ErrorKind::Unsupported => iceberg::ErrorKind::FeatureUnsupported,
            ErrorKind::Invalid => iceberg::ErrorKind::PreconditionFailed,
            ErrorKind::Damaged => iceberg::ErrorKind::DataInvalid,
            ErrorKind::NotACatalog
            | ErrorKind::Locked
            | ErrorKind::Denied
            | ErrorKind::Unavailable
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Io => iceberg::ErrorKind::Unexpected,
        };
        iceberg_error(kind, error)
    }
}

/// Wraps `error` for an `iceberg` trait under exactly `kind`.
pub(crate) fn iceberg_error(kind: iceberg::ErrorKind, error: Error) -> iceberg::Error {
    let retryable = kind == iceberg::ErrorKind::CatalogCommitConflicts;
    iceberg::Error::new(kind, "")
        .with_retryable(retryable)
        .with_source(error)
}

fn ours(error: &iceberg::Error) -> Option<&Error> {
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        if let Some(ours) = found.downcast_ref::<Error>() {
            return Some(ours);
        }
        cause = found.source();
    }
    None
}

/// An `iceberg` error in one plain sentence, without its kind's name.
fn plain_text(error: &iceberg::Error) -> String {
    let mut text = match error.message() {
        "" => error.kind().to_string(),
        message => message.trim_end_matches('.').to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        let said = match found.downcast_ref::<iceberg::Error>() {
            Some(inner) => inner.message().to_string(),
            None => found.to_string(),
        };
        if !said.is_empty() && !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = found.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_through_an_iceberg_trait() {
        let error = Error::new(ErrorKind::Locked, "database 'x' is locked");
        let back = Error::from(iceberg::Error::from(error));
        assert_eq!(back.kind(), ErrorKind::Locked);
        assert_eq!(back.to_string(), "database 'x' is locked");
    }

    #[test]
    fn a_foreign_error_is_said_without_its_kind() {
        let cause = std::io::Error::other("no such host");
        let error = iceberg::Error::new(iceberg::ErrorKind::Unexpected, "Failed to read")
            .with_source(cause);
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), "Failed to read: no such host");
    }

    #[test]
    fn conflicts_are_retried_by_the_transaction() {
        let error = iceberg::Error::from(Error::new(ErrorKind::Conflict, "t changed"));
        assert!(error.retryable());
    }
}
