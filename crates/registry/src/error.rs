// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What can go wrong with a registry, by kind.

use std::error::Error as StdError;
use std::fmt;

use crate::wire::WireError;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong, for callers that act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A named object is not in the registry.
    NotFound,
    /// An object of that name is already there.
    AlreadyExists,
    /// A definition breaks a rule of the registry.
    InvalidDefinition,
    /// A feature reference cannot be read.
    InvalidReference,
    /// An object cannot be removed, since others refer to it.
    InUse,
    /// The bytes are no registry, or only a part of one.
    Damaged,
    /// The registry was written in a format newer than this library knows.
    Newer,
    /// Somebody else wrote the registry since it was read.
    Conflict,
    /// Feast knows it, this library does not.
    Unsupported,
    /// The registry could not be read or written.
    Io,
}

/// An error with its kind, a text for people, and what caused it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    subject: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            subject: None,
            source: None,
        }
    }

    /// Adds what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts a text before the message, such as the path of the registry.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Says which name in the definition it is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The name in the definition that it is about, as far as that is one.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Puts texts before and behind the message, such as the place in a definition's text.
    #[must_use]
    pub fn between(mut self, before: impl fmt::Display, behind: impl fmt::Display) -> Self {
        self.message = format!("{before}{}{behind}", self.message);
        self
    }

    /// The kind of error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidDefinition, message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    pub(crate) fn damaged(what: impl fmt::Display, source: WireError) -> Self {
        Self::new(
            ErrorKind::Damaged,
            format!(
                "{what} is damaged: {source}; nothing was changed, restore the file from a copy \
                 or make it anew with 'feast apply'"
            ),
        )
        .with_source(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}
