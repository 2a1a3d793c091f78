// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a store says when it fails, for people: which file, what was wrong, what to look at.

use super::access::Access;
use super::location::parse;
use super::renewing::is_refusal;
use crate::error::{Error, ErrorKind};

/// `cause`, which came when the store was to `verb` the file at `location`.
pub(super) fn explained(
    verb: &str,
    location: &str,
    cause: &object_store::Error,
    access: &Access,
) -> Error {
    if let Some(ours) = ours(cause) {
        let said = scrubbed(&ours.to_string(), access);
        return Error::new(ours.kind(), format!("cannot {verb} '{location}': {said}"));
    }
    let said = scrubbed(&plain(&cause.to_string()), access);
    if is_refusal(cause) {
        let whose = match parse(location) {
            Ok((store, _)) => access.whose(&store, location),
            Err(_) => "the credentials",
        };
        return Error::new(
            ErrorKind::Denied,
            format!("cannot {verb} '{location}', access is denied ({said}): check {whose}"),
        );
    }
    match cause {
        object_store::Error::NotFound { .. } if said.contains("NoSuchBucket") => Error::new(
            ErrorKind::Io,
            format!(
                "file '{location}' does not exist, nor does its bucket: check the address of the \
                 store and its region"
            ),
        ),
        object_store::Error::NotFound { .. } => {
            Error::new(ErrorKind::Io, format!("file '{location}' does not exist"))
        }
        object_store::Error::AlreadyExists { .. } => Error::new(
            ErrorKind::AlreadyExists,
            format!("file '{location}' exists already"),
        ),
        _ => Error::new(ErrorKind::Io, format!("cannot {verb} '{location}': {said}")),
    }
}

/// That `found` bytes came where `asked` were asked for.
pub(super) fn too_short(location: &str, from: u64, asked: u64, found: usize) -> Error {
    Error::new(
        ErrorKind::Io,
        format!(
            "cannot read '{location}': {found} of {asked} bytes at {from} came, the file is \
             shorter than the table's metadata say or the answer was cut off"
        ),
    )
}

/// `error` as an object store's, of the same class as `cause`.
pub(super) fn as_store_error(
    location: &str,
    cause: &object_store::Error,
    error: Error,
) -> object_store::Error {
    let (path, source) = (location.to_string(), Box::new(error));
    match cause {
        object_store::Error::NotFound { .. } => object_store::Error::NotFound { path, source },
        object_store::Error::PermissionDenied { .. } => {
            object_store::Error::PermissionDenied { path, source }
        }
        object_store::Error::Unauthenticated { .. } => {
            object_store::Error::Unauthenticated { path, source }
        }
        _ => object_store::Error::Generic {
            store: "Iceberg",
            source,
        },
    }
}

/// An error of this crate that went through a store.
fn ours(cause: &object_store::Error) -> Option<&Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(cause);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        next = error.source();
    }
    None
}

fn scrubbed(text: &str, access: &Access) -> String {
    let secrets = access.secrets();
    secrets
        .iter()
        .fold(text.to_string(), |text, secrets| secrets.scrub(&text))
}

/// The text in one line. Of an XML answer only the code and the message are left: the rest of it
/// may repeat the credentials.
fn plain(text: &str) -> String {
    let (before, xml) = split_xml(text).unwrap_or((text, ""));
    let status = match before.split_once("status code: ") {
        Some((_, status)) => status,
        None => before,
    };
    let status = match status.split_once(" error: ") {
        Some((store, rest)) if store.starts_with("Generic ") => rest,
        _ => status,
    };
    let status = status.split_whitespace().collect::<Vec<_>>().join(" ");
    let status = status.trim_end_matches([':', '.', ' ']);
    let said: Vec<&str> = ["Code", "Message"]
        .iter()
        .filter_map(|tag| element(xml, tag))
        .collect();
    match said.is_empty() {
        true => status.to_string(),
        false => format!("{status}, {}", said.join(": ")),
    }
}

fn split_xml(text: &str) -> Option<(&str, &str)> {
    let at = text.find("<?xml").or_else(|| text.find("<Error"))?;
    Some(text.split_at(at))
}

fn element<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
    Some(inner.trim().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(body: &str) -> object_store::Error {
        let text = format!(
            "Error performing GET http://h/b/f in 2ms - Server returned non-2xx status code: \
             403 Forbidden: {body}"
        );
        object_store::Error::PermissionDenied {
            path: "f".to_string(),
            source: text.into(),
        }
    }

    #[test]
    fn a_refusal_says_why_and_repeats_no_credentials() {
        let body = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code><Message>No entry.\
                    </Message><Token-0>hush</Token-0></Error>";
        let error = explained("read", "s3://b/f", &denied(body), &Access::default());
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(
            error.to_string(),
            "cannot read 's3://b/f', access is denied (403 Forbidden, AccessDenied: No entry): \
             check the AWS credentials of this machine and their rights, or give \
             's3.access-key-id' and 's3.secret-access-key'"
        );
    }

    #[test]
    fn other_texts_are_scrubbed() {
        let given = [("s3.secret-access-key".to_string(), "hush".to_string())];
        let access = Access::new(given.into_iter().collect());
        let error = explained("read", "s3://b/f", &denied("you sent hush"), &access);
        assert!(!error.to_string().contains("hush"), "{error}");
        assert!(error.to_string().contains("you sent …"), "{error}");
    }

    #[test]
    fn an_error_of_ours_keeps_its_kind() {
        let inner = Error::new(ErrorKind::Denied, "no keys");
        let cause = object_store::Error::Generic {
            store: "S3",
            source: Box::new(inner),
        };
        let error = explained("write", "s3://b/f", &cause, &Access::default());
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.to_string(), "cannot write 's3://b/f': no keys");
    }
}
