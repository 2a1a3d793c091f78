// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How stores are spoken to: connections, how long to wait, how often to try.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::properties::Properties;
use crate::error::Result;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a request may take, its answer included: one part of a file.
const REQUEST: Duration = Duration::from_secs(60);

/// How often a request is repeated, and for how long.
const RETRIES: u64 = 5;
const RETRY_FOR: Duration = Duration::from_secs(90);

/// Connections that all stores with the same options share.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedHttp(Arc<Mutex<HashMap<String, HttpClient>>>);

impl HttpConnector for SharedHttp {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{options:?}");
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = ReqwestConnector::default().connect(options)?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// `options` with the times and the proxy that the properties of `kind` (`s3`, …) give.
pub(super) fn client_options(
    options: ClientOptions,
    properties: &Properties,
    kind: &str,
) -> Result<ClientOptions> {
    let connect = properties.seconds(&format!("{kind}.connect-timeout"))?;
    let request = properties.seconds(&format!("{kind}.request-timeout"))?;
    let options = options
        .with_connect_timeout(connect.unwrap_or(CONNECT))
        .with_timeout(request.unwrap_or(REQUEST));
    Ok(match properties.get(&format!("{kind}.proxy-uri")) {
        Some(proxy) => options.with_proxy_url(proxy),
        None => options,
    })
}

/// How often requests are repeated; the property `key` may say.
pub(super) fn retries(properties: &Properties, key: &str) -> Result<RetryConfig> {
    let times = properties.number(key)?.unwrap_or(RETRIES);
    Ok(RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: usize::try_from(times).unwrap_or(usize::MAX),
        retry_timeout: RETRY_FOR,
    })
}
