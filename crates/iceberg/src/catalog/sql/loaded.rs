// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The metadata of tables as it was read last. Which file is current is asked each time; a file whose name has
//! a UUID is written once, so what was read of it stays true.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iceberg::spec::TableMetadataRef;
use iceberg::{MetadataLocation, TableIdent};

/// Above this many tables what is known is forgotten.
const KEPT: usize = 64;

/// Each table's file that was read last, and what is in it.
type Loaded = HashMap<TableIdent, (String, TableMetadataRef)>;

/// The metadata that was read last.
#[derive(Default)]
pub(super) struct LoadedMetadata(Mutex<Loaded>);

impl LoadedMetadata {
    fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in the file, if it is known.
    pub(super) fn get(&self, table: &TableIdent, file: &str) -> Option<TableMetadataRef> {
        let loaded = self.loaded();
        let (known, metadata) = loaded.get(table)?;
        (known == file).then(|| Arc::clone(metadata))
    }

    /// Keeps what is in the file, if nobody writes to it again.
    pub(super) fn keep(&self, table: &TableIdent, file: &str, metadata: &TableMetadataRef) {
        if MetadataLocation::from_str(file).is_err() {
            return;
        }
        let mut loaded = self.loaded();
        if loaded.len() >= KEPT {
            loaded.clear();
        }
        loaded.insert(table.clone(), (file.to_owned(), Arc::clone(metadata)));
    }
}
