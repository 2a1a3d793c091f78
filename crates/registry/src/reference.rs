// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature references: `view:feature` and `view:*`.

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
    /// Which of its features.
    pub feature: FeatureSelection,
}

impl FeatureRef {
    /// Reads `view:feature` or `view:*`, also with Feast's `@latest` after the view.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((view, feature)) = text.split_once(':') else {
            return Err(malformed(text, "it has no ':'"));
        };
        let view = match view.split_once('@') {
            Some((name, version)) if version.is_empty() || is(version, "latest") => name,
            Some((_, version)) if is_version(version) => {
                return Err(Error::unsupported(format!(
                    "the feature reference '{text}' asks for version '{version}' of a view; only \
                     the latest definition can be queried, leave '@{version}' out"
                )));
            }
            _ => view,
        };
        if view.trim().is_empty() {
            return Err(malformed(text, "it names no view"));
        }
        let feature = match feature {
            "*" => FeatureSelection::All,
            name if name.trim().is_empty() => return Err(malformed(text, "it names no feature")),
            name => FeatureSelection::Named(name.to_owned()),
        };
        Ok(Self {
            view: view.to_owned(),
            feature,
        })
    }
}

fn is(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

fn is_version(text: &str) -> bool {
    text.strip_prefix(['v', 'V'])
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
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
        match &self.feature {
            FeatureSelection::All => write!(f, "{}:*", self.view),
            FeatureSelection::Named(name) => write!(f, "{}:{name}", self.view),
        }
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
        let error = FeatureRef::parse("stats@v2:rate").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
