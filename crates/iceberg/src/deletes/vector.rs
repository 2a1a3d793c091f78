// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The bytes of a deletion vector.
//!
//! ```text
//! ┌────────────┬───────────────┬──────────────────────────┬─────────────┐
//! │ length u32 │ magic 4 bytes │ positions: 64-bit Roaring │ CRC-32 u32  │
//! │ big endian │ D1 D3 39 64   │ portable, little endian   │ big endian  │
//! └────────────┴───────────────┴──────────────────────────┴─────────────┘
//!                └──── length and CRC-32 are of these two ┘
//! ```

use std::sync::Arc;

use iceberg::spec::DataFile;
use roaring::{RoaringBitmap, RoaringTreemap};

use super::location::same_file_key;
use super::positions::treemap_weight;
use super::puffin::read_blob;
use crate::cache::Weigh;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::TableStorage;

/// What a deletion vector begins with, after its length.
const MAGIC: [u8; 4] = [0xD1, 0xD3, 0x39, 0x64];

/// The bytes around the positions: length, magic, CRC-32.
const FRAME: usize = 12;

/// A check of a deletion vector; the error says what is wrong.
pub(super) type Checked<T> = std::result::Result<T, String>;

/// The deleted positions of one data file.
#[derive(Debug)]
pub(super) struct DeletionVector {
    positions: Arc<RoaringTreemap>,
}

impl DeletionVector {
    /// Reads the deletion vector `file` of `data_file`.
    pub(super) async fn read(
        storage: &TableStorage,
        file: &DataFile,
        data_file: &str,
    ) -> Result<Self> {
        let blob = read_blob(storage, file, data_file).await?;
        let positions = decode(&blob).map_err(|found| {
            let message = format!("the deletion vector of data file '{data_file}': {found}");
            Error::new(ErrorKind::Damaged, message)
        })?;
        Ok(Self {
            positions: Arc::new(positions),
        })
    }

    /// The positions.
    pub(super) fn positions(&self) -> Arc<RoaringTreemap> {
        Arc::clone(&self.positions)
    }

    /// Whether this is what the manifest entry `file` promises for a data file of so many rows.
    pub(super) fn verify(
        &self,
        file: &DataFile,
        data_file: &str,
        record_count: u64,
    ) -> Checked<()> {
        let target = file.referenced_data_file();
        let target = target.ok_or("the manifest names no data file for it")?;
        if same_file_key(&target) != same_file_key(data_file) {
            return Err(format!("the manifest says it is for '{target}'"));
        }
        let (promised, found) = (file.record_count(), self.positions.len());
        if found != promised {
            return Err(format!(
                "the manifest says it deletes {promised} rows, it deletes {found}"
            ));
        }
        match self.positions.max() {
            Some(last) if last >= record_count => Err(format!(
                "it deletes row {last}, the data file has {record_count} rows"
            )),
            _ => Ok(()),
        }
    }
}

impl Weigh for DeletionVector {
    fn weight(&self) -> usize {
        treemap_weight(&self.positions)
    }
}

/// The positions that the bytes of a deletion vector name.
pub(super) fn decode(blob: &[u8]) -> Checked<RoaringTreemap> {
    let (length, rest) = split_u32(blob).ok_or_else(|| too_short(blob))?;
    let (checked, checksum) = rest
        .split_at_checked(rest.len().saturating_sub(4))
        .ok_or_else(|| too_short(blob))?;
    let (checksum, _) = split_u32(checksum).ok_or_else(|| too_short(blob))?;
    if u32::try_from(checked.len()) != Ok(length) {
        return Err(format!(
            "its length says {length} bytes, there are {}",
            checked.len()
        ));
    }
    let positions = checked
        .strip_prefix(&MAGIC)
        .ok_or("it does not begin with the magic D1 D3 39 64")?;
    let found = crc32fast::hash(checked);
    if found != checksum {
        return Err(format!(
            "its CRC-32 says {checksum:08x}, the bytes have {found:08x}"
        ));
    }
    decode_positions(positions)
}

fn too_short(blob: &[u8]) -> String {
    format!("it has {} bytes, at least {FRAME} expected", blob.len())
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*first), rest))
}

/// A 64-bit Roaring bitmap in the portable form: the count of 32-bit ones, then each with the upper
/// half of its positions. Nothing is allocated beyond what the bytes hold.
fn decode_positions(mut bytes: &[u8]) -> Checked<RoaringTreemap> {
    let (count, rest) = bytes
        .split_first_chunk()
        .ok_or("its positions end before their count")?;
    bytes = rest;
    let mut bitmaps = Vec::new();
    let mut last = None;
    for _ in 0..u64::from_le_bytes(*count) {
        let (high, rest) = bytes.split_first_chunk().ok_or("its positions end early")?;
        bytes = rest;
        let high = u32::from_le_bytes(*high);
        if last.is_some_and(|last| last >= high) {
            return Err("its positions are out of order".to_string());
        }
        last = Some(high);
        let bitmap = RoaringBitmap::deserialize_from(&mut bytes)
            .map_err(|e| format!("its positions are no Roaring bitmap: {e}"))?;
        // Writers in Java fill gaps with empty bitmaps.
        if !bitmap.is_empty() {
            bitmaps.push((high, bitmap));
        }
    }
    if !bytes.is_empty() {
        return Err(format!("{} bytes follow its positions", bytes.len()));
    }
    Ok(RoaringTreemap::from_bitmaps(bitmaps))
}
