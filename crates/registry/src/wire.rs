// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The protobuf wire format, as much of it as a registry needs: fields are read one after the
//! other without recursion, and each keeps the bytes it came from.

use std::fmt;

/// Groups (deprecated, never written by Feast) are skipped up to this depth.
const MAX_GROUP_DEPTH: usize = 64;

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireError {
    what: String,
}

impl WireError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    fn at(at: usize, what: &str) -> Self {
        Self::new(format!("{what} at byte {at}"))
    }

    /// Names the part of the message where it happened.
    pub(crate) fn within(self, part: impl fmt::Display) -> Self {
        Self::new(format!("{part}: {}", self.what))
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for WireError {}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload<'a> {
    /// Integers, booleans and enums.
    Varint(u64),
    /// Strings, bytes and messages.
    Bytes(&'a [u8]),
    /// Fixed-width numbers and groups: kept, never looked into.
    Opaque,
}

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireField<'a> {
    pub(crate) number: u32,
    pub(crate) payload: Payload<'a>,
    /// The whole field, tag included, as it stood.
    pub(crate) raw: &'a [u8],
}

/// The fields of a message in their order; ends after the first error.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(WireError::at(start, "a number is cut off"));
            };
            self.at += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError::at(start, "a number has more than 64 bits"))
    }

    fn tag(&mut self) -> Result<(u32, u8), WireError> {
        let start = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).unwrap_or(0);
        if number == 0 || number > 0x1fff_ffff {
            return Err(WireError::at(start, "a field has an impossible number"));
        }
        Ok((number, (tag & 7) as u8))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], WireError> {
        let taken = usize::try_from(count)
            .ok()
            .and_then(|count| self.at.checked_add(count))
            .and_then(|end| self.bytes.get(self.at..end));
        let Some(taken) = taken else {
            let left = self.bytes.len() - self.at;
            return Err(WireError::at(
                self.at,
                &format!("a value of {count} bytes is cut off, {left} are left,"),
            ));
        };
        self.at += taken.len();
        Ok(taken)
    }

    /// Reads a value that is no group.
    fn value(&mut self, wire_type: u8) -> Result<Payload<'a>, WireError> {
        match wire_type {
            0 => Ok(Payload::Varint(self.varint()?)),
            1 => self.take(8).map(|_| Payload::Opaque),
            2 => {
                let length = self.varint()?;
                Ok(Payload::Bytes(self.take(length)?))
            }
            5 => self.take(4).map(|_| Payload::Opaque),
            _ => Err(WireError::at(self.at, "a field has an impossible type")),
        }
    }

    fn skip_group(&mut self, number: u32) -> Result<(), WireError> {
        let start = self.at;
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                3 if open.len() >= MAX_GROUP_DEPTH => {
                    return Err(WireError::at(start, "groups are nested too deep"));
                }
                3 => open.push(number),
                4 if number == innermost => {
                    open.pop();
                }
                4 => return Err(WireError::at(start, "a group ends as another one")),
                _ => {
                    self.value(wire_type)?;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self) -> Result<WireField<'a>, WireError> {
        let start = self.at;
        let (number, wire_type) = self.tag()?;
        let payload = if wire_type == 3 {
            self.skip_group(number)?;
            Payload::Opaque
        } else {
            self.value(wire_type)?
        };
        Ok(WireField {
            number,
            payload,
            raw: &self.bytes[start..self.at],
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<WireField<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A whole field holding a number.
pub(crate) fn varint_field(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(12);
    push_varint(&mut out, u64::from(number) << 3);
    push_varint(&mut out, value);
    out
}

/// A whole field holding bytes, a string or a message.
pub(crate) fn bytes_field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 8);
    push_varint(&mut out, (u64::from(number) << 3) | 2);
    push_varint(&mut out, value.len() as u64);
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<WireField<'_>>, WireError> {
        Fields::new(bytes).collect()
    }

    #[test]
    fn numbers_and_bytes_round_trip() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let bytes = varint_field(77, value);
            let fields = read(&bytes).unwrap();
            assert_eq!(fields[0].number, 77);
            assert_eq!(fields[0].payload, Payload::Varint(value));
            assert_eq!(fields[0].raw, bytes);
        }
        let bytes = bytes_field(5, b"abc");
        assert_eq!(read(&bytes).unwrap()[0].payload, Payload::Bytes(b"abc"));
    }

    #[test]
    fn what_is_cut_off_or_impossible_is_an_error() {
        for bytes in [
            &b"\x08"[..],                                    // no value
            b"\x08\xff",                                     // half a number
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", // 65 bits
            b"\x0a\x05abc",                                  // short string
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // length of 2^64-1
            b"\x09abc",                                      // short fixed64
            b"\x0d\x00",                                     // short fixed32
            b"\x00\x00",                                     // field 0
            b"\x0e",                                         // type 6
            b"\x0c",                                         // a group ends that never began
            b"\x0b",                                         // a group never ends
            b"\x0b\x14",                                     // it ends as another one
            b"\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", // enormous field number
        ] {
            assert!(read(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn groups_are_kept_as_one_and_their_depth_is_bounded() {
        let bytes = b"\x0b\x10\x01\x1b\x1c\x1a\x01x\x0c\x20\x07";
        let fields = read(bytes).unwrap();
        assert_eq!(fields.len(), 2);
        assert_eq!(fields[0].raw, &bytes[..9]);
        assert_eq!(fields[1].payload, Payload::Varint(7));
        let deep = vec![0x0b; 1_000_000];
        assert!(read(&deep).unwrap_err().to_string().contains("too deep"));
    }
}
