// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the files of one table are opened with.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::location::StoreKey;
use super::properties::{Credentials, Properties, secrets_of};
use super::secrets::Secrets;
use super::vended::Vended;
use super::vended_keys::{VendedFor, aws_keys, azure_signature, gcp_token};

/// What the files of one table are opened with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Access {
    /// What is said by default.
    properties: Properties,
    /// What the user says, which wins over the catalog.
    #[serde(default)]
    on_top: Properties,
    /// What the catalog gives for this table only.
    #[serde(skip)]
    vended: Option<Arc<Vended>>,
}

impl Access {
    /// With `properties` only.
    pub(crate) fn new(properties: Properties) -> Self {
        Self {
            properties,
            ..Self::default()
        }
    }

    /// With `properties`, what `vended` gives over them, and `on_top` over both.
    pub(crate) fn vended(properties: Properties, on_top: Properties, vended: Arc<Vended>) -> Self {
        Self {
            properties,
            on_top,
            vended: Some(vended),
        }
    }

    /// The same with other properties on top of the default ones.
    pub(super) fn overlaid<'a>(
        &self,
        others: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        Self {
            properties: self.properties.overlaid(others),
            ..self.clone()
        }
    }

    /// What tells apart the files of one store that are read with other credentials.
    pub(super) fn prefix_of(&self, location: &str) -> String {
        match &self.vended {
            Some(vended) => vended.prefix_of(location),
            None => String::new(),
        }
    }

    /// The properties for `location`, a file of `store`, and the catalog's credentials if it is
    /// they that count.
    pub(super) fn of(&self, store: &StoreKey, location: &str) -> (Properties, Option<VendedFor>) {
        let Some(vended) = &self.vended else {
            return (self.properties.overlaid(self.on_top.iter()), None);
        };
        let given = vended.latest(location);
        let usable = match store {
            StoreKey::Local | StoreKey::Memory => None,
            StoreKey::S3 { .. } => aws_keys(&given).map(|_| Credentials::S3),
            StoreKey::Gcs { .. } => gcp_token(&given).map(|_| Credentials::Gcs),
            StoreKey::Azure { account, .. } => {
                azure_signature(&given, account.as_deref()).map(|_| Credentials::Azure)
            }
        };
        let counts = usable.filter(|group| !self.on_top.have(*group));
        let settings = given.of_storage();
        let properties = self
            .properties
            .overlaid(settings.iter())
            .overlaid(self.on_top.iter());
        let Some(group) = counts else {
            return (properties, None);
        };
        // Those of the catalog change: what a store is known by must not.
        let properties = properties.filtered(|key| Credentials::of(key) != Some(group));
        let vended = VendedFor {
            vended: Arc::clone(vended),
            location: vended.prefix_of(location),
        };
        (properties, Some(vended))
    }

    /// What must not be shown of it.
    pub(super) fn secrets(&self) -> Vec<Secrets> {
        let own = secrets_of([&self.properties, &self.on_top]);
        let vended = self.vended.as_ref().map(|vended| vended.secrets());
        std::iter::once(own).chain(vended).collect()
    }

    /// Whose credentials they are, for somebody who finds them refused.
    pub(super) fn whose(&self, store: &StoreKey, location: &str) -> &'static str {
        let (properties, vended) = self.of(store, location);
        match (store, vended) {
            (_, Some(_)) => "the rights that the catalog's credentials for this table have",
            (StoreKey::Local, _) => "the file's permissions",
            (StoreKey::S3 { .. }, _) if properties.have(Credentials::S3) => {
                "'s3.access-key-id', 's3.secret-access-key', 's3.session-token' and their rights"
            }
            (StoreKey::S3 { .. }, _) => {
                "the AWS credentials of this machine and their rights, or give \
                 's3.access-key-id' and 's3.secret-access-key'"
            }
            (StoreKey::Gcs { .. }, _) => "'gcs.oauth2.token' or GOOGLE_APPLICATION_CREDENTIALS",
            (StoreKey::Azure { .. }, _) => "'adls.account-key' or 'adls.sas-token'",
            (StoreKey::Memory, _) => "nothing",
        }
    }
}
