// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Single values as bytes: bounds, partition summaries and what buckets hash.

use super::datum::Datum;
use super::types::Type;

/// The value in the specification's binary form, None for NULL and nested values.
pub(super) fn bytes(value: &Datum, ty: &Type) -> Option<Vec<u8>> {
    Some(match (value, ty) {
        (Datum::Bool(value), _) => vec![u8::from(*value)],
        (Datum::Int(value), Type::Int | Type::Date) => {
            i32::try_from(*value).ok()?.to_le_bytes().to_vec()
        }
        (Datum::Int(value), _) => value.to_le_bytes().to_vec(),
        (Datum::Float(value), _) => value.to_le_bytes().to_vec(),
        (Datum::Double(value), _) => value.to_le_bytes().to_vec(),
        (Datum::Decimal(value), _) => minimal(*value),
        (Datum::Text(value), _) => value.clone().into_bytes(),
        (Datum::Bytes(value), _) => value.clone(),
        _ => return None,
    })
}

/// A decimal's unscaled value in as few bytes as hold it, the highest first.
pub(super) fn minimal(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let sign: u8 = if value < 0 { 0xff } else { 0 };
    let mut from = 0;
    while from < 15 && bytes[from] == sign && (bytes[from + 1] ^ sign) & 0x80 == 0 {
        from += 1;
    }
    bytes[from..].to_vec()
}

/// The lower bound of a text or binary value after `length` characters or bytes.
pub(super) fn truncated_lower(value: &Datum, length: usize) -> Datum {
    match value {
        Datum::Text(text) => Datum::Text(text.chars().take(length).collect()),
        Datum::Bytes(bytes) => Datum::Bytes(bytes.iter().copied().take(length).collect()),
        other => other.clone(),
    }
}

/// The upper bound of a text or binary value after `length` characters or bytes: the last one is
/// made greater. None where that cannot be.
pub(super) fn truncated_upper(value: &Datum, length: usize) -> Option<Datum> {
    match value {
        Datum::Text(text) if text.chars().count() > length => {
            let mut kept: Vec<char> = text.chars().take(length).collect();
            while let Some(last) = kept.pop() {
                let next = (u32::from(last) + 1..=0x0010_ffff).find_map(char::from_u32);
                if let Some(next) = next {
                    kept.push(next);
                    return Some(Datum::Text(kept.into_iter().collect()));
                }
            }
            None
        }
        Datum::Bytes(bytes) if bytes.len() > length => {
            let mut kept = bytes[..length].to_vec();
            while let Some(last) = kept.pop() {
                if last < 0xff {
                    kept.push(last + 1);
                    return Some(Datum::Bytes(kept));
                }
            }
            None
        }
        other => Some(other.clone()),
    }
}

/// Murmur3, 32 bits, x86, seed 0.
pub(super) fn murmur3(bytes: &[u8]) -> u32 {
    let mix = |block: u32| {
        block
            .wrapping_mul(0xcc9e_2d51)
            .rotate_left(15)
            .wrapping_mul(0x1b87_3593)
    };
    let (blocks, rest) = bytes.as_chunks::<4>();
    let mut hash = 0_u32;
    for block in blocks {
        hash = (hash ^ mix(u32::from_le_bytes(*block)))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let tail = rest
        .iter()
        .rev()
        .fold(0, |tail, byte| tail << 8 | u32::from(*byte));
    if !rest.is_empty() {
        hash ^= mix(tail);
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the specification's appendix B.
    #[test]
    fn hashes_are_those_of_the_specification() {
        let signed = |bytes: &[u8]| murmur3(bytes).cast_signed();
        assert_eq!(signed(&34_i64.to_le_bytes()), 2_017_239_379);
        assert_eq!(signed(&minimal(1420)), -500_754_589);
        assert_eq!(signed(&17_486_i64.to_le_bytes()), -653_330_422);
        assert_eq!(signed("iceberg".as_bytes()), 1_210_000_089);
        assert_eq!(signed(&[0, 1, 2, 3]), -188_683_207);
    }

    #[test]
    fn decimals_have_as_few_bytes_as_hold_them() {
        assert_eq!(minimal(0), [0]);
        assert_eq!(minimal(127), [0x7f]);
        assert_eq!(minimal(128), [0, 0x80]);
        assert_eq!(minimal(-128), [0x80]);
        assert_eq!(minimal(-129), [0xff, 0x7f]);
        assert_eq!(minimal(i128::MIN).len(), 16);
    }

    #[test]
    fn an_upper_bound_is_above() {
        let text = |text: &str| Datum::Text(text.to_owned());
        let upper = |value: &str, length| truncated_upper(&text(value), length);
        assert!(upper("abc", 2).unwrap().same(&text("ac")));
        assert!(upper("abc", 3).unwrap().same(&text("abc")));
        assert!(upper("a\u{10ffff}c", 2).unwrap().same(&text("b")));
        assert!(upper("\u{10ffff}c", 1).is_none());
        assert!(upper("\u{d7ff}c", 1).unwrap().same(&text("\u{e000}")));
    }
}
