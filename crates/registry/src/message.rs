// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A message as read, with typed access to its fields by number.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::wire::{Fields, Payload, WireError, WireField};

/// The fields of one message, borrowed.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    fields: Vec<WireField<'a>>,
}

impl<'a> Message<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        Ok(Self {
            fields: Fields::new(bytes).collect::<Result<_, _>>()?,
        })
    }

    /// Every value of a repeated field of strings, bytes or messages.
    pub(crate) fn repeated(&self, number: u32) -> Result<Vec<&'a [u8]>, WireError> {
        self.fields
            .iter()
            .filter(|field| field.number == number)
            .map(|field| match field.payload {
                Payload::Bytes(bytes) => Ok(bytes),
                _ => Err(mistyped(number)),
            })
            .collect()
    }

    /// A message: what is written in several pieces counts as one, as protobuf has it.
    pub(crate) fn message(&self, number: u32) -> Result<Option<Cow<'a, [u8]>>, WireError> {
        let mut pieces = self.repeated(number)?;
        Ok(match pieces.len() {
            0 => None,
            1 => pieces.pop().map(Cow::Borrowed),
            _ => Some(Cow::Owned(pieces.concat())),
        })
    }

    /// A number; the last one written counts, 0 if there is none.
    pub(crate) fn varint(&self, number: u32) -> Result<u64, WireError> {
        match self.fields.iter().rfind(|field| field.number == number) {
            None => Ok(0),
            Some(WireField {
                payload: Payload::Varint(value),
                ..
            }) => Ok(*value),
            Some(_) => Err(mistyped(number)),
        }
    }

    pub(crate) fn flag(&self, number: u32) -> Result<bool, WireError> {
        Ok(self.varint(number)? != 0)
    }

    /// A number of 32 bits, of which Feast's enums and counters are.
    pub(crate) fn int32(&self, number: u32) -> Result<i32, WireError> {
        Ok(self.varint(number)? as i32)
    }

    pub(crate) fn int64(&self, number: u32) -> Result<i64, WireError> {
        Ok(self.varint(number)? as i64)
    }

    /// Bytes; the last ones written count, none are empty.
    pub(crate) fn bytes(&self, number: u32) -> Result<&'a [u8], WireError> {
        Ok(self.repeated(number)?.last().copied().unwrap_or_default())
    }

    pub(crate) fn string(&self, number: u32) -> Result<String, WireError> {
        text(self.bytes(number)?, number)
    }

    /// A string of which an empty one means none.
    pub(crate) fn optional_string(&self, number: u32) -> Result<Option<String>, WireError> {
        let string = self.string(number)?;
        Ok((!string.is_empty()).then_some(string))
    }

    pub(crate) fn strings(&self, number: u32) -> Result<Vec<String>, WireError> {
        self.repeated(number)?
            .into_iter()
            .map(|bytes| text(bytes, number))
            .collect()
    }

    /// A `map<string, string>`; the last entry of a key counts.
    pub(crate) fn map(&self, number: u32) -> Result<BTreeMap<String, String>, WireError> {
        self.repeated(number)?.into_iter().map(map_entry).collect()
    }
}

/// The key and the value of one entry of a `map<string, string>`.
pub(crate) fn map_entry(bytes: &[u8]) -> Result<(String, String), WireError> {
    let entry = Message::read(bytes)?;
    Ok((entry.string(1)?, entry.string(2)?))
}

fn text(bytes: &[u8], number: u32) -> Result<String, WireError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(WireError::new(format!("field {number} is not UTF-8 text"))),
    }
}

fn mistyped(number: u32) -> WireError {
    WireError::new(format!("field {number} has another type than Feast writes"))
}
