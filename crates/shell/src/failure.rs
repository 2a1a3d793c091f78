// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The one message a failed run ends with: where, what, and what to do.

use std::fmt;
use std::io;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

/// What stopped the run.
#[derive(Debug)]
pub(crate) struct Failure {
    place: String,
    message: String,
    reader_gone: bool,
}

/// A line and column of a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: usize,
    pub(crate) column: Option<usize>,
}

impl Failure {
    /// A failure whose message is complete; `place` is the argument or file at fault.
    pub(crate) fn new(place: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            place: place.into(),
            message: message.to_string(),
            reader_gone: false,
        }
    }

    /// A failure of the engine; `place` is the argument at fault, or empty.
    pub(crate) fn of_engine(place: impl Into<String>, error: &DataFusionError) -> Self {
        let place = place.into();
        Self::of_statement(|_| place, error)
    }

    /// A failure of a statement. `place` names the spot the error points at, or the statement.
    pub(crate) fn of_statement(
        place: impl FnOnce(Option<Spot>) -> String,
        error: &DataFusionError,
    ) -> Self {
        let text = text(error);
        let (mut message, spot) = without_spot(&text);
        if let Some(advice) = advice(error) {
            message.push_str("; ");
            message.push_str(advice);
        }
        Self {
            place: place(spot),
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

/// DataFusion's request to report its own bugs to its own project.
const NOT_OURS: &str = "\nThis issue was likely caused by a bug in DataFusion's code. Please help us \
                        to resolve this by filing a bug report in our issue tracker: \
                        https://github.com/apache/datafusion/issues";

/// The error's text without wrappers that say nothing and without a trailing period.
fn text(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => text(inner),
            None => inner.to_string(),
        },
        DataFusionError::Diagnostic(_, inner) => text(inner),
        DataFusionError::Context(what, inner) => format!("{what}: {}", text(inner)),
        DataFusionError::Shared(inner) => text(inner),
        DataFusionError::Plan(message) => {
            without_backtrace(message).replace(".\nDid you mean", "; did you mean")
        }
        DataFusionError::SQL(inner, _) => match inner.as_ref() {
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
                message.clone()
            }
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
        },
        other => other.strip_backtrace(),
    };
    let text = text.replace(NOT_OURS, "");
    let text = text.trim();
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

fn without_backtrace(message: &str) -> String {
    message
        .split(DataFusionError::BACK_TRACE_SEP)
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Takes `line 1, column 2: ` off the front, or ` at Line: 1, Column: 2` off the end.
fn without_spot(text: &str) -> (String, Option<Spot>) {
    leading_spot(text)
        .or_else(|| trailing_spot(text))
        .map_or_else(
            || (text.to_owned(), None),
            |(message, spot)| (message, Some(spot)),
        )
}

fn leading_spot(text: &str) -> Option<(String, Spot)> {
    let (place, message) = text.strip_prefix("line ")?.split_once(": ")?;
    let spot = match place.split_once(", column ") {
        Some((line, column)) => Spot {
            line: line.parse().ok()?,
            column: Some(column.parse().ok()?),
        },
        None => Spot {
            line: place.parse().ok()?,
            column: None,
        },
    };
    (spot.line > 0).then(|| (message.to_owned(), spot))
}

fn trailing_spot(text: &str) -> Option<(String, Spot)> {
    let (message, place) = text.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let spot = Spot {
        line: line.parse().ok()?,
        column: Some(column.parse().ok()?),
    };
    (spot.line > 0).then(|| (message.to_owned(), spot))
}

/// What to do about errors that DataFusion words itself.
fn advice(error: &DataFusionError) -> Option<&'static str> {
    match error.find_root() {
        DataFusionError::Plan(message)
            if message.starts_with("table '") && message.contains("' not found") =>
        {
            Some(
                "SHOW TABLES lists what exists; --catalog or CREATE EXTERNAL CATALOG attaches a \
                 catalog",
            )
        }
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
        let failure = Failure::of_engine("a.sql:3", &error);
        let text = failure.to_string();
        assert!(text.starts_with("a.sql:3: table 'datafusion"), "{text}");
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
            Failure::of_engine("-c 1", &error).to_string(),
            "-c 1: view 'v' does not exist"
        );
    }

    #[test]
    fn advice_of_the_engine_stays_on_the_line() {
        let error = plan_datafusion_err!("Invalid function 'sumx'.\nDid you mean 'sum'?");
        let text = Failure::of_engine("", &error).to_string();
        assert_eq!(text, "Invalid function 'sumx'; did you mean 'sum'?");
        let error = DataFusionError::Internal("no files".to_owned());
        assert_eq!(
            Failure::of_engine("", &error).to_string(),
            "Internal error: no files"
        );
    }

    #[test]
    fn spots_are_taken_off_the_message() {
        let spot = |line, column| Some(Spot { line, column });
        for (text, message, expected) in [
            (
                "line 2, column 5: expected FROM",
                "expected FROM",
                spot(2, Some(5)),
            ),
            (
                "line 2: the string is not closed",
                "the string is not closed",
                spot(2, None),
            ),
            (
                "Expected: a, found: b at Line: 1, Column: 7",
                "Expected: a, found: b",
                spot(1, Some(7)),
            ),
            (
                "found: EOF at Line: 0, Column: 0",
                "found: EOF at Line: 0, Column: 0",
                None,
            ),
            ("line up: no", "line up: no", None),
        ] {
            assert_eq!(without_spot(text), (message.to_owned(), expected));
        }
    }

    #[test]
    fn a_closed_pipe_is_recognised() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::of_engine("", &DataFusionError::IoError(closed())).is_reader_gone());
        let arrow = ArrowError::IoError("x".to_owned(), closed());
        assert!(Failure::of_engine("", &DataFusionError::from(arrow)).is_reader_gone());
    }
}
