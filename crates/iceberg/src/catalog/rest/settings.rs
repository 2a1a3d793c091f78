// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a REST catalog is reached with.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::catalog::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Properties, without_user_info};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may be silent in the middle of an answer, and before it.
const SILENCE: Duration = Duration::from_secs(30);

/// How long one call may take, with all that it repeats.
const WHOLE: Duration = Duration::from_secs(60);

/// How often a call is repeated.
const RETRIES: u64 = 3;

/// The header by which credentials for a table's files are asked for.
const DELEGATION: &str = "x-iceberg-access-delegation";
const VENDED: &str = "vended-credentials";

/// What a REST catalog is reached with.
#[derive(Debug)]
pub(super) struct Settings {
    /// The catalog's name, for messages.
    pub(super) name: String,
    /// The address, for messages.
    pub(super) shown: String,
    /// The address without a slash at its end, and without user and password.
    pub(super) uri: String,
    pub(super) warehouse: Option<String>,
    /// The user and password in the address.
    pub(super) user_info: Option<(String, String)>,
    pub(super) connect: Duration,
    pub(super) silence: Duration,
    pub(super) whole: Duration,
    pub(super) retries: u64,
}

impl Settings {
    pub(super) fn new(options: &CatalogOptions, properties: &Properties) -> Result<Self> {
        let name = &options.name;
        let about = |error: Error| error.context(format_args!("catalog '{name}'"));
        refuse_unsupported(properties).map_err(about)?;
        let (uri, user_info) = address(name, &options.uri)?;
        let time = |keys: [&str; 2], usual: Duration| -> Result<Duration> {
            for key in keys {
                if let Some(time) = properties.milliseconds(key)? {
                    return Ok(time);
                }
            }
            Ok(usual)
        };
        let connect = [
            "rest.client.connection-timeout-ms",
            "rest.connect-timeout-ms",
        ];
        let silence = ["rest.client.socket-timeout-ms", "rest.read-timeout-ms"];
        let whole = ["rest.timeout-ms", "rest.client.timeout-ms"];
        Ok(Self {
            name: name.clone(),
            shown: without_user_info(&options.uri),
            uri,
            warehouse: options.warehouse.clone(),
            user_info,
            connect: time(connect, CONNECT).map_err(about)?,
            silence: time(silence, SILENCE).map_err(about)?,
            whole: time(whole, WHOLE).map_err(about)?,
            retries: properties
                .number("rest.client.max-retries")
                .map_err(about)?
                .unwrap_or(RETRIES),
        })
    }

    /// The same at the address that the server gives.
    pub(super) fn moved_to(&self, uri: &str) -> Result<Self> {
        let (uri, user_info) = address(&self.name, uri)?;
        Ok(Self {
            name: self.name.clone(),
            shown: uri.clone(),
            uri,
            warehouse: self.warehouse.clone(),
            user_info: user_info.or_else(|| self.user_info.clone()),
            ..*self
        })
    }
}

/// The address for requests, and the user and password in it.
fn address(name: &str, given: &str) -> Result<(String, Option<(String, String)>)> {
    let wrong = |reason: &str| {
        let shown = without_user_info(given);
        let text = format!(
            "catalog '{name}': uri '{shown}' is no REST catalog's address{reason}: expected one \
             like http://host:8181"
        );
        Error::new(ErrorKind::Invalid, text)
    };
    let mut url = Url::parse(given).map_err(|_| wrong(""))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong(""));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            ", as it has a query; secrets go into 'token' or 'header.NAME'",
        ));
    }
    let text = |part: &str| -> String {
        let pair = format!("k={}", part.replace('+', "%2B"));
        let mut decoded = url::form_urlencoded::parse(pair.as_bytes());
        decoded
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let user_info = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => Some((text(user), text(password.unwrap_or_default()))),
    };
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return Err(wrong(""));
    }
    Ok((url.as_str().trim_end_matches('/').to_string(), user_info))
}

fn refuse_unsupported(properties: &Properties) -> Result<()> {
    if properties.flag("rest.sigv4-enabled")? == Some(true) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "'rest.sigv4-enabled' is not supported, requests to the catalog are not signed: \
             expected 'token', 'credential' or nothing",
        ));
    }
    match properties.get("rest.auth.type") {
        None | Some("none" | "oauth2" | "basic") => Ok(()),
        Some(other) => Err(Error::new(
            ErrorKind::Unsupported,
            format!("'rest.auth.type' is '{other}': expected none, basic or oauth2"),
        )),
    }
}

/// The headers of each request: those of the properties `header.NAME`, and that credentials for
/// tables' files are asked for, unless a property says otherwise.
pub(super) fn headers(catalog: &str, properties: &Properties) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(
        HeaderName::from_static(DELEGATION),
        HeaderValue::from_static(VENDED),
    );
    for (key, value) in properties.iter() {
        let Some(name) = key.strip_prefix("header.") else {
            continue;
        };
        let wrong = |what: &str| {
            let text = format!("catalog '{catalog}': option '{key}' {what}");
            Error::new(ErrorKind::Invalid, text)
        };
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong("is no header: expected header.NAME"))?;
        if name == DELEGATION {
            match delegation(value).map_err(|what| wrong(&what))? {
                Some(value) => headers.insert(name, value),
                None => headers.remove(name),
            };
            continue;
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| wrong("has characters that no header may have"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// What is asked for with `value`: nothing if it is empty.
fn delegation(value: &str) -> std::result::Result<Option<HeaderValue>, String> {
    let mut ways = value
        .split(',')
        .map(str::trim)
        .filter(|way| !way.is_empty());
    if value.trim().is_empty() {
        return Ok(None);
    }
    match ways.any(|way| way.eq_ignore_ascii_case(VENDED)) {
        true => Ok(Some(HeaderValue::from_static(VENDED))),
        false => Err(format!(
            "is not supported, as requests to the store cannot be signed by the catalog: expected \
             {VENDED}, or nothing for neither"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(uri: &str, pairs: &[(&str, &str)]) -> Result<Settings> {
        let own = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        let options = CatalogOptions {
            name: "r".to_string(),
            kind: "rest".to_string(),
            uri: uri.to_string(),
            warehouse: None,
            properties: pairs.iter().map(own).collect(),
        };
        Settings::new(&options, &pairs.iter().map(own).collect())
    }

    #[test]
    fn addresses() {
        let found = settings("http://h:8181/api/", &[]).unwrap();
        assert_eq!(
            (found.uri.as_str(), found.user_info),
            ("http://h:8181/api", None)
        );
        let found = settings("https://me:hu%40+sh@h", &[]).unwrap();
        assert_eq!(found.uri, "https://h");
        assert_eq!(
            found.user_info,
            Some(("me".to_string(), "hu@+sh".to_string()))
        );
        assert!(!found.shown.contains("hu"));
        for uri in ["ftp://h", "h:8181", "http://", "http://h/?token=hush"] {
            let error = settings(uri, &[]).unwrap_err().to_string();
            assert!(error.contains("is no REST catalog's address"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (key, value) in [
            ("rest.sigv4-enabled", "true"),
            ("rest.auth.type", "google"),
            ("rest.timeout-ms", "soon"),
            ("rest.timeout-ms", "0"),
        ] {
            let error = settings("http://h", &[(key, value)])
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("catalog 'r'") && error.contains(key),
                "{error}"
            );
        }
    }

    #[test]
    fn credentials_are_asked_for_unless_a_property_says_otherwise() {
        let asked = |pairs: &[(&str, &str)]| -> Result<Option<String>> {
            let own = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
            let headers = headers("r", &pairs.iter().map(own).collect())?;
            let value = headers.get(DELEGATION).map(|value| value.to_str().unwrap());
            Ok(value.map(str::to_string))
        };
        let key = "header.X-Iceberg-Access-Delegation";
        let vended = Some(VENDED.to_string());
        assert_eq!(asked(&[]).unwrap(), vended);
        assert_eq!(asked(&[(key, "")]).unwrap(), None);
        let both = [(key, "remote-signing, vended-credentials")];
        assert_eq!(asked(&both).unwrap(), vended);
        let error = asked(&[(key, "remote-signing")]).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
        let error = asked(&[("header.X", "hush\n")]).unwrap_err().to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
