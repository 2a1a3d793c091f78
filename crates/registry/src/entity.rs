// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Entities: what features are about, and the column that identifies it.

use std::collections::BTreeMap;

use crate::edit::Draft;
use crate::error::{Error, Result};
use crate::field::set_value_type;
use crate::message::Message;
use crate::names;
use crate::time::{Timestamp, stamp};
use crate::value_type::ValueType;
use crate::wire::WireError;

/// The entity that Feast writes for views without one.
pub(crate) const DUMMY_ENTITY: &str = "__dummy";
/// The join key of [`DUMMY_ENTITY`].
pub(crate) const DUMMY_JOIN_KEY: &str = "__dummy_id";

/// What features are about, and the column that identifies it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entity {
    /// The name, by which views refer to it.
    pub name: String,
    /// The column that identifies it. Feast has exactly one.
    pub join_key: String,
    /// The type of the join key.
    pub value_type: ValueType,
    /// A text for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// Free key-value pairs.
    pub tags: BTreeMap<String, String>,
}

impl Entity {
    /// An entity without description, owner and tags.
    pub fn new(
        name: impl Into<String>,
        join_key: impl Into<String>,
        value_type: ValueType,
    ) -> Self {
        let (name, join_key) = (name.into(), join_key.into());
        Self {
            name,
            join_key,
            value_type,
            ..Self::default()
        }
    }

    pub(crate) fn dummy() -> Self {
        Self::new(DUMMY_ENTITY, DUMMY_JOIN_KEY, ValueType::Unknown)
    }

    pub(crate) fn check(&self) -> Result<()> {
        names::check("entity", &self.name)?;
        if self.name == DUMMY_ENTITY {
            return Err(Error::invalid(format!(
                "entity '{DUMMY_ENTITY}' is Feast's own, for views without entities; choose \
                 another name"
            )));
        }
        if self.join_key.is_empty() || self.join_key == DUMMY_JOIN_KEY {
            return Err(Error::invalid(format!(
                "entity '{}' has the join key '{}'; name the column that identifies it",
                self.name, self.join_key
            )));
        }
        Ok(())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        let spec = message.message(1)?.unwrap_or_default();
        let spec = Message::read(&spec)?;
        Ok(Self {
            name: spec.string(1)?,
            value_type: ValueType::stored(spec.int32(2)?),
            description: spec.string(3)?,
            join_key: spec.string(4)?,
            tags: spec.map(8)?,
            owner: spec.string(10)?,
        })
    }

    pub(crate) fn encode(
        &self,
        project: &str,
        existing: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Vec<u8>, WireError> {
        let mut draft = Draft::of(existing)?;
        let stored = draft.get(1)?;
        draft.edit(1, |spec| {
            spec.string(1, &self.name)?;
            set_value_type(spec, 2, self.value_type, stored.as_deref())?;
            spec.string(3, &self.description)?;
            spec.string(4, &self.join_key)?;
            spec.map(8, &self.tags)?;
            spec.string(9, project)?;
            spec.string(10, &self.owner)
        })?;
        draft.edit(2, |meta| stamp(meta, 1, 2, now))?;
        Ok(draft.into_bytes())
    }
}
