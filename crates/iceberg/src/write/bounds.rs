// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Bounds of strings and binaries, made shorter without bounding less.

use iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType};

/// A bound that is no greater and has no more than `length` characters or bytes.
pub(super) fn shorter_lower(bound: Datum, length: usize) -> Option<Datum> {
    match (bound.literal(), bound.data_type()) {
        (PrimitiveLiteral::String(text), _) => {
            let cut = text.char_indices().nth(length);
            match cut.map(|(end, _)| Datum::string(&text[..end])) {
                Some(shorter) => Some(shorter),
                None => Some(bound),
            }
        }
        (PrimitiveLiteral::Binary(bytes), PrimitiveType::Binary) if bytes.len() > length => {
            Some(Datum::binary(bytes[..length].iter().copied()))
        }
        _ => Some(bound),
    }
}

/// A bound that is no less and has no more than `length` characters or bytes, if there is one.
pub(super) fn shorter_upper(bound: Datum, length: usize) -> Option<Datum> {
    match (bound.literal(), bound.data_type()) {
        (PrimitiveLiteral::String(text), _) => match text.char_indices().nth(length) {
            Some((end, _)) => next_string(&text[..end]).map(Datum::string),
            None => Some(bound),
        },
        (PrimitiveLiteral::Binary(bytes), PrimitiveType::Binary) if bytes.len() > length => {
            next_bytes(&bytes[..length]).map(Datum::binary)
        }
        _ => Some(bound),
    }
}

/// The least string of no more characters that is greater than all that begin with `prefix`.
fn next_string(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn next_bytes(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return Some(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_bound_still_bounds() {
        let lower = |text: &str| shorter_lower(Datum::string(text), 2);
        let upper = |text: &str| shorter_upper(Datum::string(text), 2);
        assert_eq!(lower("äöü"), Some(Datum::string("äö")));
        assert_eq!(upper("äöü"), Some(Datum::string("ä÷")));
        assert_eq!(upper("ab"), Some(Datum::string("ab")));
        assert_eq!(upper("a\u{10ffff}x"), Some(Datum::string("b")));
        assert_eq!(upper("a\u{d7ff}x"), Some(Datum::string("a\u{e000}")));
        assert_eq!(upper("\u{10ffff}\u{10ffff}x"), None);
        let upper = |bytes: &[u8]| shorter_upper(Datum::binary(bytes.iter().copied()), 2);
        assert_eq!(upper(&[1, 255, 0]), Some(Datum::binary([2])));
        assert_eq!(upper(&[255, 255, 0]), None);
        assert_eq!(
            shorter_upper(Datum::long(i64::MAX), 2),
            Some(Datum::long(i64::MAX))
        );
    }
}
