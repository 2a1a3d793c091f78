// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The files in a table's directory.

use std::io::Read;

use bytes::Bytes;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Deserialize;

use super::parts::join;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::ObjectStorageFactory;

const GZIP: [u8; 2] = [0x1f, 0x8b];
/// No metadata file is larger than this when unpacked.
const MAX_BYTES: u64 = 1 << 30;
/// How many metadata files are looked into for where the table was before.
const LOOKED_INTO: usize = 100;

/// The part of a metadata file that says where the table was.
#[derive(Deserialize)]
struct Located {
    location: String,
}

/// `bytes`, unpacked if they are compressed by gzip.
pub(crate) fn unpacked(bytes: Bytes) -> Result<Bytes> {
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    let broken = |cause| {
        let message = "it begins like a gzip file but cannot be unpacked";
        Error::new(ErrorKind::Damaged, message).with_source(cause)
    };
    let reader = FileCompressionType::GZIP
        .convert_read(std::io::Cursor::new(bytes))
        .map_err(|cause| broken(std::io::Error::other(cause)))?;
    let mut unpacked = Vec::new();
    let read = reader.take(MAX_BYTES).read_to_end(&mut unpacked);
    read.map_err(broken)?;
    Ok(unpacked.into())
}

impl ObjectStorageFactory {
    /// The names of the files in `folder`, none if there is no such folder.
    pub(crate) async fn file_names(&self, folder: &str) -> Result<Vec<String>> {
        let (store, key) = self.resolve(folder)?;
        match store.list_with_delimiter(Some(&key)).await {
            Ok(found) => Ok(found
                .objects
                .iter()
                .filter_map(|object| object.location.filename())
                .map(str::to_string)
                .collect()),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(cause) => {
                let message = format!("the files in '{folder}' cannot be listed");
                Err(self.failed(folder, &cause).context(message))
            }
        }
    }

    /// The text of a small file.
    pub(crate) async fn text(&self, location: &str) -> Result<String> {
        let bytes = self.bytes(location).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The locations of tables that the metadata files in `folder` say; a file that cannot be read
    /// says nothing.
    pub(super) async fn older_locations(&self, folder: &str) -> Result<Vec<String>> {
        let mut names = self.file_names(folder).await?;
        names.retain(|name| name.contains(".metadata.json"));
        names.sort_unstable_by(|a, b| b.cmp(a));
        names.truncate(LOOKED_INTO);
        let mut locations = Vec::new();
        for name in names {
            let bytes = self.bytes(&join(folder, &name)).await.and_then(unpacked);
            let Ok(bytes) = bytes else { continue };
            if let Ok(found) = serde_json::from_slice::<Located>(&bytes)
                && !locations.contains(&found.location)
            {
                locations.push(found.location);
            }
        }
        Ok(locations)
    }

    async fn bytes(&self, location: &str) -> Result<Bytes> {
        let failed = |cause| self.failed(location, &cause);
        let (store, key) = self.resolve(location)?;
        let found = store.get(&key).await.map_err(failed)?;
        found.bytes().await.map_err(failed)
    }
}
