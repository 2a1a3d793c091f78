// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Avro object container files: header, blocks and the encoding of primitive values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use apache_avro::{Codec, DeflateSettings, ZstandardSettings};

use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8] = b"Obj\x01";
const SYNC_BYTES: usize = 16;

/// The key-value pairs of a container's header.
pub(super) type Header = BTreeMap<Vec<u8>, Vec<u8>>;

/// An error for a file that is not what it must be.
pub(super) fn damaged(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Damaged, message)
}

fn cut_off() -> Error {
    damaged("the Avro file is cut off")
}

/// An Avro object container file.
pub(super) struct Container<'a> {
    pub(super) header: Header,
    /// Everything after the header's pairs: the synchronization marker and the blocks.
    pub(super) rest: &'a [u8],
}

impl<'a> Container<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(damaged("the file is no Avro file"));
        };
        let mut cursor = Cursor { rest };
        let mut header = Header::new();
        loop {
            let count = cursor.block_count()?;
            if count == 0 {
                break;
            }
            for _ in 0..count {
                let key = cursor.bytes()?.to_vec();
                header.insert(key, cursor.bytes()?.to_vec());
            }
        }
        if cursor.rest.len() < SYNC_BYTES {
            return Err(cut_off());
        }
        let rest = cursor.rest;
        Ok(Self { header, rest })
    }

    /// Gives each block to `read`: the number of values, and the values.
    pub(super) fn each_block(
        &self,
        mut read: impl FnMut(u64, &mut Cursor<'_>) -> Result<()>,
    ) -> Result<()> {
        let codec = self.codec()?;
        let (sync, blocks) = self.rest.split_at(SYNC_BYTES);
        let mut cursor = Cursor { rest: blocks };
        while !cursor.rest.is_empty() {
            let count = u64::try_from(cursor.long()?)
                .map_err(|_| damaged("an Avro block has less than no values"))?;
            let block = decompressed(codec, cursor.bytes()?)?;
            if cursor.take(SYNC_BYTES)? != sync {
                return Err(damaged("an Avro block does not end where its header says"));
            }
            let mut values = Cursor { rest: &block };
            read(count, &mut values)?;
            if !values.rest.is_empty() {
                return Err(damaged("an Avro block has more than its values"));
            }
        }
        Ok(())
    }

    fn codec(&self) -> Result<Codec> {
        match self.header.get(b"avro.codec".as_slice()).map(Vec::as_slice) {
            None | Some(b"null" | b"") => Ok(Codec::Null),
            Some(b"deflate") => Ok(Codec::Deflate(DeflateSettings::default())),
            Some(b"snappy") => Ok(Codec::Snappy),
            Some(b"zstandard") => Ok(Codec::Zstandard(ZstandardSettings::default())),
            Some(other) => {
                let codec = String::from_utf8_lossy(other);
                let message = format!(
                    "Avro files compressed with '{codec}' are not supported; rewrite the table's \
                     manifests with deflate, snappy or zstandard"
                );
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        }
    }
}

fn decompressed(codec: Codec, block: &[u8]) -> Result<Cow<'_, [u8]>> {
    const CHECKSUM_BYTES: usize = 4;
    if codec == Codec::Null {
        return Ok(Cow::Borrowed(block));
    }
    if block.len() <= CHECKSUM_BYTES && codec == Codec::Snappy {
        return Err(cut_off());
    }
    let mut bytes = block.to_vec();
    codec
        .decompress(&mut bytes)
        .map_err(|e| damaged("a block of the Avro file cannot be decompressed").with_source(e))?;
    Ok(Cow::Owned(bytes))
}

/// Reads Avro's encoding.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(*first)
    }

    /// A long or an int: zigzag, seven bits a byte, least first.
    pub(super) fn long(&mut self) -> Result<i64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(damaged("a number in the Avro file is longer than 64 bits"))
    }

    /// Bytes or a string.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.long()?)
            .map_err(|_| damaged("a value in the Avro file has less than no bytes"))?;
        self.take(length)
    }

    pub(super) fn boolean(&mut self) -> Result<bool> {
        Ok(self.byte()? != 0)
    }

    pub(super) fn float(&mut self) -> Result<f32> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(f32::from_le_bytes(bytes))
    }

    pub(super) fn double(&mut self) -> Result<f64> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(f64::from_le_bytes(bytes))
    }

    /// The number of items in the next block of an array or map; 0 after the last. More than there
    /// are bytes is an error, since each item takes some.
    pub(super) fn block_count(&mut self) -> Result<u64> {
        let count = self.long()?;
        if count < 0 {
            self.long()?;
        }
        let count = count.unsigned_abs();
        if count > self.rest.len() as u64 {
            return Err(cut_off());
        }
        Ok(count)
    }
}
