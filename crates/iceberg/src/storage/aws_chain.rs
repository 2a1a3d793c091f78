// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The AWS credentials of the machine: environment, profile files, SSO, web identity, ECS, EC2.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use super::clock::{Clock, milliseconds, renew_at};
use crate::error::{Error, ErrorKind};

/// How long the machine may take to tell its credentials.
const LIMIT: Duration = Duration::from_secs(30);

/// The credentials of the machine, asked for when they are needed first, and kept until shortly
/// before they end.
pub(super) struct AwsChain {
    profile: Option<String>,
    region: Option<String>,
    clock: Clock,
    held: Mutex<Option<Held>>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<AwsCredential>,
    stamp: u64,
    ends: Option<i64>,
    renew_at: Option<i64>,
}

impl AwsChain {
    /// The chain of the profile, else of the usual one; `region` is where roles are assumed.
    pub(super) fn new(profile: Option<String>, region: Option<String>) -> Self {
        Self {
            profile,
            region,
            clock: Clock::of_machine(),
            held: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    fn held(&self) -> Option<Held> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// A number that is another one once the credentials are others.
    pub(super) fn stamp(&self) -> u64 {
        self.held().map_or(0, |held| held.stamp)
    }

    /// Asks the machine again, unless somebody has since `stamp`. Whether there are others.
    pub(super) async fn renew_after(&self, stamp: u64) -> object_store::Result<bool> {
        let turn = self.asking.lock().await;
        if self.stamp() == stamp {
            self.ask(&turn).await?;
        }
        Ok(self.stamp() != stamp)
    }

    async fn ask(
        &self,
        _turn: &tokio::sync::MutexGuard<'_, ()>,
    ) -> object_store::Result<Arc<AwsCredential>> {
        let asked = tokio::time::timeout(LIMIT, self.load()).await;
        let (keys, ends) = asked.unwrap_or_else(|_| {
            let seconds = LIMIT.as_secs();
            Err(failed(format!(
                "the machine did not tell its AWS credentials within {seconds} s"
            )))
        })?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, stamp) = match held.take() {
            Some(held) => (Some(held.keys), held.stamp),
            None => (None, 0),
        };
        let keys = Arc::new(keys);
        *held = Some(Held {
            // Whoever asked before there were any gets the first.
            stamp: stamp + u64::from(before.is_some_and(|before| before != keys)),
            keys: Arc::clone(&keys),
            ends,
            renew_at: renew_at(self.clock.now(), ends),
        });
        Ok(keys)
    }

    /// Asks somewhat later for others.
    fn postpone(&self) {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_mut() {
            held.renew_at = renew_at(now, held.ends);
        }
    }

    /// The chain is made anew each time, as its parts read files only once.
    async fn load(&self) -> object_store::Result<(AwsCredential, Option<i64>)> {
        let provider = self.provider().await?;
        let keys = provider.provide_credentials().await.map_err(|cause| {
            let none = matches!(cause, CredentialsError::CredentialsNotLoaded(_));
            match none {
                true => failed(
                    "there are no AWS credentials: give the properties 's3.access-key-id' and \
                     's3.secret-access-key', set up a profile or the environment, or say \
                     's3.anonymous' for a public bucket"
                        .to_string(),
                ),
                false => failed(format!(
                    "the machine does not tell its AWS credentials: {}",
                    causes(&cause)
                )),
            }
        })?;
        let ends = keys.expiry().map(milliseconds);
        Ok((
            AwsCredential {
                key_id: keys.access_key_id().to_string(),
                secret_key: keys.secret_access_key().to_string(),
                token: keys.session_token().map(str::to_string),
            },
            ends,
        ))
    }

    async fn provider(&self) -> object_store::Result<SharedCredentialsProvider> {
        let region = self.region.clone().map(Region::new);
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        config
            .credentials_provider()
            .ok_or_else(|| failed("the AWS configuration has no credentials".to_string()))
    }
}

impl fmt::Debug for AwsChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsChain")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for AwsChain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let now = self.clock.now();
        if let Some(held) = self.held() {
            if held.renew_at.is_none_or(|at| now < at) {
                return Ok(held.keys);
            }
            if held.ends.is_some_and(|end| now < end) {
                let Ok(turn) = self.asking.try_lock() else {
                    return Ok(held.keys);
                };
                let asked = self.ask(&turn).await;
                if asked.is_err() {
                    self.postpone();
                }
                return Ok(asked.unwrap_or(held.keys));
            }
        }
        let turn = self.asking.lock().await;
        match self.held() {
            Some(held) if held.renew_at.is_none_or(|at| now < at) => Ok(held.keys),
            _ => self.ask(&turn).await,
        }
    }
}

/// The region of the environment or the profile.
pub(super) async fn configured_region(profile: Option<&str>) -> Option<String> {
    if let Some(region) = EnvironmentVariableRegionProvider::new().region().await {
        return Some(region.to_string());
    }
    let mut file = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        file = file.profile_name(profile);
    }
    let region = file.build().region().await;
    region.map(|region| region.to_string())
}

fn failed(text: String) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: Box::new(Error::new(ErrorKind::Denied, text)),
    }
}

/// An error and its causes in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
