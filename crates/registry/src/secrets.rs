// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Secrets never reach the registry: what looks like one is left out.

use std::collections::BTreeMap;

/// Words that make a key secret wherever they stand in it.
const WORDS: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "authorization",
    "signature",
    "connection-string",
];

/// Words that make a key secret when they stand alone between its separators.
const PARTS: &[&str] = &["key", "pwd", "pass", "sas", "sig"];

/// Keys that end in `key` and hold none.
const OPEN: &[&str] = &["public-key"];

/// Whether a property of that key looks like a secret, such as `s3.secret-access-key`.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_lowercase().replace(['_', '.', ' '], "-");
    if OPEN.iter().any(|open| key.ends_with(open)) {
        return false;
    }
    WORDS.iter().any(|word| key.contains(word))
        || key.contains("accesskey")
        || key.contains("access-key")
        || key.ends_with("apikey")
        || key.ends_with("accountkey")
        || key.split('-').any(|part| PARTS.contains(&part))
}

/// A URI without the password in its authority and without secret query parameters.
pub fn without_secrets(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (rest, None),
    };
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (rest, None),
    };
    let mut out = format!("{scheme}://{}", without_password(address));
    let kept: Vec<&str> = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|pair| !is_secret_key(pair.split('=').next().unwrap_or_default()))
        .collect();
    if !kept.is_empty() {
        out.push('?');
        out.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

/// `user:password@host/path` without the password.
fn without_password(address: &str) -> String {
    let authority = address.split('/').next().unwrap_or_default();
    let (userinfo, host) = match authority.rsplit_once('@') {
        Some((userinfo, host)) => (userinfo, format!("{host}{}", &address[authority.len()..])),
        // A '/' that should have been escaped may stand in the password; a port has digits only.
        None => match (authority.split_once(':'), address.rsplit_once('@')) {
            (Some((_, port)), Some((userinfo, host)))
                if !port.bytes().all(|b| b.is_ascii_digit()) =>
            {
                (userinfo, host.to_owned())
            }
            _ => return address.to_owned(),
        },
    };
    match userinfo.split_once(':') {
        Some((user, _)) => format!("{user}@{host}"),
        None => format!("{userinfo}@{host}"),
    }
}

/// Properties without secrets: by their keys, and inside values that are URIs.
pub fn open_properties(properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    properties
        .iter()
        .filter(|(key, _)| !is_secret_key(key))
        .map(|(key, value)| (key.clone(), without_secrets(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_look_like_secrets() {
        for key in [
            "token",
            "oauth2.Token",
            "s3.access-key-id",
            "s3.secret-access-key",
            "s3.session-token",
            "aws_secret_access_key",
            "password",
            "DB_PASSWORD",
            "credential",
            "gcs.credentials-json",
            "adls.account-key",
            "adls.connection-string",
            "adls.sas-token",
            "header.Authorization",
            "ssl.key",
            "apiKey",
            "accessKeyId",
            "pwd",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "uri",
            "warehouse",
            "s3.region",
            "s3.endpoint",
            "client.region",
            "sasl",
            "keyspace",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn uris_lose_their_passwords() {
        for (uri, expected) in [
            (
                "postgresql://me:pw@host:5432/db",
                "postgresql://me@host:5432/db",
            ),
            ("postgresql://me:p@w@host/db", "postgresql://me@host/db"),
            ("postgresql://me:p/w@host/db", "postgresql://me@host/db"),
            ("postgresql://:pw@host/db", "postgresql://@host/db"),
            ("http://host:8181/a@b", "http://host:8181/a@b"),
            ("s3://bucket/wh", "s3://bucket/wh"),
            ("sqlite:////abs/catalog.db", "sqlite:////abs/catalog.db"),
            ("https://h/p?sig=abc&x=1&password=2#f", "https://h/p?x=1#f"),
            ("https://h/p?token=1", "https://h/p"),
            (
                "abfss://box@account.dfs.core.windows.net/p",
                "abfss://box@account.dfs.core.windows.net/p",
            ),
            ("data/a.parquet", "data/a.parquet"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(uri), expected, "{uri}");
        }
    }
}
