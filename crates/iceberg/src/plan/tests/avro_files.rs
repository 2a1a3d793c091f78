// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Avro files put together from their parts.

use super::super::avro::Header;

/// An Avro file of a header, and of all that comes after it.
pub(super) fn file(header: &Header, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"Obj\x01".to_vec();
    put_long(&mut bytes, header.len());
    for text in header.iter().flat_map(|(key, value)| [key, value]) {
        put_long(&mut bytes, text.len());
        bytes.extend_from_slice(text);
    }
    put_long(&mut bytes, 0);
    bytes.extend_from_slice(rest);
    bytes
}

/// A length, as Avro writes it.
pub(super) fn put_long(bytes: &mut Vec<u8>, value: usize) {
    let mut value = value << 1;
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
