// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A feature store as a DataFusion extension over Apache Iceberg.
//!
//! [`FeastContext`] is a DataFusion session that also speaks the feature store's statements: `CREATE FEATURE VIEW` names what a
//! table means, `feast_pit_join()` builds training sets that never look into the future. [`SessionStateBuilderExt::with_feast`]
//! adds the same functions to a session that exists already.
//!
//! ```
//! # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
//! use datafusion_feast::FeastContext;
//!
//! let feast = FeastContext::builder().build().await?;
//! for statement in [
//!     "CREATE TABLE trips (driver_id BIGINT, at TIMESTAMP, rating DOUBLE) AS VALUES
//!          (1, '2024-01-01T00:00:00', 4.5), (1, '2024-01-03T00:00:00', 4.9)",
//!     "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
//!     "CREATE FEATURE VIEW driver_rating ENTITIES (driver) FROM trips TIMESTAMP at TTL INTERVAL '7 days'",
//! ] {
//!     feast.sql(statement).await?.collect().await?;
//! }
//! let training_set = feast
//!     .sql(
//!         "SELECT rating FROM feast_pit_join(
//!              entities => (SELECT 1 AS driver_id, TIMESTAMP '2024-01-02T00:00:00' AS event_timestamp),
//!              features => ['driver_rating:rating'])",
//!     )
//!     .await?
//!     .collect()
//!     .await?;
//! let text = arrow::util::pretty::pretty_format_batches(&training_set)?.to_string();
//! assert!(text.contains("4.5") && !text.contains("4.9"));
//! # Ok(()) }
//! ```

mod ddl;
mod functions;
mod ops;
mod session;
mod statement;
mod views;

pub use feast_iceberg::{CacheLimits, CatalogOptions};
pub use feast_online::{LookupSource, MaterializeProgress, Progress, ProgressTo};
pub use feast_registry::{FeatureRepository, RegistryLocation};
pub use ops::pit_join::{AsOf, PitJoinRequest};
pub use session::{
    FeastContext, FeastContextBuilder, FeastOptions, FeastSettings, OnlineLookupRequest,
    PreparedOnlineLookup, SessionStateBuilderExt, StoresOnDemand,
};
pub use statement::{StatementText, split_statements};
