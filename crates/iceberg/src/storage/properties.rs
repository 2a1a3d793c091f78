// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Iceberg's storage properties as object store builders, and what of them may be shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::StaticCredentialProvider;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Words in a property's key which make its value a secret.
const SECRET_WORDS: [&str; 10] = [
    "secret",
    "token",
    "password",
    "passwd",
    "credential",
    "access-key",
    "account-key",
    "connection-string",
    "authorization",
    "sse.key",
];

/// Whether the value of the property `key` must not be shown or kept.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('_', "-");
    key.starts_with("header.") || SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// `uri` without the user name, password and query that it may carry. A password may have any
/// character in it, so everything up to the last `@` goes.
pub(crate) fn without_user_info(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_string();
    };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    match before.rsplit_once('@') {
        Some((_, shown)) => format!("{scheme}://…@{shown}"),
        // It is open whether this is part of a password.
        None if query.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{before}"),
    }
}

/// Properties of a catalog or a table; secrets are kept but never shown.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Properties(BTreeMap<String, String>);

impl Properties {
    /// These properties with `others` on top.
    pub(crate) fn overlaid<'a>(
        &self,
        others: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let mut merged = self.0.clone();
        merged.extend(
            others
                .into_iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        Self(merged)
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn first(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.get(key))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "t" | "1" | "on" | "yes") => Ok(Some(true)),
            Some("false" | "f" | "0" | "off" | "no") => Ok(Some(false)),
            Some(other) => Err(Error::new(
                ErrorKind::Invalid,
                format!("property '{key}' is '{other}': expected true or false"),
            )),
        }
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(iter: T) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| {
                let shown = if is_secret(key) {
                    "…".to_string()
                } else {
                    without_user_info(value)
                };
                (key, shown)
            }))
            .finish()
    }
}

/// The S3 bucket, with the environment's credentials where the properties have none.
pub(super) fn s3(properties: &Properties, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    let region = properties.first(&["client.region", "s3.region"]);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    if let Some(id) = properties.first(&["s3.access-key-id", "client.access-key-id"]) {
        builder = builder.with_access_key_id(id);
    }
    if let Some(key) = properties.first(&["s3.secret-access-key", "client.secret-access-key"]) {
        builder = builder.with_secret_access_key(key);
    }
    if let Some(token) = properties.first(&["s3.session-token", "client.session-token"]) {
        builder = builder.with_token(token);
    }
    if properties.flag("s3.allow-anonymous")? == Some(true)
        || properties.flag("s3.anonymous")? == Some(true)
    {
        builder = builder.with_skip_signature(true);
    }
    let path_style = properties.flag("s3.path-style-access")?;
    if let Some(endpoint) = properties.get("s3.endpoint") {
        // Without a word on the style, stores other than AWS are spoken to with the bucket in the path.
        let virtual_hosted = path_style == Some(false);
        let endpoint = match endpoint.split_once("://") {
            Some((scheme, host)) if virtual_hosted => format!("{scheme}://{bucket}.{host}"),
            _ => endpoint.to_string(),
        };
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_endpoint(endpoint)
            .with_virtual_hosted_style_request(virtual_hosted);
    } else if let Some(path_style) = path_style {
        builder = builder.with_virtual_hosted_style_request(!path_style);
    }
    let store = builder
        .build()
        .map_err(|cause| unusable("S3 bucket", bucket, cause))?;
    Ok(Arc::new(store))
}

/// The Google Cloud Storage bucket.
pub(super) fn gcs(properties: &Properties, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
    if let Some(host) = properties.first(&["gcs.service.host", "gcs.service.path"]) {
        builder = builder.with_config(GoogleConfigKey::BaseUrl, host.trim_end_matches('/'));
    }
    if let Some(key) = properties.get("gcs.credentials-json") {
        if !key.trim_start().starts_with('{') {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "property 'gcs.credentials-json' is not JSON text: give the service account's \
                 JSON itself, or its path in GOOGLE_APPLICATION_CREDENTIALS",
            ));
        }
        builder = builder.with_service_account_key(key);
    }
    if let Some(token) = properties.first(&["gcs.oauth2.token", "gcs.token"]) {
        let credential = GcpCredential {
            bearer: token.to_string(),
        };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
    }
    if properties.flag("gcs.no-auth")? == Some(true)
        || properties.flag("gcs.allow-anonymous")? == Some(true)
    {
        builder = builder.with_skip_signature(true);
    }
    let store = builder
        .build()
        .map_err(|cause| unusable("GCS bucket", bucket, cause))?;
    Ok(Arc::new(store))
}

/// The container of an Azure storage account.
pub(super) fn azure(
    properties: &Properties,
    container: &str,
    account: Option<&str>,
) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = MicrosoftAzureBuilder::from_env().with_container_name(container);
    let account = account.or(properties.get("adls.account-name"));
    if let Some(account) = account {
        builder = builder.with_account(account);
    }
    if let Some(key) = properties.get("adls.account-key") {
        builder = builder.with_access_key(key);
    }
    let per_account = account.map(|account| format!("adls.sas-token.{account}"));
    let sas = properties
        .get("adls.sas-token")
        .or_else(|| per_account.as_deref().and_then(|key| properties.get(key)));
    if let Some(sas) = sas {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(sas.trim_start_matches('?').as_bytes())
                .into_owned()
                .collect();
        builder = builder.with_sas_authorization(pairs);
    }
    if let (Some(id), Some(secret), Some(tenant)) = (
        properties.get("adls.client-id"),
        properties.get("adls.client-secret"),
        properties.get("adls.tenant-id"),
    ) {
        builder = builder.with_client_secret_authorization(id, secret, tenant);
    }
    if let Some(host) = properties.get("adls.authority-host") {
        builder = builder.with_authority_host(host);
    }
    let store = builder
        .build()
        .map_err(|cause| unusable("Azure container", container, cause))?;
    Ok(Arc::new(store))
}

fn unusable(what: &str, name: &str, cause: object_store::Error) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("{what} '{name}' cannot be opened"),
    )
    .with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let properties: Properties = [
            ("s3.secret-access-key", "hush1"),
            ("s3.access-key-id", "hush2"),
            ("header.Authorization", "hush3"),
            ("credential", "hush4"),
            ("adls.sas-token.acc", "hush5"),
            ("py-io-impl", "x"),
            ("uri", "postgresql://me:hush6@host/db"),
            ("s3.region", "eu-west-1"),
        ]
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .into_iter()
        .collect();
        let shown = format!("{properties:?}");
        assert!(!shown.contains("hush"), "{shown}");
        assert!(
            shown.contains("eu-west-1") && shown.contains("host/db"),
            "{shown}"
        );
    }

    #[test]
    fn addresses_are_shown_without_passwords_and_queries() {
        for (uri, shown) in [
            ("http://h:8181/api", "http://h:8181/api"),
            ("http://me:hush@h/api", "http://…@h/api"),
            ("http://me:hu/sh@h/api", "http://…@h/api"),
            ("http://me:hu@sh@h/api", "http://…@h/api"),
            ("http://h/api?token=hush", "http://h/api"),
            ("http://me:hush@h?key=hush", "http://…@h"),
            ("http://me:hu?sh@h/api", "http://…"),
            ("sqlite:///c.db", "sqlite:///c.db"),
            ("c.db", "c.db"),
        ] {
            assert_eq!(without_user_info(uri), shown);
        }
    }

    #[test]
    fn a_wrong_flag_is_named() {
        let properties: Properties = [("s3.path-style-access".to_string(), "maybe".to_string())]
            .into_iter()
            .collect();
        let error = s3(&properties, "b").unwrap_err().to_string();
        assert_eq!(
            error,
            "property 's3.path-style-access' is 'maybe': expected true or false"
        );
    }

    #[test]
    fn stores_are_built_from_properties() {
        let properties: Properties = [
            ("s3.endpoint", "http://localhost:9000"),
            ("s3.region", "us-east-1"),
            ("s3.access-key-id", "a"),
            ("s3.secret-access-key", "b"),
            ("adls.account-name", "acc"),
            ("adls.account-key", "c2VjcmV0"),
            ("gcs.no-auth", "true"),
        ]
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .into_iter()
        .collect();
        assert!(format!("{}", s3(&properties, "b").unwrap()).contains('b'));
        assert!(azure(&properties, "c", None).is_ok());
        assert!(gcs(&properties, "b").is_ok());
    }
}
