// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables whose files lie elsewhere than their metadata says.
//!
//! Metadata, manifests and position deletes name files by full locations, and deletes are matched
//! with data files by them. So nothing that is read is changed: the locations stay as recorded,
//! and only the storage knows where the files are now.

mod listing;
mod parts;
mod paths;
mod storage;

pub(crate) use listing::unpacked;
pub(crate) use paths::MovedPaths;
pub(crate) use storage::MovedStorageFactory;
