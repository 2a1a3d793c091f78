// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Google Cloud Storage buckets and Azure containers from properties.

use std::sync::Arc;

use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientOptions, ObjectStore, StaticCredentialProvider};

use super::http::{client_options, retries};
use super::opening::Opening;
use super::properties::{Credentials, Properties};
use super::renewing::{Renewing, RenewingStore};
use super::vended_keys::{VendedAzure, VendedGcp, azure_signature, gcp_token};
use crate::error::{Error, ErrorKind, Result};

/// The Google Cloud Storage bucket. The environment counts where the properties have no
/// credentials.
pub(super) fn gcs(opening: &Opening<'_>, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let properties = opening.properties;
    let given = opening.vended.is_some() || properties.have(Credentials::Gcs);
    let builder = match given {
        true => GoogleCloudStorageBuilder::new(),
        false => GoogleCloudStorageBuilder::from_env(),
    };
    let host = properties.first(&["gcs.service.host", "gcs.service.path"]);
    let plain = host.is_some_and(|host| host.starts_with("http://"));
    let options = client_options(ClientOptions::new(), properties, "gcs")?.with_allow_http(plain);
    let mut builder = builder
        .with_bucket_name(bucket)
        .with_http_connector(opening.http.clone())
        .with_retry(retries(properties, "gcs.retry.num-retries")?)
        .with_client_options(options);
    if let Some(host) = host {
        builder = builder.with_config(GoogleConfigKey::BaseUrl, host.trim_end_matches('/'));
    }
    let builder = match &opening.vended {
        Some(vended) => builder.with_credentials(Arc::new(VendedGcp(vended.clone()))),
        None => with_gcs_credentials(builder, properties)?,
    };
    let store = builder
        .build()
        .map_err(|cause| unusable("GCS bucket", bucket, cause))?;
    Ok(renewed(Arc::new(store), opening))
}

fn with_gcs_credentials(
    mut builder: GoogleCloudStorageBuilder,
    properties: &Properties,
) -> Result<GoogleCloudStorageBuilder> {
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
    if let Some(token) = gcp_token(properties) {
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(token)));
    }
    if properties.flag("gcs.no-auth")? == Some(true)
        || properties.flag("gcs.allow-anonymous")? == Some(true)
    {
        builder = builder.with_skip_signature(true);
    }
    Ok(builder)
}

/// The container of an Azure storage account. The environment counts where the properties have no
/// credentials.
pub(super) fn azure(
    opening: &Opening<'_>,
    container: &str,
    account: Option<&str>,
) -> Result<Arc<dyn ObjectStore>> {
    let properties = opening.properties;
    let given = opening.vended.is_some() || properties.have(Credentials::Azure);
    let builder = match given {
        true => MicrosoftAzureBuilder::new(),
        false => MicrosoftAzureBuilder::from_env(),
    };
    let mut builder = builder
        .with_container_name(container)
        .with_http_connector(opening.http.clone())
        .with_retry(retries(properties, "adls.retry.num-retries")?)
        .with_client_options(client_options(ClientOptions::new(), properties, "adls")?);
    let account = account.or(properties.get("adls.account-name"));
    if let Some(account) = account {
        builder = builder.with_account(account);
    }
    if let Some(host) = properties.get("adls.authority-host") {
        builder = builder.with_authority_host(host);
    }
    let builder = match &opening.vended {
        Some(vended) => builder.with_credentials(Arc::new(VendedAzure {
            vended: vended.clone(),
            account: account.map(str::to_string),
        })),
        None => with_azure_credentials(builder, properties, account)?,
    };
    let store = builder
        .build()
        .map_err(|cause| unusable("Azure container", container, cause))?;
    Ok(renewed(Arc::new(store), opening))
}

fn with_azure_credentials(
    mut builder: MicrosoftAzureBuilder,
    properties: &Properties,
    account: Option<&str>,
) -> Result<MicrosoftAzureBuilder> {
    if properties.get("adls.connection-string").is_some() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "property 'adls.connection-string' is not supported: give 'adls.account-name' and \
             'adls.account-key', or 'adls.sas-token'",
        ));
    }
    if let Some(key) = properties.get("adls.account-key") {
        builder = builder.with_access_key(key);
    }
    if let Some(token) = properties.get("adls.token") {
        builder = builder.with_bearer_token_authorization(token);
    }
    if let Some(signature) = azure_signature(properties, account) {
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(signature)));
    }
    if let (Some(id), Some(secret), Some(tenant)) = (
        properties.get("adls.client-id"),
        properties.get("adls.client-secret"),
        properties.get("adls.tenant-id"),
    ) {
        builder = builder.with_client_secret_authorization(id, secret, tenant);
    }
    Ok(builder)
}

fn renewed(store: Arc<dyn ObjectStore>, opening: &Opening<'_>) -> Arc<dyn ObjectStore> {
    match &opening.vended {
        Some(vended) => {
            let renewing = Renewing::Vended(Arc::clone(&vended.vended));
            Arc::new(RenewingStore::new(store, renewing))
        }
        None => store,
    }
}

fn unusable(what: &str, name: &str, cause: object_store::Error) -> Error {
    Error::new(
        ErrorKind::Invalid,
        format!("{what} '{name}' cannot be opened"),
    )
    .with_source(cause)
}
