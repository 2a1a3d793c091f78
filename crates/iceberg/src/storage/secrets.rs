// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What must not be shown, and texts without it.

use std::fmt;
use std::sync::Arc;

/// Words in a property's key which make its value a secret.
const SECRET_WORDS: [&str; 11] = [
    "secret",
    "token",
    "password",
    "passwd",
    "credential",
    "access-key",
    "account-key",
    "connection-string",
    "authorization",
    "sse.key",
    "private-key",
];

/// Keys with such a word whose values are no secrets.
const HARMLESS: [&str; 2] = ["oauth2-server-uri", "token-exchange-enabled"];

/// A shorter value is not looked for in texts: it would be found in half of the words.
const SHORTEST: usize = 4;

/// Whether the value of the property `key` must not be shown or kept.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('_', "-");
    let harmless = HARMLESS.contains(&key.as_str()) || key.contains("expires-at");
    let secret = key.starts_with("header.") || SECRET_WORDS.iter().any(|word| key.contains(word));
    secret && !harmless
}

/// `uri` without the user name, password and query that it may carry. A password may have any
/// character in it, so everything up to the last `@` goes.
pub(crate) fn without_user_info(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_string();
    };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    match before.rsplit_once('@') {
        Some((_, shown)) => format!("{scheme}://…@{shown}"),
        // It is open whether this is part of a password.
        None if query.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{before}"),
    }
}

/// Values that must not be shown, to be taken out of texts that others wrote.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Vec<String>>);

impl Secrets {
    /// These values, also as they look in an address.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut known = Vec::new();
        for value in values {
            if value.len() < SHORTEST || matches!(value.as_str(), "true" | "false") {
                continue;
            }
            let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            if encoded != value {
                known.push(encoded);
            }
            known.push(value);
        }
        // The longer first: one may be part of another.
        known.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(Arc::new(known))
    }

    /// `text` with each secret replaced by `…`.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = text.to_string();
        for secret in self.0.iter() {
            if scrubbed.contains(secret.as_str()) {
                scrubbed = scrubbed.replace(secret.as_str(), "…");
            }
        }
        scrubbed
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_passwords_and_queries() {
        for (uri, shown) in [
            ("http://h:8181/api", "http://h:8181/api"),
            ("http://me:hush@h/api", "http://…@h/api"),
            ("http://me:hu/sh@h/api", "http://…@h/api"),
            ("http://me:hu@sh@h/api", "http://…@h/api"),
            ("http://h/api?token=hush", "http://h/api"),
            ("http://me:hush@h?key=hush", "http://…@h"),
            ("http://me:hu?sh@h/api", "http://…"),
            ("sqlite:///c.db", "sqlite:///c.db"),
            ("c.db", "c.db"),
        ] {
            assert_eq!(without_user_info(uri), shown);
        }
    }

    #[test]
    fn secrets_are_taken_out_of_texts() {
        let secrets = Secrets::new(["hush".to_string(), "hush/+more".to_string(), "a".into()]);
        let text = "a hush, hush/+more and hush%2F%2Bmore";
        assert_eq!(secrets.scrub(text), "a …, … and …");
        assert!(!format!("{secrets:?}").contains("hush"));
    }
}
