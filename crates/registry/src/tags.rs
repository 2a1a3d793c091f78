// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What this library keeps in an object's tags, apart from its user's.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// All our tags begin with this.
pub(crate) const PREFIX: &str = "datafusion_feast.";
/// A view's tie break: a JSON list of columns.
pub(crate) const TIE_BREAK: &str = "datafusion_feast.tie_break";
/// On a data source: a view brought it along, and its removal takes it away.
pub(crate) const BROUGHT_ALONG: &str = "datafusion_feast.brought_along";

/// The tags that are the user's.
pub(crate) fn users(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    tags.iter()
        .filter(|(key, _)| !key.starts_with(PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The user's tags with ours: those stored before (also of later versions) and those given.
pub(crate) fn with_ours<'a>(
    users: &BTreeMap<String, String>,
    stored: &BTreeMap<String, String>,
    ours: impl IntoIterator<Item = (&'a str, Option<String>)>,
) -> BTreeMap<String, String> {
    let mut tags = users.clone();
    tags.extend(
        stored
            .iter()
            .filter(|(key, _)| key.starts_with(PREFIX))
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    for (key, value) in ours {
        match value {
            Some(value) => tags.insert(key.to_owned(), value),
            None => tags.remove(key),
        };
    }
    tags
}

/// Refuses tags that begin with our prefix.
pub(crate) fn check(what: &str, tags: &BTreeMap<String, String>) -> Result<()> {
    match tags.keys().find(|key| key.starts_with(PREFIX)) {
        None => Ok(()),
        Some(key) => Err(Error::invalid(format!(
            "{what} has the tag '{key}'; tags beginning with '{PREFIX}' are kept for this \
             library, use another key"
        ))),
    }
}
