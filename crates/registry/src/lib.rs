// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feast's nouns and the book that records them.
//!
//! [`Registry`] is the content of one `registry.db` of Feast: entities, data sources, feature
//! views and feature services of one or several projects. An object's bytes are kept as they were
//! read and edited field by field, so that what this library does not know survives, byte for
//! byte. [`RegistryStore`] is where the bytes are kept, with a version that guards every write.
//!
//! ```
//! use feast_registry::{Entity, Registry, Timestamp, ValueType};
//!
//! let mut registry = Registry::new();
//! let driver = Entity::new("driver", "driver_id", ValueType::Int64);
//! let now = Timestamp::from_micros(1_767_225_600_000_000);
//! registry.put_entity("rides", &driver, now)?;
//! registry.touch(now)?;
//!
//! let read = Registry::parse(&registry.to_bytes())?;
//! assert_eq!(read.entity("rides", "driver")?, Some(driver));
//! # Ok::<(), feast_registry::Error>(())
//! ```

mod edit;
mod entity;
mod error;
mod feature_view;
mod field;
mod fingerprint;
mod iceberg_source;
mod message;
mod names;
mod python_json;
mod reference;
mod refusal;
mod registry;
mod repository;
mod secrets;
mod service;
mod source;
mod store;
mod tags;
mod time;
mod value_type;
mod wire;

pub use entity::Entity;
pub use error::{Error, ErrorKind, Result};
pub use feature_view::{FeatureView, ViewKind};
pub use field::Field;
pub use iceberg_source::IcebergSource;
pub use reference::{FeatureRef, FeatureSelection};
pub use refusal::Refusal;
pub use registry::Registry;
pub use repository::{
    CatalogKey, FeatureRepository, OfflineStore, OnlineStore, OnlineTables, RegistryLocation,
    SourceCatalog,
};
pub use secrets::{is_secret_key, open_properties, without_secrets};
pub use service::{FeatureService, FeatureViewProjection};
pub use source::{DataSource, FileSource, QuerySource, Source, SparkSource, TableSource};
pub use store::{
    FileRegistryStore, InMemoryRegistryStore, RegistryStore, SqliteRegistryStore, Version,
    Versioned,
};
pub use time::{Timestamp, Ttl};
pub use value_type::ValueType;
