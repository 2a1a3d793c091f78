// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature references: `view:feature`, `view:*`, `view@v2:feature`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// Which features of a view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeatureSelection {
    /// All of them, in the view's order.
    All,
    /// The one of that name.
    Named(String),
}

/// A feature, or all features, of a view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureRef {
    /// The view's name.
    pub view: String,
    /// The recorded version of the view; none is the latest.
    pub version: Option<u32>,
    /// Which of its features.
    pub feature: FeatureSelection,
}

impl FeatureRef {
    /// Reads `view:feature` or `view:*`. After the view, `@v2` chooses a recorded version and
    /// `@latest` the latest; another `@…` is a part of the name, as in Feast. A name may stand in
    /// double quotes, where two of them mean one.
    ///
    /// ```
    /// use feast_registry::{FeatureRef, FeatureSelection};
    ///
    /// let reference = FeatureRef::parse("driver_stats@v2:conv_rate")?;
    /// assert_eq!(reference.view, "driver_stats");
    /// assert_eq!(reference.version, Some(2));
    /// let quoted = FeatureRef::parse(r#""Driver: stats":"*""#)?;
    /// assert_eq!(quoted.view, "Driver: stats");
    /// assert_eq!(quoted.feature, FeatureSelection::Named("*".to_owned()));
    /// # Ok::<(), feast_registry::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let (view, version, feature) = match quoted(text) {
            Some((view, rest)) => {
                let Some((after, feature)) = rest.split_once(':') else {
                    return Err(malformed(text, "there is no ':' after the quoted name"));
                };
                let version = match after.strip_prefix('@').map(version_of) {
                    None if after.is_empty() => None,
                    Some(Some(version)) => version,
                    _ => {
                        let why = format!("'{after}' follows the quoted name");
                        return Err(malformed(text, &why));
                    }
                };
                (view, version, feature)
            }
            None => {
                let Some((view, feature)) = text.split_once(':') else {
                    return Err(malformed(text, "it has no ':'"));
                };
                match view.split_once('@') {
                    Some((name, after)) => match version_of(after) {
                        Some(version) => (name.to_owned(), version, feature),
                        None => (view.to_owned(), None, feature),
                    },
                    None => (view.to_owned(), None, feature),
                }
            }
        };
        if view.trim().is_empty() {
            return Err(malformed(text, "it names no view"));
        }
        let feature = match (feature, quoted(feature)) {
            ("*", _) => FeatureSelection::All,
            (_, Some((name, ""))) if !name.is_empty() => FeatureSelection::Named(name),
            (name, _) if name.trim().is_empty() || name == "\"\"" => {
                return Err(malformed(text, "it names no feature"));
            }
            (name, _) => FeatureSelection::Named(name.to_owned()),
        };
        Ok(Self {
            view,
            version,
            feature,
        })
    }
}

/// A name in double quotes at the start of a text, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// The version that stands after `@`; none if that is no version but a part of the name.
fn version_of(text: &str) -> Option<Option<u32>> {
    if text.is_empty() || text.eq_ignore_ascii_case("latest") {
        return Some(None);
    }
    let digits = text.strip_prefix(['v', 'V'])?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // More digits than a number holds name a version that nobody has.
    Some(Some(digits.parse().unwrap_or(u32::MAX)))
}

fn malformed(text: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidReference,
        format!(
            "the feature reference '{text}' cannot be read: {why}; write 'view:feature' or 'view:*'"
        ),
    )
}

impl FromStr for FeatureRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for FeatureRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.view, &[':', '@']))?;
        if let Some(version) = self.version {
            write!(f, "@v{version}")?;
        }
        match &self.feature {
            FeatureSelection::All => f.write_str(":*"),
            FeatureSelection::Named(name) if name == "*" => f.write_str(":\"*\""),
            FeatureSelection::Named(name) => write!(f, ":{}", written(name, &[])),
        }
    }
}

/// A name as a reference must write it: in quotes where it would be read as something else.
fn written(name: &str, special: &[char]) -> String {
    if name.starts_with('"') || name.contains(special) || name.trim().is_empty() {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_as_feast_reads_them() {
        for (text, view, feature) in [
            ("stats:rate", "stats", "rate"),
            ("stats@latest:rate", "stats", "rate"),
            ("stats@LATEST:rate", "stats", "rate"),
            ("stats@:rate", "stats", "rate"),
            ("stats@prod:rate", "stats@prod", "rate"),
            ("a b:c:d", "a b", "c:d"),
        ] {
            let reference: FeatureRef = text.parse().unwrap();
            assert_eq!(reference.view, view);
            assert_eq!(
                reference.feature,
                FeatureSelection::Named(feature.to_owned())
            );
        }
        let all = FeatureRef::parse("stats:*").unwrap();
        assert_eq!(all.feature, FeatureSelection::All);
        assert_eq!(all.to_string(), "stats:*");
    }

    #[test]
    fn malformed_references_are_named() {
        for text in ["", "stats", ":", ":rate", "stats:", " :x", "x: "] {
            let error = FeatureRef::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidReference);
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
        for text in [
            "\"stats",
            "\"stats\"",
            "\"stats\"x:y",
            "\"stats\"@prod:y",
            "\"\":y",
            "x:\"\"",
        ] {
            let error = FeatureRef::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidReference, "{text}");
        }
    }

    #[test]
    fn versions_are_read_as_feast_reads_them() {
        for (text, view, version) in [
            ("stats@v2:rate", "stats", Some(2)),
            ("stats@V10:*", "stats", Some(10)),
            ("stats@v0:rate", "stats", Some(0)),
            ("\"Größe @v1\"@v3:rate", "Größe @v1", Some(3)),
            ("stats@v:rate", "stats@v", None),
            ("stats@v2x:rate", "stats@v2x", None),
            ("stats@v99999999999999999999:rate", "stats", Some(u32::MAX)),
        ] {
            let reference = FeatureRef::parse(text).unwrap();
            assert_eq!(
                (reference.view.as_str(), reference.version),
                (view, version),
                "{text}"
            );
        }
    }

    #[test]
    fn printed_references_read_back() {
        let names = [
            "a", "Größe", "日本", "a b", "a\"b", "\"a", "a:b", "a@v1", "*", " ", "''",
        ];
        for view in names {
            for feature in names {
                for version in [None, Some(3)] {
                    for feature in [
                        FeatureSelection::All,
                        FeatureSelection::Named(feature.into()),
                    ] {
                        let view = view.to_owned();
                        if view.trim().is_empty() {
                            continue;
                        }
                        let reference = FeatureRef {
                            view,
                            version,
                            feature,
                        };
                        let read: FeatureRef = reference.to_string().parse().unwrap();
                        assert_eq!(read, reference);
                    }
                }
            }
        }
    }
}
