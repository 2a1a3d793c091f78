// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One storage stack. Iceberg metadata and data files are read and written through `object_store`:
//! [`ObjectStorageFactory`] puts it under an `iceberg::io::FileIO`, and [`TableStorage`] hands the
//! same stores to DataFusion's readers, or a foreign `FileIO` as a store. So credentials,
//! connections and faults are the same for both, whoever made the catalog.
//!
//! ```text
//! FileIO ── ObjectStorage ──┐            ┌─ LazyStore     asks for the bucket's region
//!                           ├─ Access ──►├─ RenewingStore asks for other credentials
//! DataFusion ─ TableStore ──┘            └─ AmazonS3, …   keys: Vended, AwsChain, properties
//! ```

mod access;
mod aws_buckets;
mod aws_chain;
mod clock;
mod failures;
mod file_io_store;
mod http;
mod lazy;
mod location;
mod moved;
mod object;
mod opening;
mod other_clouds;
mod properties;
mod read_only;
mod renewing;
mod secrets;
#[cfg(test)]
pub(crate) mod stand_in;
mod stores;
mod table;
mod table_store;
#[cfg(test)]
mod tests;
mod vended;
mod vended_keys;
mod writing;

pub(crate) use access::Access;
pub(crate) use clock::Clock;
pub(crate) use location::split_scheme;
pub(crate) use moved::{MovedPaths, MovedStorageFactory, unpacked};
pub(crate) use object::CATALOG_PROPERTY;
pub use object::ObjectStorageFactory;
pub(crate) use properties::{Credentials, Properties};
pub(crate) use secrets::{Secrets, without_user_info};
pub use table::TableStorage;
pub(crate) use vended::{CredentialSet, CredentialSource, Vended};
