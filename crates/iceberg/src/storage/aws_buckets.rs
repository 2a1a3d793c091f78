// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! S3 buckets from properties.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region};
use object_store::{ClientOptions, ObjectStore, StaticCredentialProvider};

use super::aws_chain::{AwsChain, configured_region};
use super::http::{client_options, retries};
use super::lazy::LazyStore;
use super::opening::Opening;
use super::properties::{Credentials, Properties};
use super::renewing::{Renewing, RenewingStore};
use super::vended_keys::{VendedAws, aws_keys};
use crate::error::{Error, ErrorKind, Result};

/// The bucket, with the catalog's credentials, else those of the properties, else the machine's.
pub(super) fn open(opening: &Opening<'_>, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let properties = opening.properties;
    refuse_roles(properties)?;
    let endpoint = properties.get("s3.endpoint");
    let (builder, options) = environment(endpoint.is_some());
    let mut builder = builder
        .with_bucket_name(bucket)
        .with_http_connector(opening.http.clone())
        .with_retry(retries(properties, "s3.retry.num-retries")?);
    let region = properties.first(&["client.region", "s3.region"]);
    if let Some(region) = region {
        builder = builder.with_region(region);
    }
    let mut options = client_options(options, properties, "s3")?;
    if let Some(endpoint) = endpoint {
        options = options.with_allow_http(endpoint.starts_with("http://"));
    }
    builder = with_address(builder, properties, bucket)?.with_client_options(options.clone());
    let (builder, renewing) = with_credentials(builder, opening)?;
    let known = |key| builder.get_config_value(&key).is_some();
    let elsewhere = endpoint.is_some()
        || known(AmazonS3ConfigKey::Endpoint)
        || known(AmazonS3ConfigKey::S3Endpoint);
    if elsewhere || known(AmazonS3ConfigKey::Region) {
        return finish(builder, bucket, renewing);
    }
    let profile = profile(properties);
    let name = bucket.to_string();
    let open = move || {
        let (builder, options) = (builder.clone(), options.clone());
        let (name, profile, renewing) = (name.clone(), profile.clone(), renewing.clone());
        Box::pin(async move {
            let region = match configured_region(profile.as_deref()).await {
                Some(region) => region,
                None => bucket_region(&name, &options).await?,
            };
            finish(builder.with_region(region), &name, renewing)
        }) as _
    };
    Ok(Arc::new(LazyStore::new(format!("S3({bucket})"), open)))
}

fn finish(
    builder: AmazonS3Builder,
    bucket: &str,
    renewing: Option<Renewing>,
) -> Result<Arc<dyn ObjectStore>> {
    let store = builder.build().map_err(|cause| {
        Error::new(
            ErrorKind::Invalid,
            format!("S3 bucket '{bucket}' cannot be opened"),
        )
        .with_source(cause)
    })?;
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    Ok(match renewing {
        Some(renewing) => Arc::new(RenewingStore::new(store, renewing)),
        None => store,
    })
}

/// What the environment says of S3, but for credentials, which the chain reads, and for the address
/// if it is given elsewhere.
fn environment(has_endpoint: bool) -> (AmazonS3Builder, ClientOptions) {
    use AmazonS3ConfigKey as Key;
    let mut builder = AmazonS3Builder::new();
    let mut options = ClientOptions::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        if !name.starts_with("AWS_") || value.is_empty() {
            continue;
        }
        let Ok(key) = name.to_ascii_lowercase().parse::<Key>() else {
            continue;
        };
        match key {
            Key::AccessKeyId | Key::SecretAccessKey | Key::Token | Key::Bucket => {}
            Key::Endpoint | Key::S3Endpoint | Key::VirtualHostedStyleRequest if has_endpoint => {}
            Key::Client(key) => options = options.with_config(key, value),
            key => builder = builder.with_config(key, value),
        }
    }
    (builder, options)
}

/// The address, and where the bucket's name is in it.
fn with_address(
    builder: AmazonS3Builder,
    properties: &Properties,
    bucket: &str,
) -> Result<AmazonS3Builder> {
    let path_style = properties.flag("s3.path-style-access")?;
    let Some(endpoint) = properties.get("s3.endpoint") else {
        return Ok(match path_style {
            Some(path_style) => builder.with_virtual_hosted_style_request(!path_style),
            None => builder,
        });
    };
    // Without a word on the style, stores other than AWS are spoken to with the bucket in the path.
    let virtual_hosted = path_style == Some(false);
    let endpoint = match endpoint.trim_end_matches('/').split_once("://") {
        Some((scheme, host)) if virtual_hosted => format!("{scheme}://{bucket}.{host}"),
        Some((scheme, host)) => format!("{scheme}://{host}"),
        None => {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "property 's3.endpoint' is '{endpoint}': expected an address like \
                     https://host:9000"
                ),
            ));
        }
    };
    Ok(builder
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(virtual_hosted))
}

fn with_credentials(
    builder: AmazonS3Builder,
    opening: &Opening<'_>,
) -> Result<(AmazonS3Builder, Option<Renewing>)> {
    let properties = opening.properties;
    if let Some(vended) = &opening.vended {
        let provider = Arc::new(VendedAws(vended.clone()));
        let renewing = Renewing::Vended(Arc::clone(&vended.vended));
        return Ok((builder.with_credentials(provider), Some(renewing)));
    }
    if properties.flag("s3.allow-anonymous")? == Some(true)
        || properties.flag("s3.anonymous")? == Some(true)
    {
        return Ok((builder.with_skip_signature(true), None));
    }
    if let Some(keys) = aws_keys(properties) {
        let provider = StaticCredentialProvider::new(keys);
        return Ok((builder.with_credentials(Arc::new(provider)), None));
    }
    if properties.have(Credentials::S3) && !only_flags(properties) {
        return Err(Error::new(
            ErrorKind::Invalid,
            "only one of the properties 's3.access-key-id' and 's3.secret-access-key' is given: \
             give both",
        ));
    }
    let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
    let chain = opening.chains.get(profile(properties), region);
    let renewing = Renewing::Chain(Arc::clone(&chain));
    Ok((builder.with_credentials(chain), Some(renewing)))
}

/// Whether the credentials are no more than `s3.anonymous=false`.
fn only_flags(properties: &Properties) -> bool {
    let keys = [
        "s3.access-key-id",
        "s3.secret-access-key",
        "client.access-key-id",
        "client.secret-access-key",
    ];
    properties.first(&keys).is_none()
}

/// The profile of the AWS files.
fn profile(properties: &Properties) -> Option<String> {
    let named = properties.first(&["s3.profile-name", "client.profile-name"]);
    named.map(str::to_string)
}

fn refuse_roles(properties: &Properties) -> Result<()> {
    for key in ["s3.role-arn", "client.role-arn", "client.assume-role.arn"] {
        if properties.get(key).is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "property '{key}' is not supported: name the role in a profile of \
                     ~/.aws/config (role_arn, source_profile) and the profile in \
                     'client.profile-name'"
                ),
            ));
        }
    }
    Ok(())
}

async fn bucket_region(bucket: &str, options: &ClientOptions) -> Result<String> {
    resolve_bucket_region(bucket, options)
        .await
        .map_err(|cause| {
            Error::new(
                ErrorKind::Invalid,
                format!(
                    "the region of S3 bucket '{bucket}' is not known: give the property \
                 'client.region', or 's3.endpoint' if it is not at AWS"
                ),
            )
            .with_source(cause)
        })
}

/// The chains of a catalog's profiles.
#[derive(Debug, Default)]
pub(super) struct AwsChains(std::sync::Mutex<Vec<(Option<String>, Arc<AwsChain>)>>);

impl AwsChains {
    fn get(&self, profile: Option<String>, region: Option<String>) -> Arc<AwsChain> {
        let mut chains = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, chain)) = chains.iter().find(|(known, _)| *known == profile) {
            return Arc::clone(chain);
        }
        let chain = Arc::new(AwsChain::new(profile.clone(), region));
        chains.push((profile, Arc::clone(&chain)));
        chain
    }
}
