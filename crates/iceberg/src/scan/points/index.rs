// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is kept of a data file: its footer with the page index, its bloom filters, and the values that its statistics tell.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::future::try_join_all;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetObjectReader};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;

use super::super::rows::readable;
use super::known::KnownValues;
use crate::cache::Weigh;

/// The coercion of INT96, which only old writers made, to Iceberg's microseconds.
const INT96: Option<&str> = Some("us");

/// What is needed of a data file before its rows.
pub(super) struct FileIndex {
    pub(super) metadata: ArrowReaderMetadata,
    pub(super) known: KnownValues,
    /// By row group and leaf column.
    blooms: HashMap<(usize, usize), Sbbf>,
    bytes: usize,
}

impl FileIndex {
    /// Reads the index of a file whose columns are read as those of `logical`, as scans do.
    pub(super) async fn load(
        mut reader: Box<dyn AsyncFileReader + Send>,
        store: &Arc<dyn ObjectStore>,
        path: &Path,
        logical: &SchemaRef,
    ) -> datafusion::error::Result<Self> {
        let footer = reader.get_metadata(None).await?;
        let metadata = ArrowReaderMetadata::try_new(footer, ArrowReaderOptions::new())?;
        let metadata = readable(INT96, logical, metadata)?;
        let footer = metadata.metadata();
        let mut places = Vec::new();
        let mut bytes = footer.memory_size();
        for (group, row_group) in footer.row_groups().iter().enumerate() {
            for (leaf, column) in row_group.columns().iter().enumerate() {
                if column.bloom_filter_offset().is_some() {
                    let length = column.bloom_filter_length().unwrap_or(0);
                    bytes += usize::try_from(length).unwrap_or(0);
                    places.push((group, leaf));
                }
            }
        }
        let blooms = places.into_iter().map(|(group, leaf)| {
            let reader = ParquetObjectReader::new(Arc::clone(store), path.clone());
            let metadata = metadata.clone();
            async move {
                let mut file = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata);
                let bloom = file.get_row_group_column_bloom_filter(group, leaf).await?;
                Ok::<_, ParquetError>(bloom.map(|bloom| ((group, leaf), bloom)))
            }
        });
        let blooms = try_join_all(blooms).await?.into_iter().flatten().collect();
        Ok(Self {
            known: KnownValues::of(&metadata),
            metadata,
            blooms,
            bytes,
        })
    }

    /// The bloom filter of a leaf column in a row group.
    pub(super) fn bloom(&self, group: usize, leaf: usize) -> Option<&Sbbf> {
        self.blooms.get(&(group, leaf))
    }
}

impl Weigh for FileIndex {
    fn weight(&self) -> usize {
        self.bytes
    }
}
