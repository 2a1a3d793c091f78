// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a REST catalog is asked, and what it answers.

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};

/// One thing a catalog is asked to do.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    /// What it is for, as in `load table 'a.b'`.
    pub(super) doing: String,
}

impl Call {
    pub(super) fn new(method: Method, url: String, doing: impl Into<String>) -> Self {
        Self {
            method,
            url,
            query: Vec::new(),
            body: None,
            doing: doing.into(),
        }
    }

    pub(super) fn get(url: String, doing: impl Into<String>) -> Self {
        Self::new(Method::GET, url, doing)
    }

    pub(super) fn post(
        url: String,
        doing: impl Into<String>,
        body: &impl Serialize,
    ) -> Result<Self> {
        let mut call = Self::new(Method::POST, url, doing);
        let body = serde_json::to_vec(body).map_err(|cause| {
            let text = format!("cannot {}: the request cannot be written", call.doing);
            Error::new(ErrorKind::Invalid, text).with_source(cause)
        })?;
        call.body = Some(body.into());
        Ok(call)
    }

    pub(super) fn with_query(mut self, key: &str, value: impl Into<String>) -> Self {
        self.query.push((key.to_string(), value.into()));
        self
    }

    /// Whether it changes nothing, so that it can be repeated.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// What a catalog answers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How many seconds to wait before asking again.
    pub(super) retry_after: Option<u64>,
    /// Where it sends its clients to.
    pub(super) moved_to: Option<String>,
    pub(super) body: Bytes,
    /// Whether it is not the first answer to the call.
    pub(super) repeated: bool,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}
