// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The servers that run, and how a session attaches them.

use std::path::{Path, PathBuf};

use datafusion_feast::CatalogOptions;

/// The value of `FEAST_SERVICES_{name}`, which `tests/services/run` sets.
pub(super) fn service(name: &str) -> String {
    let name = format!("FEAST_SERVICES_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// Whether the servers run. Says so if they do not.
pub(super) fn are_up() -> bool {
    let up = std::env::var_os("FEAST_SERVICES").is_some();
    if !up {
        println!("not run: it needs servers, which tests/services/run starts");
    }
    up
}

/// A catalog with its files.
#[derive(Debug, Clone)]
pub(super) enum Lake {
    /// REST with OAuth2; the files in its own S3, by the keys that the options give.
    Seaweedfs,
    /// The same, the files by keys that the catalog hands out for one table each.
    SeaweedfsVended,
    /// REST as S3 Tables speaks it; keys for the files come with its configuration.
    Ministack,
    /// REST with a bearer token; the files are on this machine.
    Lakana,
    /// A SQLite file; the tables are in SeaweedFS's plain bucket.
    Sqlite(PathBuf),
}

impl Lake {
    /// A SQLite catalog in `folder`, which has to be of this test alone.
    pub(super) fn sqlite(folder: &Path) -> Self {
        Self::Sqlite(folder.canonicalize().unwrap().join("catalog.db"))
    }

    /// Its name in `tests/services/*.py`.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Seaweedfs | Self::SeaweedfsVended => "seaweedfs".to_owned(),
            Self::Ministack => "ministack".to_owned(),
            Self::Lakana => "lakana".to_owned(),
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
        }
    }

    /// A namespace of this test alone, with dots between its levels.
    pub(super) fn namespace(&self, test: &str) -> String {
        let own = format!("{test}_{}", std::process::id());
        match self {
            // It has tables only under three namespaces of its own.
            Self::Lakana => format!("bronze.{own}"),
            _ => own,
        }
    }

    /// The options that attach it.
    pub(super) fn options(&self) -> Options {
        match self {
            Self::Seaweedfs => Self::SeaweedfsVended
                .options()
                .with("header.X-Iceberg-Access-Delegation", "")
                .with_keys("s3", &service("SEAWEEDFS_S3")),
            Self::SeaweedfsVended => Options::of("rest", &service("SEAWEEDFS_CATALOG"))
                .with("warehouse", &service("SEAWEEDFS_WAREHOUSE"))
                .with(
                    "credential",
                    &format!(
                        "{}:{}",
                        service("SEAWEEDFS_KEY"),
                        service("SEAWEEDFS_SECRET")
                    ),
                ),
            Self::Ministack => Options::of("rest", &service("MINISTACK_CATALOG"))
                .with("warehouse", &service("MINISTACK_WAREHOUSE")),
            Self::Lakana => Options::of("rest", &service("LAKANA_CATALOG"))
                .with("prefix", "dev")
                .with("token", &service("LAKANA_TOKEN")),
            Self::Sqlite(file) => Options::of("sql", &format!("sqlite:///{}", file.display()))
                .with("catalog-name", "lake")
                .with("warehouse", &self.warehouse())
                .with_keys("s3", &service("SEAWEEDFS_S3")),
        }
    }

    /// Where a SQLite catalog's tables are, as `tests/services/lake.py` says.
    fn warehouse(&self) -> String {
        let Self::Sqlite(file) = self else {
            panic!("{self:?} says itself where its tables are");
        };
        let folder = file.parent().and_then(Path::file_name).unwrap();
        format!("s3://{}/{}", service("SEAWEEDFS_BUCKET"), folder.display())
    }
}

/// The options of one catalog.
#[derive(Clone)]
pub(super) struct Options(Vec<(String, String)>);

impl Options {
    pub(super) fn of(kind: &str, uri: &str) -> Self {
        Self(Vec::new()).with("type", kind).with("uri", uri)
    }

    /// With `value` for `key`, in the place of another value if there is one.
    pub(super) fn with(mut self, key: &str, value: &str) -> Self {
        self = self.without(key);
        self.0.push((key.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, key: &str) -> Self {
        self.0.retain(|(known, _)| known != key);
        self
    }

    /// With the address and the keys of SeaweedFS's S3.
    pub(super) fn with_keys(self, kind: &str, endpoint: &str) -> Self {
        self.with(&format!("{kind}.endpoint"), endpoint)
            .with(&format!("{kind}.region"), "us-east-1")
            .with(&format!("{kind}.access-key-id"), &service("SEAWEEDFS_KEY"))
            .with(
                &format!("{kind}.secret-access-key"),
                &service("SEAWEEDFS_SECRET"),
            )
    }

    /// The statement that attaches it as `lake`.
    pub(super) fn statement(&self) -> String {
        let options: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| format!("'{key}' '{}'", value.replace('\'', "''")))
            .collect();
        format!(
            "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS ({})",
            options.join(", ")
        )
    }

    /// The same for the builder of a context.
    pub(super) fn catalog(&self) -> CatalogOptions {
        CatalogOptions::from_pairs("lake", self.0.clone()).unwrap()
    }
}
