// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! MurmurHash3, the 32-bit form for x86, with seed 0: the hash that Feast takes of keys and fields.

/// The hash of `bytes`.
///
/// ```
/// use feast_online::murmur3_x86_32;
///
/// assert_eq!(murmur3_x86_32(b"ds:v"), 0x642b_4a31);
/// ```
pub fn murmur3_x86_32(bytes: &[u8]) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |word: u32| word.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = 0_u32;
    for word in words {
        hash ^= scramble(u32::from_le_bytes(*word));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    hash ^= scramble(u32::from_le_bytes(last));
    // Lengths are counted modulo 2^32.
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_reference_implementation() {
        for (text, hash) in [
            ("", 0),
            ("a", 0x3c25_69b2),
            ("test", 0xba6b_d213),
            ("Hello, world!", 0xc036_3e43),
            ("The quick brown fox jumps over the lazy dog", 0x2e4f_f723),
        ] {
            assert_eq!(murmur3_x86_32(text.as_bytes()), hash, "{text}");
        }
        assert_eq!(murmur3_x86_32(&[0xff; 4]), 0x7629_3b50);
        assert_eq!(murmur3_x86_32(&[0x21, 0x43, 0x65, 0x87]), 0xf55b_516b);
        assert_eq!(murmur3_x86_32(&[0x21, 0x43, 0x65]), 0x7e4a_8634);
        assert_eq!(murmur3_x86_32(&[0x21, 0x43]), 0xa0f7_b07a);
        assert_eq!(murmur3_x86_32(&[0x21]), 0x7266_1cf4);
        assert_eq!(murmur3_x86_32(&[0; 4]), 0x2362_f9de);
    }
}
