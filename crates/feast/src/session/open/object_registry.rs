// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry file in an object store. Its version is the object's ETag: an unchanged object is not sent again, and a write
//! replaces the object that was read or nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::{Result, plan_datafusion_err};
use datafusion::execution::runtime_env::RuntimeEnv;
use feast_registry::{
    Error, ErrorKind, RegistryStore, Result as RegistryResult, Version, Versioned, without_secrets,
};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion};
use url::Url;

use crate::session::wait;

/// Feast's own variable for the endpoint of the S3 that holds the registry.
const S3_ENDPOINT: &str = "FEAST_S3_ENDPOINT_URL";

/// A registry in a file of Feast's format, in an object store.
#[derive(Debug)]
pub(crate) struct ObjectRegistryStore {
    /// For people.
    location: String,
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// What was read last.
    held: Mutex<Option<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    /// The store's version of the object; without one it is read again at each use.
    update: UpdateVersion,
    read: Versioned,
}

impl ObjectRegistryStore {
    /// The registry at that URL, in the runtime's store of it or one opened with the environment's credentials.
    pub(super) fn open(url: &str, runtime: &RuntimeEnv) -> Result<Self> {
        let location = format!("the registry '{}'", without_secrets(url));
        let parsed = Url::parse(url)
            .map_err(|error| plan_datafusion_err!("{location} is at no URL: {error}"))?;
        let path = Path::from_url_path(parsed.path())
            .map_err(|error| plan_datafusion_err!("{location} is at no path: {error}"))?;
        if path.as_ref().is_empty() {
            return Err(plan_datafusion_err!(
                "{location} names no object; expected one such as s3://bucket/registry.db"
            ));
        }
        let endpoint = match parsed.scheme() {
            "s3" | "s3a" => std::env::var(S3_ENDPOINT).ok(),
            _ => None,
        };
        let store = match endpoint {
            Some(endpoint) => from_environment(&parsed, Some(endpoint)),
            None => runtime
                .object_store_registry
                .get_store(&parsed)
                .or_else(|_| from_environment(&parsed, None)),
        };
        Ok(Self {
            store: store.map_err(|error| error.context(location.clone()))?,
            location,
            path,
            held: Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: &str, error: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Io, format!("{} {what}: {error}", self.location))
    }

    async fn fetch(&self, known: Option<Held>) -> RegistryResult<Option<Held>> {
        let options = GetOptions {
            if_none_match: known.as_ref().and_then(|held| held.update.e_tag.clone()),
            ..GetOptions::default()
        };
        let found = match self.store.get_opts(&self.path, options).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(object_store::Error::NotModified { .. }) => return Ok(known),
            Err(error) => return Err(self.failed("cannot be read", error)),
        };
        let update = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|error| self.failed("cannot be read", error))?;
        let version = Version::of(&bytes);
        Ok(Some(Held {
            update,
            read: Versioned {
                bytes: bytes.into(),
                version,
            },
        }))
    }

    async fn replace(&self, bytes: &[u8], expected: &Version) -> RegistryResult<()> {
        let known = self.held().clone();
        let current = self.fetch(known).await?;
        let found = current
            .as_ref()
            .map_or_else(Version::absent, |held| held.read.version.clone());
        if found != *expected {
            return Err(self.conflict());
        }
        let mode = match current {
            None => PutMode::Create,
            Some(held) => PutMode::Update(held.update),
        };
        let put = PutOptions::from(mode);
        let payload = PutPayload::from(bytes.to_vec());
        match self.store.put_opts(&self.path, payload, put).await {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Err(self.conflict()),
            Err(error) => Err(self.failed("cannot be written", error)),
        }
    }

    fn conflict(&self) -> Error {
        Error::new(
            ErrorKind::Conflict,
            format!(
                "{} was written by somebody else since it was read; try again",
                self.location
            ),
        )
    }
}

impl RegistryStore for ObjectRegistryStore {
    fn read(&self) -> RegistryResult<Option<Versioned>> {
        let known = self.held().clone();
        let held =
            run(self.fetch(known)).map_err(|error| error.unwrap_or_else(|| self.stopped()))?;
        let read = held.as_ref().map(|held| held.read.clone());
        *self.held() = held;
        Ok(read)
    }

    fn write(&self, bytes: &[u8], expected: &Version) -> RegistryResult<Version> {
        run(self.replace(bytes, expected))
            .map_err(|error| error.unwrap_or_else(|| self.stopped()))?;
        Ok(Version::of(bytes))
    }

    fn location(&self) -> String {
        self.location.clone()
    }
}

impl ObjectRegistryStore {
    fn stopped(&self) -> Error {
        Error::new(
            ErrorKind::Io,
            format!("{} could not be reached", self.location),
        )
    }
}

/// Runs a request on a thread of its own; none is the thread's own failure.
fn run<T: Send>(
    request: impl Future<Output = RegistryResult<T>> + Send,
) -> Result<T, Option<Error>> {
    match wait(async { Ok(request.await) }) {
        Ok(answer) => answer.map_err(Some),
        Err(_) => Err(None),
    }
}

fn from_environment(url: &Url, endpoint: Option<String>) -> Result<Arc<dyn ObjectStore>> {
    let mut options: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if let Some(endpoint) = endpoint {
        if endpoint.starts_with("http://") {
            options.push(("aws_allow_http".to_owned(), "true".to_owned()));
        }
        options.push(("aws_endpoint".to_owned(), endpoint));
    }
    let (store, _) = object_store::parse_url_opts(url, options)?;
    Ok(Arc::from(store))
}
