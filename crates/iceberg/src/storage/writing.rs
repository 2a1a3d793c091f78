// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Writing files: small ones at once, big ones in parts.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use iceberg::io::FileWrite;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tokio::io::AsyncWrite;

use super::access::Access;
use super::failures::explained;
use crate::error::{Error, ErrorKind};

/// The ending of the files that say what a table is. Two of one name would be two versions of the
/// table.
const METADATA: &str = ".metadata.json";

/// The bytes of a part, of which S3 takes 10,000 a file; each open file holds so many.
const PART: usize = 6 << 20;

/// How many parts of a file are on their way at once.
const PARTS: usize = 4;

/// Writes a whole file. One of a table's metadata must not exist, unless it has these very bytes:
/// then an earlier try was made, though its answer was lost.
pub(super) async fn write_file(
    store: &dyn ObjectStore,
    key: &Path,
    location: &str,
    bytes: Bytes,
) -> object_store::Result<()> {
    if !location.ends_with(METADATA) {
        store.put(key, bytes.into()).await?;
        return Ok(());
    }
    let create = PutOptions::from(PutMode::Create);
    let refused = match store.put_opts(key, bytes.clone().into(), create).await {
        Ok(_) => return Ok(()),
        Err(refused) => refused,
    };
    match refused {
        object_store::Error::AlreadyExists { .. } => {
            let there = store.get(key).await?.bytes().await?;
            if there == bytes { Ok(()) } else { Err(refused) }
        }
        // A store without such a condition, a file system without hard links.
        other if is_unsupported(&other) => {
            store.put(key, bytes.into()).await?;
            Ok(())
        }
        other => Err(other),
    }
}

fn is_unsupported(error: &object_store::Error) -> bool {
    match error {
        object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. } => {
            true
        }
        object_store::Error::Generic { source, .. } => {
            let text = source.to_string();
            text.contains("Unable to rename") || text.contains("501 Not Implemented")
        }
        _ => false,
    }
}

/// A file that is written bit by bit. It exists once it is closed; after an error the parts that
/// were sent are taken back.
pub(super) struct ObjectWrite {
    writer: Option<BufWriter>,
    location: String,
    access: Access,
}

impl ObjectWrite {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        key: Path,
        location: &str,
        access: Access,
    ) -> Self {
        Self {
            writer: Some(BufWriter::with_capacity(store, key, PART).with_max_concurrency(PARTS)),
            location: location.to_string(),
            access,
        }
    }

    fn failed(&self, cause: &object_store::Error) -> iceberg::Error {
        explained("write", &self.location, cause, &self.access).into()
    }

    fn closed(&self) -> iceberg::Error {
        let text = format!(
            "file '{}' is closed already, or could not be written",
            self.location
        );
        Error::new(ErrorKind::Io, text).into()
    }
}

#[async_trait]
impl FileWrite for ObjectWrite {
    async fn write(&mut self, bs: Bytes) -> iceberg::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Err(self.closed());
        };
        let Err(cause) = writer.put(bs).await else {
            return Ok(());
        };
        // What cannot be taken back does no harm to the table.
        let _ = writer.abort().await;
        self.writer = None;
        Err(self.failed(&cause))
    }

    async fn close(&mut self) -> iceberg::Result<()> {
        let Some(mut writer) = self.writer.take() else {
            return Err(self.closed());
        };
        // A writer that fails to finish takes its parts back itself.
        let shut = std::future::poll_fn(|cx| Pin::new(&mut writer).poll_shutdown(cx)).await;
        shut.map_err(|cause| {
            let cause = match cause.downcast::<object_store::Error>() {
                Ok(cause) => cause,
                Err(other) => object_store::Error::Generic {
                    store: "Iceberg",
                    source: Box::new(other),
                },
            };
            self.failed(&cause)
        })
    }
}
