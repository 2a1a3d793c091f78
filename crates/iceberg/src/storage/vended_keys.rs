// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A catalog's credentials as each kind of store takes them.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use object_store::azure::AzureCredential;
use object_store::gcp::GcpCredential;

use super::properties::Properties;
use super::vended::Vended;

/// The credentials of a table's files that begin with one prefix.
#[derive(Debug, Clone)]
pub(super) struct VendedFor {
    pub(super) vended: Arc<Vended>,
    /// A location that the credentials are for.
    pub(super) location: String,
}

impl VendedFor {
    async fn current(&self) -> object_store::Result<Properties> {
        self.vended
            .current(&self.location)
            .await
            .map_err(|cause| object_store::Error::Generic {
                store: "Iceberg",
                source: Box::new(cause),
            })
    }

    fn missing(&self, what: &str) -> object_store::Error {
        let text = format!(
            "the catalog gives no {what} any more for the files at '{}'",
            self.location
        );
        object_store::Error::Generic {
            store: "Iceberg",
            source: text.into(),
        }
    }
}

/// The S3 keys among `properties`.
pub(super) fn aws_keys(properties: &Properties) -> Option<AwsCredential> {
    let id = properties.first(&["s3.access-key-id", "client.access-key-id"])?;
    let secret = properties.first(&["s3.secret-access-key", "client.secret-access-key"])?;
    let token = properties.first(&["s3.session-token", "client.session-token"]);
    Some(AwsCredential {
        key_id: id.to_string(),
        secret_key: secret.to_string(),
        token: token.map(str::to_string),
    })
}

/// The Google token among `properties`.
pub(super) fn gcp_token(properties: &Properties) -> Option<GcpCredential> {
    let token = properties.first(&["gcs.oauth2.token", "gcs.token"])?;
    Some(GcpCredential {
        bearer: token.to_string(),
    })
}

/// The shared access signature among `properties`, of any account or of this one.
pub(super) fn azure_signature(
    properties: &Properties,
    account: Option<&str>,
) -> Option<AzureCredential> {
    let token = properties.get("adls.sas-token").or_else(|| {
        let account = account?;
        let key = format!("adls.sas-token.{account}");
        let mut known = properties.iter();
        // The account's name alone, or with its host.
        known
            .find(|(name, _)| **name == key || name.starts_with(&format!("{key}.")))
            .map(|(_, value)| value.as_str())
    })?;
    let pairs = url::form_urlencoded::parse(token.trim_start_matches('?').as_bytes());
    Some(AzureCredential::SASToken(pairs.into_owned().collect()))
}

/// S3 keys from the catalog.
#[derive(Debug)]
pub(super) struct VendedAws(pub(super) VendedFor);

#[async_trait]
impl CredentialProvider for VendedAws {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let given = self.0.current().await?;
        let keys = aws_keys(&given).ok_or_else(|| self.0.missing("S3 keys"))?;
        Ok(Arc::new(keys))
    }
}

/// A Google token from the catalog.
#[derive(Debug)]
pub(super) struct VendedGcp(pub(super) VendedFor);

#[async_trait]
impl CredentialProvider for VendedGcp {
    type Credential = GcpCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<GcpCredential>> {
        let given = self.0.current().await?;
        let token = gcp_token(&given).ok_or_else(|| self.0.missing("Google token"))?;
        Ok(Arc::new(token))
    }
}

/// A shared access signature from the catalog.
#[derive(Debug)]
pub(super) struct VendedAzure {
    pub(super) vended: VendedFor,
    pub(super) account: Option<String>,
}

#[async_trait]
impl CredentialProvider for VendedAzure {
    type Credential = AzureCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AzureCredential>> {
        let given = self.vended.current().await?;
        let signature = azure_signature(&given, self.account.as_deref());
        let signature = signature.ok_or_else(|| self.vended.missing("Azure signature"))?;
        Ok(Arc::new(signature))
    }
}
