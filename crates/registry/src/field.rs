// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A named, typed column: a feature, or a join key of a view.

use std::collections::BTreeMap;

use crate::edit::Draft;
use crate::message::Message;
use crate::value_type::ValueType;
use crate::wire::WireError;

/// A feature, or a join key of a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// The name, after the source's field mapping.
    pub name: String,
    /// The type.
    pub value_type: ValueType,
    /// A text for people.
    pub description: String,
    /// Free key-value pairs.
    pub tags: BTreeMap<String, String>,
}

impl Field {
    /// A field without description and tags.
    pub fn new(name: impl Into<String>, value_type: ValueType) -> Self {
        Self {
            name: name.into(),
            value_type,
            ..Self::default()
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Message::read(bytes)?;
        Ok(Self {
            name: message.string(1)?,
            value_type: ValueType::stored(message.int32(2)?),
            tags: message.map(3)?,
            description: message.string(4)?,
        })
    }

    pub(crate) fn encode(&self, existing: Option<&[u8]>) -> Result<Vec<u8>, WireError> {
        let mut draft = Draft::of(existing)?;
        draft.string(1, &self.name)?;
        set_value_type(&mut draft, 2, self.value_type, existing)?;
        draft.map(3, &self.tags)?;
        draft.string(4, &self.description)?;
        Ok(draft.into_bytes())
    }
}

/// Sets a type, unless the stored number already means it (also one not known here).
pub(crate) fn set_value_type(
    draft: &mut Draft,
    number: u32,
    value_type: ValueType,
    existing: Option<&[u8]>,
) -> Result<(), WireError> {
    let stored = Message::read(existing.unwrap_or_default())?.int32(number)?;
    if existing.is_some() && ValueType::stored(stored) == value_type {
        return Ok(());
    }
    draft.varint(number, value_type.number() as u64)
}

pub(crate) fn decode_fields(message: &Message<'_>, number: u32) -> Result<Vec<Field>, WireError> {
    message
        .repeated(number)?
        .into_iter()
        .map(Field::decode)
        .collect()
}

/// Writes fields over those of the same name, so that what else they carry stays.
pub(crate) fn set_fields(
    draft: &mut Draft,
    number: u32,
    fields: &[Field],
    existing: &Message<'_>,
) -> Result<(), WireError> {
    let mut known = BTreeMap::new();
    for bytes in existing.repeated(number)? {
        known.insert(Message::read(bytes)?.string(1)?, bytes);
    }
    let fields = fields
        .iter()
        .map(|field| field.encode(known.get(&field.name).copied()))
        .collect::<Result<_, _>>()?;
    draft.messages(number, fields);
    Ok(())
}
