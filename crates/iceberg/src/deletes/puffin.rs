// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where in a Puffin file the deletion vector of a data file is.
//!
//! The manifest gives the place, so that the file's footer need not be read: some writers leave a
//! bare vector without one. Only where the manifest gives no place the footer does.

use std::ops::Range;

use iceberg::puffin::{CompressionCodec, DELETION_VECTOR_V1, PuffinReader};
use iceberg::spec::DataFile;
use object_store::ObjectStoreExt;

use super::location::same_file_key;
use super::origin::storage_error;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::TableStorage;

/// Bytes of the smallest Puffin file: magic, footer magic, length, flags, magic.
const SMALLEST: u64 = 20;

/// Reads the bytes of the deletion vector that `file` is.
pub(super) async fn read_blob(
    storage: &TableStorage,
    file: &DataFile,
    data_file: &str,
) -> Result<bytes::Bytes> {
    let (_, store, path) = storage.resolve(file.file_path())?;
    let stated = stated_place(file)?;
    let believed = file.file_size_in_bytes();
    // A place beyond the end would be read in vain, or allocated before it fails.
    let size = match &stated {
        Some(place) if place.end <= believed => believed,
        _ => store.head(&path).await.map_err(storage_error)?.size,
    };
    let place = match stated {
        Some(place) => place,
        None => footer_place(storage, file, data_file, size).await?,
    };
    if place.end > size {
        return Err(damaged(format!(
            "the vector is said to be at bytes {} to {}, the file has {size}",
            place.start, place.end
        )));
    }
    let blob = store.get_range(&path, place.clone()).await;
    let blob = blob.map_err(storage_error)?;
    if blob.len() as u64 != place.end - place.start {
        return Err(damaged(format!(
            "the vector has {} bytes, {} could be read",
            place.end - place.start,
            blob.len()
        )));
    }
    Ok(blob)
}

/// The place that the manifest gives.
fn stated_place(file: &DataFile) -> Result<Option<Range<u64>>> {
    let (Some(offset), Some(length)) = (file.content_offset(), file.content_size_in_bytes()) else {
        return Ok(None);
    };
    let place = u64::try_from(offset).ok().zip(u64::try_from(length).ok());
    // No writer makes a vector whose length does not fit its own length field.
    let place = place
        .filter(|(_, length)| *length <= u64::from(u32::MAX))
        .and_then(|(offset, length)| Some(offset..offset.checked_add(length)?));
    match place {
        Some(place) => Ok(Some(place)),
        None => Err(damaged(format!(
            "the manifest places it at offset {offset}, {length} bytes"
        ))),
    }
}

/// The place that the Puffin footer gives to the deletion vector of `data_file`.
async fn footer_place(
    storage: &TableStorage,
    file: &DataFile,
    data_file: &str,
    size: u64,
) -> Result<Range<u64>> {
    check_footer_size(storage, file, size).await?;
    let reader = PuffinReader::new(storage.file_io().new_input(file.file_path())?);
    let footer = reader.file_metadata().await?;
    let wanted = same_file_key(data_file);
    let mut found = footer.blobs().iter().filter(|blob| {
        let target = blob.properties().get("referenced-data-file");
        blob.blob_type() == DELETION_VECTOR_V1
            && target.is_some_and(|target| same_file_key(target) == wanted)
    });
    let (Some(blob), None) = (found.next(), found.next()) else {
        return Err(damaged(format!(
            "its footer does not name one deletion vector for data file '{data_file}'"
        )));
    };
    if blob.compression_codec() != CompressionCodec::None {
        return Err(damaged(
            "a deletion vector must not be compressed".to_string(),
        ));
    }
    let end = blob.offset().checked_add(blob.length());
    end.map(|end| blob.offset()..end)
        .ok_or_else(|| damaged("its footer places the vector beyond any file".to_string()))
}

/// A footer that says it is larger than its file must not be looked for.
async fn check_footer_size(storage: &TableStorage, file: &DataFile, size: u64) -> Result<()> {
    let footer = if size < SMALLEST {
        None
    } else {
        let (_, store, path) = storage.resolve(file.file_path())?;
        let tail = store.get_range(&path, size - 12..size - 8).await;
        let tail = tail.map_err(storage_error)?;
        tail.first_chunk().map(|length| u32::from_le_bytes(*length))
    };
    match footer {
        Some(footer) if u64::from(footer) <= size - SMALLEST => Ok(()),
        _ => Err(damaged(format!("a file of {size} bytes is no Puffin file"))),
    }
}

fn damaged(message: String) -> Error {
    Error::new(ErrorKind::Damaged, message)
}
