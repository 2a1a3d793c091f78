// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One storage stack. Iceberg metadata and data files are read and written through `object_store`:
//! [`ObjectStorageFactory`] puts it under an `iceberg::io::FileIO`, and [`TableStorage`] hands a
//! table's `FileIO` to DataFusion's readers as an object store again. So credentials, connections
//! and faults are the same for both, whoever made the catalog.

mod file_io_store;
mod location;
mod object;
mod properties;
mod stores;
mod table;

pub(crate) use object::CATALOG_PROPERTY;
pub use object::ObjectStorageFactory;
pub(crate) use properties::{Properties, without_user_info};
pub use table::TableStorage;
