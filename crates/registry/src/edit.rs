// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Splicing: a message is changed field by field and everything else stays as it stood.
//!
//! A setter whose value is already there leaves the bytes alone, so an edit that changes nothing
//! gives back what was read.

use std::collections::BTreeMap;

use crate::message::{Message, map_entry};
use crate::wire::{Fields, Payload, WireError, bytes_field, varint_field};

/// A message under edit: its fields with their bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    parts: Vec<(u32, Vec<u8>)>,
}

impl Draft {
    /// Starts from a message, or from nothing.
    pub(crate) fn of(existing: Option<&[u8]>) -> Result<Self, WireError> {
        let parts = Fields::new(existing.unwrap_or_default())
            .map(|field| field.map(|field| (field.number, field.raw.to_vec())))
            .collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.parts.iter().map(|(_, raw)| raw.len()).sum());
        self.parts
            .iter()
            .for_each(|(_, raw)| out.extend_from_slice(raw));
        out
    }

    /// Reads the message as it stands now.
    fn now<T>(
        &self,
        number: u32,
        read: impl FnOnce(&Message<'_>) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        let bytes: Vec<u8> = self.raws(number).flatten().copied().collect();
        read(&Message::read(&bytes)?)
    }

    fn raws(&self, number: u32) -> impl Iterator<Item = &Vec<u8>> {
        self.parts
            .iter()
            .filter(move |(n, _)| *n == number)
            .map(|(_, raw)| raw)
    }

    /// Puts these fields where the first of that number stood, else before higher numbers.
    fn put(&mut self, number: u32, raws: Vec<Vec<u8>>) {
        if self.raws(number).eq(raws.iter()) {
            return;
        }
        let at = self
            .parts
            .iter()
            .position(|(n, _)| *n == number)
            .or_else(|| self.parts.iter().position(|(n, _)| *n > number))
            .unwrap_or(self.parts.len());
        self.parts.retain(|(n, _)| *n != number);
        self.parts
            .splice(at..at, raws.into_iter().map(|raw| (number, raw)));
    }

    pub(crate) fn clear(&mut self, number: u32) {
        self.parts.retain(|(n, _)| *n != number);
    }

    pub(crate) fn varint(&mut self, number: u32, value: u64) -> Result<(), WireError> {
        if self.now(number, |message| message.varint(number))? != value {
            let raws = if value == 0 {
                vec![]
            } else {
                vec![varint_field(number, value)]
            };
            self.put(number, raws);
        }
        Ok(())
    }

    pub(crate) fn flag(&mut self, number: u32, value: bool) -> Result<(), WireError> {
        self.varint(number, u64::from(value))
    }

    pub(crate) fn bytes(&mut self, number: u32, value: &[u8]) -> Result<(), WireError> {
        if self.now(number, |message| Ok(message.bytes(number)? != value))? {
            let raws = if value.is_empty() {
                vec![]
            } else {
                vec![bytes_field(number, value)]
            };
            self.put(number, raws);
        }
        Ok(())
    }

    pub(crate) fn string(&mut self, number: u32, value: &str) -> Result<(), WireError> {
        self.bytes(number, value.as_bytes())
    }

    pub(crate) fn strings(&mut self, number: u32, values: &[String]) {
        self.put(
            number,
            values
                .iter()
                .map(|v| bytes_field(number, v.as_bytes()))
                .collect(),
        );
    }

    /// A message, written also when it is empty.
    pub(crate) fn message(&mut self, number: u32, value: &[u8]) -> Result<(), WireError> {
        if self.now(number, |message| {
            Ok(message.message(number)?.as_deref() != Some(value))
        })? {
            self.put(number, vec![bytes_field(number, value)]);
        }
        Ok(())
    }

    /// Replaces each message of that number; those that stay as they are keep their bytes.
    pub(crate) fn each(
        &mut self,
        number: u32,
        mut change: impl FnMut(&[u8]) -> Result<Vec<u8>, WireError>,
    ) -> Result<(), WireError> {
        let (mut values, mut changed) = (Vec::new(), false);
        for raw in self.raws(number) {
            for field in Fields::new(raw) {
                if let Payload::Bytes(bytes) = field?.payload {
                    let value = change(bytes)?;
                    changed |= value != bytes;
                    values.push(value);
                }
            }
        }
        if changed {
            self.messages(number, values);
        }
        Ok(())
    }

    pub(crate) fn messages(&mut self, number: u32, values: Vec<Vec<u8>>) {
        self.put(
            number,
            values
                .iter()
                .map(|value| bytes_field(number, value))
                .collect(),
        );
    }

    /// The message of that number as it stands now.
    pub(crate) fn get(&self, number: u32) -> Result<Option<Vec<u8>>, WireError> {
        self.now(number, |message| {
            Ok(message.message(number)?.map(std::borrow::Cow::into_owned))
        })
    }

    /// Edits the message of that number in place.
    pub(crate) fn edit(
        &mut self,
        number: u32,
        change: impl FnOnce(&mut Draft) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let existing = self.get(number)?;
        let mut draft = Draft::of(existing.as_deref())?;
        change(&mut draft)?;
        self.message(number, &draft.into_bytes())
    }

    /// A `map<string, string>`: entries that stay keep their bytes and their order.
    pub(crate) fn map(
        &mut self,
        number: u32,
        values: &BTreeMap<String, String>,
    ) -> Result<(), WireError> {
        if self.now(number, |message| message.map(number))? == *values {
            return Ok(());
        }
        let mut left = values.clone();
        let mut raws = Vec::with_capacity(values.len());
        for raw in self.raws(number) {
            for field in Fields::new(raw) {
                let Payload::Bytes(bytes) = field?.payload else {
                    continue;
                };
                let (key, value) = map_entry(bytes)?;
                if left.get(&key) == Some(&value) {
                    left.remove(&key);
                    raws.push(raw.clone());
                }
            }
        }
        for (key, value) in left {
            // Entries carry both fields, also empty ones, as Feast's own do.
            let entry = [
                bytes_field(1, key.as_bytes()),
                bytes_field(2, value.as_bytes()),
            ];
            raws.push(bytes_field(number, &entry.concat()));
        }
        self.put(number, raws);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        [
            bytes_field(1, b"name"),
            varint_field(1000, 7),
            bytes_field(3, b"a"),
            varint_field(2, 9),
            bytes_field(3, b"b"),
        ]
        .concat()
    }

    #[test]
    fn the_same_values_leave_the_bytes() {
        let mut draft = Draft::of(Some(&sample())).unwrap();
        draft.string(1, "name").unwrap();
        draft.varint(2, 9).unwrap();
        draft.strings(3, &["a".into(), "b".into()]);
        draft.string(4, "").unwrap();
        assert_eq!(draft.into_bytes(), sample());
    }

    #[test]
    fn a_change_leaves_the_others_where_they_stood() {
        let mut draft = Draft::of(Some(&sample())).unwrap();
        draft.string(1, "other").unwrap();
        draft.strings(3, &["c".into()]);
        draft.flag(2, false).unwrap();
        draft.string(500, "new").unwrap();
        let expected = [
            bytes_field(1, b"other"),
            bytes_field(500, b"new"),
            varint_field(1000, 7),
            bytes_field(3, b"c"),
        ]
        .concat();
        assert_eq!(draft.into_bytes(), expected);
    }

    #[test]
    fn a_message_in_pieces_is_edited_as_one() {
        let bytes = [
            bytes_field(1, &bytes_field(1, b"x")),
            bytes_field(2, b"between"),
            bytes_field(1, &varint_field(9, 1)),
        ]
        .concat();
        let mut draft = Draft::of(Some(&bytes)).unwrap();
        draft.edit(1, |inner| inner.string(1, "y")).unwrap();
        let inner = [bytes_field(1, b"y"), varint_field(9, 1)].concat();
        let expected = [bytes_field(1, &inner), bytes_field(2, b"between")].concat();
        assert_eq!(draft.into_bytes(), expected);
    }

    #[test]
    fn map_entries_that_stay_keep_their_order() {
        let entry = |key: &str, value: &str| {
            let fields = [
                bytes_field(1, key.as_bytes()),
                bytes_field(2, value.as_bytes()),
            ];
            bytes_field(8, &fields.concat())
        };
        let bytes = [entry("z", "1"), entry("b", "2"), entry("a", "3")].concat();
        let mut draft = Draft::of(Some(&bytes)).unwrap();
        let values = [("z", "1"), ("a", "4"), ("c", "5")];
        let values = values.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        draft.map(8, &values).unwrap();
        let expected = [entry("z", "1"), entry("a", "4"), entry("c", "5")].concat();
        assert_eq!(draft.into_bytes(), expected);
    }
}
