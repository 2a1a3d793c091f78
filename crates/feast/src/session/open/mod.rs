// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Opening a Feast feature repository: its registry, its catalogs, its files.

mod catalogs;
mod file_source;
mod object_registry;
mod online;
mod registry;
mod spark;

use std::path::Path;
use std::sync::RwLock;

use datafusion::common::Result;
use feast_registry::FeatureRepository;

use self::catalogs::Catalogs;
pub(super) use self::catalogs::attach_catalogs;
pub(crate) use self::file_source::PlainFolders;
pub(super) use self::registry::open_registry;
use super::context::FeastContext;
use crate::ops::from_registry;

/// The repository that a session was opened from.
#[derive(Debug)]
pub(crate) struct OpenRepository {
    config: FeatureRepository,
    catalogs: RwLock<Catalogs>,
}

impl OpenRepository {
    pub(super) fn new(config: FeatureRepository) -> Self {
        Self {
            config,
            catalogs: RwLock::default(),
        }
    }
}

impl FeastContext {
    /// Opens a Feast feature repository: a folder with `feature_store.yaml`.
    ///
    /// Its definitions are read from the registry that the file names, and written there. The Iceberg catalogs of its sources are
    /// attached under their names. An `online_store` of type `iceberg` says where online tables are: its keys become the settings
    /// `feast.online.…`. What cannot be used is no error: [`FeastContext::notices`] and the table
    /// `feast.registry.unsupported` tell of it, and the rest works. Object stores are opened with the credentials of the environment.
    ///
    /// An error says what is wrong with the file, or why the registry cannot be read.
    ///
    /// ```
    /// # #[tokio::main] async fn main() -> datafusion::common::Result<()> {
    /// use datafusion_feast::FeastContext;
    ///
    /// let dir = tempfile::tempdir()?;
    /// let yaml = "project: rides\nregistry: registry.db\noffline_store: {type: duckdb}\n";
    /// std::fs::write(dir.path().join("feature_store.yaml"), yaml)?;
    ///
    /// let feast = FeastContext::open(dir.path()).await?;
    /// feast.sql("CREATE ENTITY driver JOIN KEY (driver_id BIGINT)").await?.collect().await?;
    /// assert!(dir.path().join("registry.db").is_file());
    /// # Ok(()) }
    /// ```
    pub async fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let repository = FeatureRepository::open(dir).map_err(from_registry)?;
        Box::pin(Self::builder().with_repository(repository).build()).await
    }

    /// What users should know of the repository that was opened: keys without effect, catalogs that could not be attached, and how
    /// much of the definitions cannot be queried. Empty for other sessions.
    pub fn notices(&self) -> Result<Vec<String>> {
        let shared = self.shared();
        let Some(repository) = &shared.repository else {
            return Ok(Vec::new());
        };
        let mut notices = repository.config.notices.clone();
        notices.extend(repository.catalog_notices());
        let registry = shared.registry.read()?;
        if !registry.projects().contains(&shared.project) {
            notices.push(format!(
                "the registry holds nothing of project {} yet; run 'feast apply' in the repository, or define features here",
                shared.project
            ));
        }
        let refusals = registry.refusals(&shared.project).map_err(from_registry)?;
        if !refusals.is_empty() {
            const SHOWN: usize = 5;
            let mut names: Vec<_> = refusals
                .iter()
                .map(|r| format!("{} {}", r.kind, r.name))
                .collect();
            let more = names.len().saturating_sub(SHOWN);
            names.truncate(SHOWN);
            if more > 0 {
                names.push(format!("{more} more"));
            }
            notices.push(format!(
                "{} cannot be queried here; SELECT * FROM feast.registry.unsupported says why",
                names.join(", ")
            ));
        }
        Ok(notices)
    }
}
