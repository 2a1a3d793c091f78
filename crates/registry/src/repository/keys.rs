// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The keys of one mapping in `feature_store.yaml`, by type.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The keys below a name; the name is empty at the top.
#[derive(Clone)]
pub(super) struct Keys {
    name: &'static str,
    map: Map<String, Value>,
}

impl Keys {
    pub(super) fn new(name: &'static str, map: Map<String, Value>) -> Self {
        Self { name, map }
    }

    /// The value of a key; what is written as null is not given.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The value of a key, null where it is written so.
    pub(super) fn written(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<i64>> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(key, "a whole number")),
            },
        }
    }

    /// A mapping of plain values, as text.
    pub(super) fn texts(&self, key: &str) -> Result<BTreeMap<String, String>> {
        let map = match self.get(key) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(map)) => map,
            Some(_) => return Err(self.wrong(key, "keys with values")),
        };
        map.iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                Value::Bool(_) | Value::Number(_) => Ok((name.clone(), value.to_string())),
                _ => Err(self.wrong(&format!("{key}.{name}"), "a plain value")),
            })
            .collect()
    }

    /// The error about a value, which it does not repeat: it may be a secret.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::invalid(format!("{} expects {expected}", self.path(key)))
    }

    /// Notes keys that have no meaning.
    pub(super) fn note_unknown(&self, known: &[&str], notices: &mut Vec<String>) {
        for key in self.map.keys() {
            if !known.contains(&key.as_str()) {
                notices.push(format!(
                    "{} is not known and has no effect; known are {}",
                    self.path(key),
                    known.join(", ")
                ));
            }
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}
