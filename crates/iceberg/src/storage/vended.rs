// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Credentials that a catalog hands out for one table, and gets anew before they end.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::clock::{Clock, renew_at};
use super::properties::{Credentials, Properties, secrets_of};
use super::secrets::Secrets;
use crate::error::{Error, Result};

/// Where a table's credentials come from.
#[async_trait]
pub(crate) trait CredentialSource: fmt::Debug + Send + Sync {
    /// Asks for them.
    async fn load(&self) -> Result<CredentialSet>;
}

/// How long a reader waits for others while those that there are still work.
const PATIENCE: Duration = Duration::from_secs(10);

/// The properties that say when credentials end, in milliseconds since 1970.
const ENDS: [&str; 4] = [
    "s3.session-token-expires-at-ms",
    "gcs.oauth2.token-expires-at",
    "expiration-time",
    "adls.sas-token-expires-at-ms",
];

/// What a catalog gave for one table: properties for all of its files, and others for the files
/// whose locations begin with a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CredentialSet {
    config: Properties,
    by_prefix: Vec<(String, Properties)>,
}

impl CredentialSet {
    pub(crate) fn new(config: Properties, mut by_prefix: Vec<(String, Properties)>) -> Self {
        // The longest prefix is met first.
        by_prefix.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Self { config, by_prefix }
    }

    /// Whether there are credentials among the properties.
    pub(crate) fn has_credentials(&self) -> bool {
        let mut all = self.all();
        all.any(|given| Credentials::ALL.iter().any(|group| given.have(*group)))
    }

    /// The longest prefix that `location` begins with, nothing if none does.
    fn prefix_of(&self, location: &str) -> &str {
        let mut prefixes = self.by_prefix.iter().map(|(prefix, _)| prefix.as_str());
        prefixes
            .find(|prefix| location.starts_with(prefix))
            .unwrap_or_default()
    }

    /// The properties of the file at `location`.
    fn properties_of(&self, location: &str) -> Properties {
        let prefix = self.prefix_of(location);
        match self.by_prefix.iter().find(|(known, _)| known == prefix) {
            Some((_, given)) => self.config.overlaid(given.iter()),
            None => self.config.clone(),
        }
    }

    /// The first end of any of them.
    fn ends(&self) -> Option<i64> {
        let ends = |given: &Properties| {
            let said = given.iter().filter(|(key, _)| {
                ENDS.contains(&key.as_str()) || key.starts_with("adls.sas-token-expires-at-ms.")
            });
            said.filter_map(|(_, at)| at.parse().ok()).min()
        };
        self.all().filter_map(ends).min()
    }

    fn all(&self) -> impl Iterator<Item = &Properties> {
        let others = self.by_prefix.iter().map(|(_, given)| given);
        std::iter::once(&self.config).chain(others)
    }
}

/// The credentials of one table, shared by all its stores.
///
/// They are got anew some time before they end, or when a store refuses them. One caller asks; the
/// others go on with what there is as long as it has not ended, and wait when it has.
pub(crate) struct Vended {
    /// Whose they are, for messages.
    table: String,
    source: Arc<dyn CredentialSource>,
    clock: Clock,
    held: Mutex<Held>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    set: Arc<CredentialSet>,
    /// Grows whenever others are held.
    stamp: u64,
    ends: Option<i64>,
    renew_at: Option<i64>,
}

impl Held {
    fn new(set: CredentialSet, stamp: u64, now: i64) -> Self {
        let ends = set.ends();
        Self {
            set: Arc::new(set),
            stamp,
            ends,
            renew_at: renew_at(now, ends),
        }
    }
}

impl Vended {
    pub(crate) fn new(
        table: String,
        source: Arc<dyn CredentialSource>,
        set: CredentialSet,
        clock: Clock,
    ) -> Self {
        let held = Mutex::new(Held::new(set, 0, clock.now()));
        Self {
            table,
            source,
            clock,
            held,
            asking: tokio::sync::Mutex::default(),
        }
    }

    fn held(&self) -> Held {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    /// Uses `set` from now on, which the catalog has just given.
    pub(crate) fn replace(&self, set: CredentialSet) {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = held.stamp + u64::from(*held.set != set);
        *held = Held::new(set, stamp, now);
    }

    /// Asks somewhat later for others.
    fn postpone(&self) {
        let now = self.clock.now();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.renew_at = renew_at(now, held.ends);
    }

    /// The prefix whose credentials the file at `location` is read with.
    pub(super) fn prefix_of(&self, location: &str) -> String {
        self.held().set.prefix_of(location).to_string()
    }

    /// What was given last for the file at `location`, ended or not.
    pub(super) fn latest(&self, location: &str) -> Properties {
        self.held().set.properties_of(location)
    }

    /// What is given for the file at `location`, got anew if it is about to end.
    pub(super) async fn current(&self, location: &str) -> Result<Properties> {
        let held = self.held();
        let now = self.clock.now();
        if held.renew_at.is_none_or(|at| now < at) {
            return Ok(held.set.properties_of(location));
        }
        let ended = held.ends.is_some_and(|end| now >= end);
        if !ended {
            let Ok(turn) = self.asking.try_lock() else {
                return Ok(held.set.properties_of(location));
            };
            if self.stamp() == held.stamp {
                let asked = tokio::time::timeout(PATIENCE, self.ask(&turn)).await;
                if !matches!(asked, Ok(Ok(()))) {
                    // They still work for a while.
                    self.postpone();
                }
            }
        } else {
            self.renew_after(held.stamp).await?;
        }
        Ok(self.latest(location))
    }

    /// A number that is another one once the credentials are others.
    pub(super) fn stamp(&self) -> u64 {
        self.held().stamp
    }

    /// Gets other credentials than those of `stamp`, unless somebody has. Whether there are others.
    pub(super) async fn renew_after(&self, stamp: u64) -> Result<bool> {
        let turn = self.asking.lock().await;
        if self.stamp() == stamp {
            self.ask(&turn).await?;
        }
        Ok(self.stamp() != stamp)
    }

    async fn ask(&self, _turn: &tokio::sync::MutexGuard<'_, ()>) -> Result<()> {
        let set = self.source.load().await.map_err(|error| {
            let text = format!(
                "the credentials for the files of table '{}' have ended or are refused, and the \
                 catalog gives no others",
                self.table
            );
            Error::new(error.kind(), text).with_source(error)
        })?;
        self.replace(set);
        Ok(())
    }

    /// What of them must not be shown.
    pub(super) fn secrets(&self) -> Secrets {
        secrets_of(self.held().set.all())
    }
}

impl fmt::Debug for Vended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vended")
            .field("table", &self.table)
            .field("ends", &self.held().ends)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use super::*;
    use crate::error::ErrorKind;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        let own = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        pairs.iter().map(own).collect()
    }

    /// Gives the keys `k1`, `k2`, … which end a minute after they are asked for.
    #[derive(Debug, Default)]
    struct Counting {
        asked: AtomicUsize,
        now: Arc<AtomicI64>,
        down: std::sync::atomic::AtomicBool,
    }

    #[async_trait]
    impl CredentialSource for Counting {
        async fn load(&self) -> Result<CredentialSet> {
            tokio::task::yield_now().await;
            if self.down.load(Ordering::SeqCst) {
                return Err(Error::new(ErrorKind::Io, "no answer"));
            }
            let n = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let ends = (self.now.load(Ordering::SeqCst) + 60_000).to_string();
            let config = properties(&[
                ("s3.access-key-id", &format!("k{n}")),
                ("s3.session-token-expires-at-ms", &ends),
            ]);
            Ok(CredentialSet::new(config, Vec::new()))
        }
    }

    async fn key(vended: &Vended) -> Result<String> {
        let given = vended.current("s3://b/f").await?;
        Ok(given
            .get("s3.access-key-id")
            .unwrap_or_default()
            .to_string())
    }

    #[tokio::test]
    async fn credentials_are_renewed_ahead_of_their_end_by_one_caller() {
        let source = Arc::new(Counting::default());
        let now = Arc::clone(&source.now);
        let first = source.load().await.unwrap();
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || now.load(Ordering::SeqCst))
        };
        let as_source: Arc<dyn CredentialSource> = Arc::clone(&source) as _;
        let vended = Vended::new("a.b".to_string(), as_source, first, clock);
        assert_eq!(key(&vended).await.unwrap(), "k1");
        now.store(46_000, Ordering::SeqCst);
        let all = futures::future::join_all((0..8).map(|_| key(&vended))).await;
        assert!(all.iter().flatten().any(|key| key == "k2"), "{all:?}");
        assert_eq!(key(&vended).await.unwrap(), "k2");
        assert_eq!(source.asked.load(Ordering::SeqCst), 2);

        // While the catalog is down they are used to their end.
        source.down.store(true, Ordering::SeqCst);
        now.store(46_000 + 50_000, Ordering::SeqCst);
        assert_eq!(key(&vended).await.unwrap(), "k2");
        now.store(46_000 + 60_000, Ordering::SeqCst);
        let error = key(&vended).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "the credentials for the files of table 'a.b' have ended or are refused, and the \
             catalog gives no others: no answer"
        );
        source.down.store(false, Ordering::SeqCst);
        let all = futures::future::join_all((0..8).map(|_| key(&vended))).await;
        assert!(
            all.iter()
                .all(|key| key.as_ref().is_ok_and(|key| key == "k3")),
            "{all:?}"
        );
        let stamp = vended.stamp();
        assert!(vended.renew_after(stamp - 1).await.unwrap());
        assert_eq!(source.asked.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn the_longest_prefix_wins() {
        let set = CredentialSet::new(
            properties(&[("s3.access-key-id", "all"), ("s3.session-token", "t")]),
            vec![
                (
                    "s3://b/".to_string(),
                    properties(&[("s3.access-key-id", "b")]),
                ),
                (
                    "s3://b/t/".to_string(),
                    properties(&[("s3.access-key-id", "bt")]),
                ),
            ],
        );
        for (location, key) in [("s3://b/t/f", "bt"), ("s3://b/f", "b"), ("s3://c/f", "all")] {
            let given = set.properties_of(location);
            assert_eq!(given.get("s3.access-key-id"), Some(key), "{location}");
            assert_eq!(given.get("s3.session-token").is_some(), key == "all");
        }
        assert!(set.has_credentials());
        assert!(!CredentialSet::default().has_credentials());
    }
}
