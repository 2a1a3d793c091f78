// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What went wrong with a call, for people: which catalog, what was asked, what to do.

use reqwest::StatusCode;
use serde::Deserialize;

use super::call::{Answer, Call};
use super::http::Http;
use crate::error::{Error, ErrorKind};
use crate::storage::without_user_info;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was sent this time, nor before unless `earlier`.
    Down { cause: String, earlier: bool },
    /// The time for the call is over.
    Slow,
    /// It was sent, and the answer did not come, or not as a whole.
    BrokenOff(String),
}

/// As much of a server's message as is shown.
const SHOWN: usize = 300;

/// The message in a server's answer, in one of the forms that there are.
#[derive(Deserialize)]
struct Said {
    error: Option<SaidError>,
    error_description: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SaidError {
    Iceberg { message: Option<String> },
    OAuth(String),
}

impl Http {
    /// `catalog 'c' at 'http://h'`.
    pub(super) fn catalog(&self) -> String {
        format!(
            "catalog '{}' at '{}'",
            self.settings.name, self.settings.shown
        )
    }

    /// The error for a call without an answer.
    pub(super) fn failed(&self, call: &Call, failure: &Failure) -> Error {
        let catalog = self.catalog();
        let doing = &call.doing;
        let what = match failure {
            Failure::Down { cause, earlier } => {
                let Self { settings, .. } = self;
                let kind = match *earlier && !call.is_read() {
                    true => ErrorKind::OutcomeUnknown,
                    false => ErrorKind::Unavailable,
                };
                let text = format!(
                    "catalog '{}': no REST catalog answers at '{}' ({cause}): check the address \
                     and whether the server runs",
                    settings.name, settings.shown
                );
                return Error::new(kind, text);
            }
            Failure::Slow => {
                let seconds = self.settings.whole.as_secs_f64();
                format!("did not answer within {seconds} s when asked to {doing}")
            }
            Failure::BrokenOff(cause) => {
                let cause = self.scrub(cause);
                format!("gave no whole answer when asked to {doing} ({cause})")
            }
        };
        if !call.is_read() {
            return self.unknown(call, &what);
        }
        let advice = match failure {
            Failure::Slow => "try again, or raise 'rest.timeout-ms'",
            _ => "try again",
        };
        Error::new(ErrorKind::Io, format!("{catalog} {what}: {advice}"))
    }

    /// The error for a change that may or may not have been made.
    pub(super) fn unknown(&self, _call: &Call, what: &str) -> Error {
        let catalog = self.catalog();
        Error::new(
            ErrorKind::OutcomeUnknown,
            format!(
                "{catalog} {what}: whether that was done is not known, look before you repeat it"
            ),
        )
    }

    /// The error for an answer that is none of those that the call expects.
    pub(super) fn refused(&self, call: &Call, answer: &Answer) -> Error {
        let (catalog, doing) = (self.catalog(), &call.doing);
        let said = self.said(answer);
        let status = answer.status;
        if status.is_redirection() {
            let to = answer.moved_to.as_deref().unwrap_or("another address");
            let text = format!(
                "{catalog} sends its clients to '{}' ({status}): give that address in 'uri'",
                without_user_info(&self.scrub(to))
            );
            return Error::new(ErrorKind::Invalid, text);
        }
        let cannot = format!("{catalog}: cannot {doing} ({said})");
        match status.as_u16() {
            401 | 419 => {
                let why = self.auth.advice();
                Error::new(
                    ErrorKind::Denied,
                    format!("{catalog} refuses the credentials ({said}): {why}"),
                )
            }
            403 => Error::new(
                ErrorKind::Denied,
                format!("{cannot}: these credentials do not have the right to"),
            ),
            404 => Error::new(ErrorKind::NotFound, format!("{cannot}: it does not exist")),
            409 => Error::new(
                ErrorKind::Conflict,
                format!("{cannot}: somebody else was first, or it exists already"),
            ),
            405 | 406 | 501 => Error::new(
                ErrorKind::Unsupported,
                format!("{cannot}: the server does not support it"),
            ),
            429 | 503 => {
                let after = match answer.retry_after {
                    Some(seconds) => format!("try again in {seconds} s"),
                    None => "try again later".to_string(),
                };
                Error::new(
                    ErrorKind::Io,
                    format!("{cannot}: the server is busy, {after}"),
                )
            }
            500.. if !call.is_read() => {
                let what = format!("failed when asked to {doing} ({said})");
                self.unknown(call, &what)
            }
            500.. => Error::new(ErrorKind::Io, format!("{cannot}: the server failed")),
            _ => Error::new(ErrorKind::Invalid, cannot),
        }
    }

    /// The error for an answer whose body is not what it must be.
    pub(super) fn unreadable(
        &self,
        call: &Call,
        answer: &Answer,
        cause: &serde_json::Error,
    ) -> Error {
        let doing = &call.doing;
        let length = answer.body.len();
        let cause = self.scrub(&cause.to_string());
        let what = format!(
            "answered with {length} bytes that are not what the REST specification says when \
             asked to {doing} ({cause})"
        );
        if !call.is_read() {
            return self.unknown(call, &what);
        }
        let text = format!("{} {what}: check the address", self.catalog());
        Error::new(ErrorKind::Damaged, text)
    }

    /// The status and the server's own words.
    pub(super) fn said(&self, answer: &Answer) -> String {
        let status = status_text(answer.status);
        let words = match answer.json::<Said>() {
            Ok(said) => {
                let (first, second) = match said.error {
                    Some(SaidError::Iceberg { message }) => (message, None),
                    Some(SaidError::OAuth(code)) => (Some(code), said.error_description),
                    None => (said.message, said.error_description),
                };
                let all: Vec<String> = first.into_iter().chain(second).collect();
                all.join(", ")
            }
            Err(_) => String::new(),
        };
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let words: String = self.scrub(&words).chars().take(SHOWN).collect();
        match words.trim_end_matches('.') {
            "" => status,
            words => format!("{status}: {words}"),
        }
    }
}

/// `503 Service Unavailable`.
fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// The reason at the bottom of an error, without the addresses above it.
pub(super) fn bottom(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    match std::ptr::addr_eq(cause, error) {
        // There is nothing below: the text may have the address in it.
        true => "no reason is known".to_string(),
        false => cause.to_string(),
    }
}
