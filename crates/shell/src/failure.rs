// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The one message a failed run ends with: where, what, and what to do.

use std::fmt;
use std::io;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

/// What stopped the run.
#[derive(Debug)]
pub(crate) struct Failure {
    place: String,
    message: String,
    reader_gone: bool,
}

impl Failure {
    /// A failure that is not a statement's: `place` is the argument or file at fault.
    pub(crate) fn new(place: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            place: place.into(),
            message: message.to_string(),
            reader_gone: false,
        }
    }

    /// A failure of the statement at `place`.
    pub(crate) fn of_statement(place: impl Into<String>, error: &DataFusionError) -> Self {
        let mut message = text(error);
        if let Some(advice) = advice(error) {
            message.push_str("; ");
            message.push_str(advice);
        }
        Self {
            place: place.into(),
            message,
            reader_gone: is_broken_pipe(error),
        }
    }

    /// Whether the reader of standard output went away, as `head` does: no error of ours.
    pub(crate) fn is_reader_gone(&self) -> bool {
        self.reader_gone
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.place, self.message)
        }
    }
}

impl std::error::Error for Failure {}

/// The error's text without wrappers that say nothing and without a trailing period.
fn text(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::External(inner) => inner.to_string(),
        DataFusionError::Diagnostic(_, inner) => text(inner),
        DataFusionError::Shared(inner) => text(inner),
        other => other.strip_backtrace(),
    };
    let text = text.trim();
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

/// What to do about errors that DataFusion words itself.
fn advice(error: &DataFusionError) -> Option<&'static str> {
    match error.find_root() {
        DataFusionError::Plan(message) if message.starts_with("table '") => Some(
            "SHOW TABLES lists what exists; --catalog or CREATE EXTERNAL CATALOG attaches a catalog",
        ),
        DataFusionError::SQL(..) => Some("correct the statement there"),
        DataFusionError::SchemaError(inner, _) => match inner.as_ref() {
            SchemaError::FieldNotFound { valid_fields, .. } if valid_fields.is_empty() => {
                Some("name a table in FROM")
            }
            _ => None,
        },
        DataFusionError::ResourcesExhausted(_) => {
            Some("give more memory with -m or more disk with -d")
        }
        _ => None,
    }
}

fn is_broken_pipe(error: &DataFusionError) -> bool {
    let cause = match error {
        DataFusionError::IoError(cause) => cause,
        DataFusionError::ArrowError(cause, _) => match cause.as_ref() {
            ArrowError::IoError(_, cause) => cause,
            _ => return false,
        },
        _ => return false,
    };
    cause.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use datafusion::common::plan_datafusion_err;

    use super::*;

    #[test]
    fn place_then_text_then_advice() {
        let error = plan_datafusion_err!("table 'datafusion.public.nope' not found");
        let failure = Failure::of_statement("a.sql:3", &error);
        let text = failure.to_string();
        assert!(text.starts_with("a.sql:3: "), "{text}");
        assert!(
            text.contains("'datafusion.public.nope' not found; SHOW TABLES lists"),
            "{text}"
        );
        assert!(!failure.is_reader_gone());
        assert_eq!(Failure::new("", "alone").to_string(), "alone");
    }

    #[test]
    fn an_external_error_speaks_for_itself() {
        let error = DataFusionError::External("view 'v' does not exist.".into());
        assert_eq!(
            Failure::of_statement("-c 1", &error).to_string(),
            "-c 1: view 'v' does not exist"
        );
    }

    #[test]
    fn a_closed_pipe_is_recognised() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::of_statement("", &DataFusionError::IoError(closed())).is_reader_gone());
        let arrow = ArrowError::IoError("x".to_owned(), closed());
        assert!(Failure::of_statement("", &DataFusionError::from(arrow)).is_reader_gone());
    }
}
