// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a table's properties say about writing it. One that cannot be honoured is refused, so that
//! nothing is written that its owner did not want.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// How rows come together before they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distribution {
    /// As they come.
    None,
    /// Those of one partition in one writer.
    Hash,
    /// In order of the table's sort order.
    Range,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Hash => "hash",
            Self::Range => "range",
        })
    }
}

/// A table's properties, read with the type that each must have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Properties<'p>(&'p HashMap<String, String>);

impl<'p> Properties<'p> {
    /// The properties, if every one that says how to write can be honoured.
    pub(super) fn try_new(of: &'p HashMap<String, String>) -> Result<Self> {
        let properties = Self(of);
        if let Some(format) = properties.text("write.format.default")
            && !format.eq_ignore_ascii_case("parquet")
        {
            let text = format!(
                "its property write.format.default is '{format}': only parquet files are written"
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        for refused in ["encryption.key-id", "write.location-provider.impl"] {
            if properties.text(refused).is_some() {
                let text = format!("its property {refused} is set: writing it is not supported");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        }
        Ok(properties)
    }

    /// The value of `name`.
    pub(super) fn text(&self, name: &str) -> Option<&'p str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of `name` as a number or boolean, `default` if it is not set.
    pub(super) fn value<T: FromStr>(&self, name: &str, default: T, expected: &str) -> Result<T> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => text
                .trim()
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| invalid(name, text, expected)),
        }
    }

    /// The value of `name` as a size that is not zero.
    pub(super) fn size(&self, name: &str, default: usize) -> Result<usize> {
        let expected = "a whole number above 0";
        match self.value(name, default, expected)? {
            0 => Err(invalid(name, "0", expected)),
            size => Ok(size),
        }
    }

    /// What follows `prefix` in each property's name, and the value.
    pub(super) fn under(&self, prefix: &'p str) -> impl Iterator<Item = (&'p str, &'p str)> {
        let found = self.0.iter();
        found.filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// How rows come together: in order where the table has one, by partition where it has
    /// partitions, unless the table says otherwise.
    pub(super) fn distribution(&self, partitioned: bool, sorted: bool) -> Result<Distribution> {
        const NAME: &str = "write.distribution-mode";
        match self.text(NAME).map(str::to_ascii_lowercase).as_deref() {
            None if sorted => Ok(Distribution::Range),
            None if partitioned => Ok(Distribution::Hash),
            None | Some("none") => Ok(Distribution::None),
            Some("hash") => Ok(Distribution::Hash),
            Some("range") => Ok(Distribution::Range),
            Some(other) => Err(invalid(NAME, other, "none, hash or range")),
        }
    }

    /// The size at which a data file is closed and the next one begun.
    pub(super) fn target_file_size(&self) -> Result<usize> {
        self.size("write.target-file-size-bytes", 512 * 1024 * 1024)
    }
}

/// The error for a property that has another value than it can have.
pub(super) fn invalid(name: &str, found: &str, expected: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("its property {name} is '{found}': expected {expected}"),
    )
}
