// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which files there are, whatever a catalog says.

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

use super::lake::service;

/// The files in SeaweedFS's warehouse with one of `texts` in their names.
pub(super) async fn files_of(texts: &[&str]) -> Vec<String> {
    let store = AmazonS3Builder::new()
        .with_endpoint(service("SEAWEEDFS_S3"))
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(service("SEAWEEDFS_WAREHOUSE"))
        .with_access_key_id(service("SEAWEEDFS_KEY"))
        .with_secret_access_key(service("SEAWEEDFS_SECRET"))
        .build()
        .unwrap();
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut found: Vec<String> = found
        .into_iter()
        .map(|file| file.location.to_string())
        .filter(|name| texts.iter().any(|text| name.contains(text)))
        .collect();
    found.sort();
    found
}
