// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Initial defaults that the core crate's parser leaves out without a word: a column that has one
//! would be NULL where it must not be.

use iceberg::spec::{Literal, Type};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// The key of a field's initial default.
const KEY: &str = "initial-default";

/// Refuses the metadata file with these bytes if it has an initial default that is lost on reading.
pub(crate) fn check_defaults(metadata: &[u8]) -> Result<()> {
    // Few tables have any, and a large file takes long to parse once more.
    if !std::str::from_utf8(metadata).is_ok_and(|text| text.contains(KEY)) {
        return Ok(());
    }
    // What is no JSON is refused by whoever reads it.
    let Ok(metadata) = serde_json::from_slice::<Value>(metadata) else {
        return Ok(());
    };
    let schemas = metadata["schemas"].as_array().into_iter().flatten();
    let mut unread = Vec::new();
    for schema in schemas.chain([&metadata["schema"]]) {
        collect("", schema, &mut unread);
    }
    unread.dedup();
    if unread.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the table has columns with initial defaults that cannot be read: {}; drop them, or write the table anew",
        unread.join(", ")
    );
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// Adds the fields under `of`, a type at `path`, whose defaults are lost.
fn collect(path: &str, of: &Value, unread: &mut Vec<String>) {
    for field in of["fields"].as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        let path = match path {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        let default = &field[KEY];
        if !default.is_null() && is_lost(&field["type"], default) {
            unread.push(format!("'{path}' ({} {default})", field["type"]));
        }
        collect(&path, &field["type"], unread);
    }
    for child in ["element", "key", "value"] {
        if let Some(child_type) = of.get(child) {
            collect(&format!("{path}.{child}"), child_type, unread);
        }
    }
}

fn is_lost(data_type: &Value, default: &Value) -> bool {
    // A type that cannot be read is refused as such.
    let Ok(data_type) = serde_json::from_value::<Type>(data_type.clone()) else {
        return false;
    };
    !matches!(
        Literal::try_from_json(default.clone(), &data_type),
        Ok(Some(_))
    )
}
