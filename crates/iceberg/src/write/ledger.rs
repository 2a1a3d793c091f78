// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The files that a write has put somewhere, so that none is left when it fails.

use std::sync::{Mutex, PoisonError};

use iceberg::io::FileIO;

/// Locations of files that nothing refers to yet.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Vec<String>>);

impl Ledger {
    /// Enters a file, before anything of it is written.
    pub(super) fn enter(&self, location: &str) {
        let mut entered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entered.push(location.to_string());
    }

    /// The files entered, which are then no longer in it.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Deletes the files entered. One that cannot be deleted does no harm: nothing refers to it.
    pub(super) async fn delete_all(&self, file_io: &FileIO) {
        for location in self.take() {
            drop(file_io.delete(&location).await);
        }
    }
}
