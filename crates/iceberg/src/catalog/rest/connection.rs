// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The way to one catalog, and what the catalog says of itself.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::auth::Auth;
use super::call::{Answer, Call};
use super::http::Http;
use super::paths::Paths;
use super::requests::{Requests, WhenDropped};
use super::settings::Settings;
use crate::catalog::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::Properties;

/// The way to one catalog.
pub(super) struct Connection {
    http: Arc<Http>,
    requests: Requests,
    pub(super) paths: Paths,
    /// What the server gives by default, the user's properties, and what the server insists on.
    pub(super) properties: Properties,
    /// The user's properties, but for those that the server insists on.
    pub(super) users: Properties,
}

/// What a catalog says of itself.
#[derive(Deserialize)]
struct Configuration {
    defaults: Option<Map<String, Value>>,
    overrides: Option<Map<String, Value>>,
    endpoints: Option<Vec<String>>,
}

/// Properties as servers send them: numbers and flags are not always in quotes.
pub(super) fn properties(sent: Option<Map<String, Value>>) -> Properties {
    let pairs = sent.unwrap_or_default().into_iter();
    pairs
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            Value::Number(_) | Value::Bool(_) => Some((key, value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        })
        .collect()
}

impl Connection {
    /// Asks the catalog for its configuration, and for its namespaces once to see that it is one.
    pub(super) async fn open(options: &CatalogOptions) -> Result<Self> {
        let users: Properties = options
            .properties
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let settings = Settings::new(options, &users)?;
        let requests = Requests::new()?;
        let http = Arc::new(Http::new(settings, &users)?);
        let configuration = configuration(&http, &requests).await?;
        let defaults = properties(configuration.defaults);
        let overrides = properties(configuration.overrides);
        let all = defaults.overlaid(users.iter()).overlaid(overrides.iter());
        let http = configured(http, &users, &all)?;
        let connection = Self {
            paths: Paths::new(&http.settings.uri, &all, configuration.endpoints),
            users: users.filtered(|key| overrides.get(key).is_none()),
            properties: all,
            http,
            requests,
        };
        connection.look().await?;
        Ok(connection)
    }

    /// Whether namespaces can be asked for. Who may not list them may still read a table.
    async fn look(&self) -> Result<()> {
        let call = Call::get(self.paths.namespaces(), "list the namespaces");
        let answer = self.send(&call).await?;
        match answer.status {
            StatusCode::OK | StatusCode::FORBIDDEN => Ok(()),
            StatusCode::NOT_FOUND => Err(self.no_catalog(&self.http.said(&answer))),
            _ => Err(self.http.refused(&call, &answer)),
        }
    }

    fn no_catalog(&self, why: &str) -> Error {
        no_catalog(&self.http, why)
    }

    /// The answer to `call`, whatever its status.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer> {
        send(&self.http, &self.requests, call).await
    }

    /// What the answer to `call` says, which has to be 200.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let answer = self.send(call).await?;
        match answer.status {
            StatusCode::OK => self.read(call, &answer),
            _ => Err(self.http.refused(call, &answer)),
        }
    }

    /// The answer to `call` as a `T`.
    pub(super) fn read<T: DeserializeOwned>(&self, call: &Call, answer: &Answer) -> Result<T> {
        answer
            .json()
            .map_err(|cause| self.http.unreadable(call, answer, &cause))
    }

    /// The error for an answer that the call does not expect.
    pub(super) fn refused(&self, call: &Call, answer: &Answer) -> Error {
        self.http.refused(call, answer)
    }

    /// Whether there is something at `url`; `head` is what the server calls looking for it.
    pub(super) async fn exists(&self, url: String, head: &str, doing: String) -> Result<bool> {
        let mut call = Call::new(Method::HEAD, url, doing);
        if self.paths.lacks(head) {
            call.method = Method::GET;
        }
        let mut answer = self.send(&call).await?;
        // A server that knows no HEAD may say that there is nothing.
        if call.method == Method::HEAD && matches!(answer.status.as_u16(), 404 | 405 | 501) {
            call.method = Method::GET;
            answer = self.send(&call).await?;
        }
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(&call, &answer)),
        }
    }

    /// The pages that `call` is answered with, one after the other.
    pub(super) async fn pages<T: DeserializeOwned + Paged>(&self, call: Call) -> Result<Vec<T>> {
        let mut pages = Vec::new();
        let mut next = call.clone();
        let mut token: Option<String> = None;
        loop {
            let mut page: T = self.ask(&next).await?;
            let following = page.next().filter(|next| !next.is_empty());
            pages.push(page);
            let Some(following) = following else {
                return Ok(pages);
            };
            if token.as_ref() == Some(&following) {
                let text = format!(
                    "{} answers the same page again and again when asked to {}",
                    self.http.catalog(),
                    call.doing
                );
                return Err(Error::new(ErrorKind::Damaged, text));
            }
            next = call.clone().with_query("pageToken", following.clone());
            token = Some(following);
        }
    }

    /// The catalog's name.
    pub(super) fn name(&self) -> &str {
        &self.http.settings.name
    }

    /// The catalog's address as it may be shown.
    pub(super) fn shown(&self) -> &str {
        &self.http.settings.shown
    }

    /// What tells this catalog apart from others.
    pub(super) fn address(&self) -> String {
        let settings = &self.http.settings;
        let warehouse = settings.warehouse.as_deref().unwrap_or_default();
        let user = settings.user_info.as_ref().map_or("", |(user, _)| user);
        format!("{user}@{}?{warehouse}", settings.uri)
    }
}

/// A page of a listing.
pub(super) trait Paged {
    /// What to ask for the page after it with.
    fn next(&mut self) -> Option<String>;
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.http, f)
    }
}

async fn send(http: &Arc<Http>, requests: &Requests, call: &Call) -> Result<Answer> {
    let when_dropped = match call.is_read() {
        true => WhenDropped::GiveUp,
        false => WhenDropped::GoOn,
    };
    let (http, call) = (Arc::clone(http), call.clone());
    let sent = async move { http.send(&call).await };
    requests.run(sent, when_dropped).await
}

async fn configuration(http: &Arc<Http>, requests: &Requests) -> Result<Configuration> {
    let url = format!("{}/v1/config", http.settings.uri);
    let mut call = Call::get(url, "tell its configuration");
    if let Some(warehouse) = &http.settings.warehouse {
        call = call.with_query("warehouse", warehouse);
    }
    let answer = send(http, requests, &call).await?;
    match answer.status {
        StatusCode::OK => answer
            .json()
            .map_err(|_| no_catalog(http, "200 OK, but not with a catalog's configuration")),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            Err(no_catalog(http, &http.said(&answer)))
        }
        _ => Err(http.refused(&call, &answer)),
    }
}

/// The client with what the server says in addition: another address, headers, who we are.
fn configured(http: Arc<Http>, users: &Properties, all: &Properties) -> Result<Arc<Http>> {
    let counts = |key: &str| Auth::depends_on(key) || key.starts_with("header.") || key == "uri";
    let relevant = |of: &Properties| -> BTreeMap<String, String> {
        let of = of.filtered(counts);
        of.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    if relevant(users) == relevant(all) {
        return Ok(http);
    }
    let uri = all.get("uri").unwrap_or(&http.settings.uri);
    let moved = uri != http.settings.uri;
    let mut settings = http.settings.moved_to(uri)?;
    if !moved {
        settings.shown = http.settings.shown.clone();
    }
    Ok(Arc::new(Http::new(settings, all)?))
}

fn no_catalog(http: &Http, why: &str) -> Error {
    let settings = &http.settings;
    let warehouse = match &settings.warehouse {
        Some(warehouse) => format!(", and the warehouse '{warehouse}'"),
        None => String::new(),
    };
    let text = format!(
        "catalog '{}': no REST catalog answers at '{}' (it says {why}): check the address, which \
         is given without '/v1'{warehouse}",
        settings.name, settings.shown
    );
    Error::new(ErrorKind::NotACatalog, text)
}
