// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Deletion vectors in Puffin files.
//!
//! ```text
//! PFA1 blob… PFA1 footer length(4, little) flags(4) PFA1
//! blob = length(4, big) D1 D3 39 64 roaring… crc32(4, big)
//! ```

use std::io;

use bytes::Bytes;
use roaring::RoaringTreemap;
use serde_json::json;

const MAGIC: &[u8] = b"PFA1";
const VECTOR_MAGIC: [u8; 4] = [0xd1, 0xd3, 0x39, 0x64];

/// A vector inside a Puffin file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: i64,
    pub(super) length: i64,
}

/// Writes the vectors of data files, and says where each is.
pub(super) fn write(vectors: &[(String, RoaringTreemap)]) -> io::Result<(Bytes, Vec<Place>)> {
    let mut file = MAGIC.to_vec();
    let (mut places, mut blobs) = (Vec::new(), Vec::new());
    for (path, positions) in vectors {
        let blob = blob(positions)?;
        let place = Place {
            offset: file.len() as i64,
            length: blob.len() as i64,
        };
        blobs.push(json!({
            "type": "deletion-vector-v1",
            "fields": [2_147_483_645],
            "snapshot-id": -1,
            "sequence-number": -1,
            "offset": place.offset,
            "length": place.length,
            "properties": {
                "referenced-data-file": path,
                "cardinality": positions.len().to_string(),
            },
        }));
        file.extend_from_slice(&blob);
        places.push(place);
    }
    let footer = json!({"blobs": blobs, "properties": {"created-by": "a test"}}).to_string();
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(footer.as_bytes());
    file.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(MAGIC);
    Ok((file.into(), places))
}

fn blob(positions: &RoaringTreemap) -> io::Result<Vec<u8>> {
    let mut vector = VECTOR_MAGIC.to_vec();
    positions.serialize_into(&mut vector)?;
    let mut blob = (vector.len() as u32).to_be_bytes().to_vec();
    blob.extend_from_slice(&vector);
    blob.extend_from_slice(&crc32fast::hash(&vector).to_be_bytes());
    Ok(blob)
}
