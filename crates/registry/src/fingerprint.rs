// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Ids without chance: the same input gives the same one.

/// FNV-1a over 128 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fingerprint(u128);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    pub(crate) fn add(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
        }
        self
    }

    /// As a UUID of version 8, which leaves its content to us.
    pub(crate) fn uuid(self) -> String {
        let bits = (self.0 & !(0xf << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        format!(
            "{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(
            Fingerprint::new().add(b"a").0,
            0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964
        );
        let uuid = Fingerprint::new().add(b"a").uuid();
        assert_eq!(uuid, "d228cb69-6f1a-8caf-b891-2b704e4a8964");
    }
}
