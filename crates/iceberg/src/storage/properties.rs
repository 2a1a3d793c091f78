// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg's properties of catalogs and tables, and what of them may be shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::secrets::{Secrets, is_secret, without_user_info};
use crate::error::{Error, ErrorKind, Result};

/// Properties that only make sense together: those of one source replace those of another as a
/// whole, so that nobody's key is used with somebody else's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credentials {
    S3,
    Gcs,
    Azure,
}

impl Credentials {
    pub(crate) const ALL: [Self; 3] = [Self::S3, Self::Gcs, Self::Azure];

    /// The group `key` is in.
    pub(crate) fn of(key: &str) -> Option<Self> {
        match key {
            "s3.access-key-id"
            | "s3.secret-access-key"
            | "s3.session-token"
            | "s3.session-token-expires-at-ms"
            | "s3.anonymous"
            | "s3.allow-anonymous"
            | "client.access-key-id"
            | "client.secret-access-key"
            | "client.session-token" => Some(Self::S3),
            "gcs.oauth2.token"
            | "gcs.oauth2.token-expires-at"
            | "gcs.token"
            | "gcs.credentials-json"
            | "gcs.no-auth"
            | "gcs.allow-anonymous" => Some(Self::Gcs),
            "adls.account-key"
            | "adls.connection-string"
            | "adls.token"
            | "adls.client-id"
            | "adls.client-secret"
            | "adls.tenant-id" => Some(Self::Azure),
            _ if key.starts_with("adls.sas-token") => Some(Self::Azure),
            _ => None,
        }
    }
}

/// The beginnings of keys that a store may be opened with.
const OF_STORAGE: [&str; 4] = ["s3.", "client.", "gcs.", "adls."];

/// Properties of a catalog or a table; secrets are kept but never shown.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Properties(BTreeMap<String, String>);

impl Properties {
    /// These properties with `others` on top. Credentials are replaced as a whole.
    pub(crate) fn overlaid<'a>(
        &self,
        others: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let others: Vec<_> = others.into_iter().collect();
        let given: Vec<_> = others
            .iter()
            .filter_map(|(key, _)| Credentials::of(key))
            .collect();
        let mut merged = self.0.clone();
        merged.retain(|key, _| Credentials::of(key).is_none_or(|group| !given.contains(&group)));
        merged.extend(
            others
                .into_iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        Self(merged)
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// Those that `keep` says.
    pub(crate) fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept = self.0.iter().filter(|(key, _)| keep(key));
        Self(kept.map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// Those that a store may be opened with.
    pub(crate) fn of_storage(&self) -> Self {
        self.filtered(Self::is_of_storage)
    }

    /// Whether a store may be opened with the property `key`.
    pub(crate) fn is_of_storage(key: &str) -> bool {
        OF_STORAGE.iter().any(|begin| key.starts_with(begin))
    }

    /// Whether there are credentials of `group`.
    pub(crate) fn have(&self, group: Credentials) -> bool {
        let mut keys = self.0.iter().filter(|(_, value)| !value.is_empty());
        keys.any(|(key, _)| Credentials::of(key) == Some(group))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn first(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.get(key))
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "t" | "1" | "on" | "yes") => Ok(Some(true)),
            Some("false" | "f" | "0" | "off" | "no") => Ok(Some(false)),
            Some(other) => Err(Error::new(
                ErrorKind::Invalid,
                format!("property '{key}' is '{other}': expected true or false"),
            )),
        }
    }

    /// A count.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Error::new(
                ErrorKind::Invalid,
                format!("property '{key}' is '{text}': expected a whole number"),
            )),
        }
    }

    /// A time in milliseconds, more than none.
    pub(crate) fn milliseconds(&self, key: &str) -> Result<Option<Duration>> {
        match self.number(key)? {
            Some(0) => Err(Error::new(
                ErrorKind::Invalid,
                format!("property '{key}' is '0': expected milliseconds, at least 1"),
            )),
            other => Ok(other.map(Duration::from_millis)),
        }
    }

    /// A time in seconds, more than none.
    pub(crate) fn seconds(&self, key: &str) -> Result<Option<Duration>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        let read: Option<f64> = text.parse().ok();
        match read.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            Some(time) if !time.is_zero() => Ok(Some(time)),
            _ => Err(Error::new(
                ErrorKind::Invalid,
                format!("property '{key}' is '{text}': expected seconds, more than 0"),
            )),
        }
    }

    /// The values that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let of = |(key, value): (&String, &String)| {
            if is_secret(key) {
                return vec![value.clone()];
            }
            user_info(value)
        };
        self.0.iter().flat_map(of).collect()
    }
}

/// The password in an address, and the user name with it.
fn user_info(value: &str) -> Vec<String> {
    let rest = value.split_once("://").map(|(_, rest)| rest);
    let Some((info, _)) = rest.and_then(|rest| rest.rsplit_once('@')) else {
        return Vec::new();
    };
    let password = info.split_once(':').map(|(_, password)| password);
    let mut found = vec![info.to_string()];
    found.extend(password.map(str::to_string));
    found
}

/// The values of `all` that must not be shown.
pub(crate) fn secrets_of<'a>(all: impl IntoIterator<Item = &'a Properties>) -> Secrets {
    Secrets::new(all.into_iter().flat_map(Properties::secrets))
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| {
                let shown = if is_secret(key) {
                    "…".to_string()
                } else {
                    without_user_info(value)
                };
                (key, shown)
            }))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties<const N: usize>(pairs: [(&str, &str); N]) -> Properties {
        pairs
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .into_iter()
            .collect()
    }

    #[test]
    fn secrets_are_not_shown() {
        let properties = properties([
            ("s3.secret-access-key", "hush1"),
            ("s3.access-key-id", "hush2"),
            ("header.Authorization", "hush3"),
            ("credential", "hush4"),
            ("adls.sas-token.acc", "hush5"),
            ("py-io-impl", "x"),
            ("uri", "postgresql://me:hush6@host/db"),
            ("s3.region", "eu-west-1"),
        ]);
        let shown = format!("{properties:?}");
        assert!(!shown.contains("hush"), "{shown}");
        assert!(
            shown.contains("eu-west-1") && shown.contains("host/db"),
            "{shown}"
        );
        let text = "hush1 hush2 hush3 hush4 hush5 hush6";
        assert!(!secrets_of([&properties]).scrub(text).contains("hush"));
    }

    #[test]
    fn credentials_are_replaced_together() {
        let below = properties([
            ("s3.access-key-id", "theirs"),
            ("s3.session-token", "theirs"),
            ("s3.region", "r"),
            ("gcs.oauth2.token", "g"),
        ]);
        let above = properties([("s3.access-key-id", "mine"), ("s3.secret-access-key", "m")]);
        let merged = below.overlaid(above.iter());
        assert_eq!(merged.get("s3.access-key-id"), Some("mine"));
        assert_eq!(merged.get("s3.session-token"), None);
        assert_eq!(merged.get("s3.region"), Some("r"));
        assert!(merged.have(Credentials::Gcs) && !merged.have(Credentials::Azure));
    }

    #[test]
    fn wrong_values_are_named() {
        let properties = properties([
            ("s3.path-style-access", "maybe"),
            ("rest.timeout-ms", "soon"),
            ("s3.connect-timeout", "-1"),
            ("none", "0"),
        ]);
        let said = |error: Error| error.to_string();
        assert_eq!(
            said(properties.flag("s3.path-style-access").unwrap_err()),
            "property 's3.path-style-access' is 'maybe': expected true or false"
        );
        assert_eq!(
            said(properties.milliseconds("rest.timeout-ms").unwrap_err()),
            "property 'rest.timeout-ms' is 'soon': expected a whole number"
        );
        assert_eq!(
            said(properties.seconds("s3.connect-timeout").unwrap_err()),
            "property 's3.connect-timeout' is '-1': expected seconds, more than 0"
        );
        assert!(properties.milliseconds("none").is_err());
        assert_eq!(properties.number("not").unwrap(), None);
    }
}
