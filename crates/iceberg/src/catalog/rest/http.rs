// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Sending calls: who sends them, how long to wait, what is repeated.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use tokio::time::{Instant, sleep, timeout_at};
use url::form_urlencoded;

use super::auth::{Auth, Client, Pass, TokenAnswer};
use super::call::{Answer, Call};
use super::failures::{Failure, bottom};
use super::settings::{Settings, headers};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Properties, Secrets, without_user_info};

/// The wait before the first repeat; each further one is three times as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest that a server may let its clients wait.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Connections are closed when they were not used for this long, before the server does it.
const IDLE: Duration = Duration::from_secs(20);

/// Sends calls to one catalog.
pub(super) struct Http {
    pub(super) settings: Settings,
    pub(super) auth: Auth,
    client: reqwest::Client,
    headers: HeaderMap,
    secrets: Secrets,
    /// The last tokens, so that they can be taken out of texts.
    tokens: Mutex<Vec<String>>,
}

impl Http {
    pub(super) fn new(settings: Settings, properties: &Properties) -> Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(settings.connect)
            .read_timeout(settings.silence)
            .pool_idle_timeout(IDLE)
            // A change would be sent on as a question, and secrets to another server.
            .redirect(Policy::none())
            .user_agent(concat!("datafusion-feast/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|cause| {
                let text = format!(
                    "catalog '{}': no HTTP client can be made ({})",
                    settings.name,
                    bottom(&cause)
                );
                Error::new(ErrorKind::Io, text)
            })?;
        let user_info = settings.user_info.iter();
        let user_info = user_info.map(|(_, password)| password.clone());
        let credential = properties
            .get("credential")
            .and_then(|it| it.split_once(':'));
        let parts = credential.map(|(_, secret)| secret.to_string());
        let known = properties
            .secrets()
            .into_iter()
            .chain(user_info)
            .chain(parts);
        Ok(Self {
            auth: Auth::new(&settings, properties)?,
            headers: headers(&settings.name, properties)?,
            secrets: Secrets::new(known),
            tokens: Mutex::default(),
            settings,
            client,
        })
    }

    /// `text` without the secrets that were sent.
    pub(super) fn scrub(&self, text: &str) -> String {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = Secrets::new(tokens.iter().cloned());
        self.secrets.scrub(&tokens.scrub(text))
    }

    /// The answer to `call`, whatever its status; the callers know what they expect.
    ///
    /// A token that is refused is renewed once. What changes nothing is repeated when the server
    /// or the way to it fails; a change only when it surely was not made.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer> {
        let deadline = Instant::now() + self.settings.whole;
        let mut tries = Tries::new(self.settings.retries, deadline);
        let mut renewed = false;
        let mut sent = false;
        loop {
            let pass = self.pass(deadline).await?;
            let outcome = self.once(call, pass.header.clone(), deadline).await;
            let outcome = since(sent, outcome);
            let after = match &outcome {
                Ok(answer) if is_unauthorized(answer.status) && !renewed => {
                    let Auth::Client(client) = &self.auth else {
                        return outcome.map_err(|failure| self.failed(call, &failure));
                    };
                    renewed = true;
                    client.state.lock().await.forget(pass.stamp);
                    continue;
                }
                Ok(answer) if may_repeat(call, answer.status) => {
                    sent = true;
                    answer.retry_after
                }
                Err(Failure::Down { .. }) => None,
                Err(Failure::BrokenOff(_)) if call.is_read() => None,
                _ => return outcome.map_err(|failure| self.failed(call, &failure)),
            };
            if !tries.wait(after).await {
                return outcome.map_err(|failure| self.failed(call, &failure));
            }
        }
    }

    /// Sends `call` one time.
    async fn once(
        &self,
        call: &Call,
        pass: Option<HeaderValue>,
        deadline: Instant,
    ) -> std::result::Result<Answer, Failure> {
        let mut headers = self.headers.clone();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(pass) = pass {
            headers.insert(AUTHORIZATION, pass);
        }
        let mut request = self.client.request(call.method.clone(), &call.url);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(body) = &call.body {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
            request = request.body(body.clone());
        }
        receive(request.headers(headers), deadline).await
    }

    /// What the next request says of who sends it; a token is got first if there is none.
    async fn pass(&self, deadline: Instant) -> Result<Pass> {
        let client = match &self.auth {
            Auth::Nobody => return Ok(Pass::default()),
            Auth::Bearer(header) | Auth::Basic(header) => {
                return Ok(Pass {
                    header: Some(header.clone()),
                    stamp: 0,
                });
            }
            Auth::Client(client) => client,
        };
        let mut token = client.state.lock().await;
        if let Some(pass) = token.fresh() {
            return Ok(pass);
        }
        match self.new_token(client, deadline).await {
            Ok(answer) => token.replace(answer),
            // It may still be good.
            Err(error) if token.text.is_none() => return Err(error),
            Err(_) => {}
        }
        if let Some(text) = &token.text {
            let mut known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|one| one != text);
            known.push(text.clone());
            let old = known.len().saturating_sub(4);
            known.drain(..old);
        }
        Ok(token.pass().unwrap_or_default())
    }

    async fn new_token(&self, client: &Client, deadline: Instant) -> Result<TokenAnswer> {
        let mut tries = Tries::new(self.settings.retries, deadline);
        let shown = without_user_info(client.endpoint.as_str());
        let name = &self.settings.name;
        let none = |kind: ErrorKind, why: String| {
            let text = format!("catalog '{name}': no token can be had from '{shown}', {why}");
            Error::new(kind, text)
        };
        loop {
            let outcome = self.ask_for_token(client, deadline).await;
            let after = match &outcome {
                Ok(answer) if answer.status == StatusCode::OK => {
                    return answer.json().map_err(|_| {
                        none(ErrorKind::Damaged, "its answer is no token".to_string())
                    });
                }
                Ok(answer) if is_busy(answer.status) => answer.retry_after,
                Err(Failure::Down { .. } | Failure::BrokenOff(_)) => None,
                _ => Some(u64::MAX),
            };
            if tries.wait(after).await {
                continue;
            }
            return Err(match outcome {
                Err(Failure::Slow) => none(ErrorKind::Io, "it did not answer in time".to_string()),
                Err(Failure::Down { cause, .. }) => {
                    none(ErrorKind::Unavailable, self.scrub(&cause))
                }
                Err(Failure::BrokenOff(cause)) => none(ErrorKind::Io, self.scrub(&cause)),
                Ok(answer) => {
                    let said = self.said(&answer);
                    match answer.status.is_server_error() {
                        true => none(ErrorKind::Io, format!("it answers {said}: try again later")),
                        false => none(
                            ErrorKind::Denied,
                            format!(
                                "it answers {said}: check 'credential', 'scope' and \
                                 'oauth2-server-uri'"
                            ),
                        ),
                    }
                }
            });
        }
    }

    async fn ask_for_token(
        &self,
        client: &Client,
        deadline: Instant,
    ) -> std::result::Result<Answer, Failure> {
        let mut headers = match client.own_server {
            true => self.headers.clone(),
            false => HeaderMap::new(),
        };
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&client.form)
            .finish();
        let request = self.client.post(client.endpoint.clone()).body(body);
        receive(request.headers(headers), deadline).await
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("uri", &self.settings.uri)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

/// The whole answer, if it comes before `deadline`.
async fn receive(
    request: reqwest::RequestBuilder,
    deadline: Instant,
) -> std::result::Result<Answer, Failure> {
    let received = async {
        let response = request.send().await?;
        let status = response.status();
        let text = |name| -> Option<String> {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_string())
        };
        let retry_after = text(RETRY_AFTER).and_then(|seconds| seconds.trim().parse().ok());
        let moved_to = text(LOCATION);
        Ok(Answer {
            status,
            retry_after,
            moved_to,
            body: response.bytes().await?,
            repeated: false,
        })
    };
    match timeout_at(deadline, received).await {
        Err(_) => Err(Failure::Slow),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(cause)) => Err(failure(&cause)),
    }
}

fn failure(cause: &reqwest::Error) -> Failure {
    let down = |cause| Failure::Down {
        cause,
        earlier: false,
    };
    if cause.is_builder() {
        return down("the request cannot be made".to_string());
    }
    let why = match cause.is_timeout() {
        true => "nothing came in time".to_string(),
        false => bottom(cause),
    };
    match cause.is_connect() {
        true => down(why),
        false => Failure::BrokenOff(why),
    }
}

/// The outcome of a request, which knows whether there was one for the same call before.
fn since(
    sent: bool,
    outcome: std::result::Result<Answer, Failure>,
) -> std::result::Result<Answer, Failure> {
    match outcome {
        Ok(answer) => Ok(Answer {
            repeated: sent,
            ..answer
        }),
        Err(Failure::Down { cause, .. }) => Err(Failure::Down {
            cause,
            earlier: sent,
        }),
        Err(other) => Err(other),
    }
}

/// 419 is how Iceberg's API says that a session has ended.
fn is_unauthorized(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 419)
}

/// Statuses that say that nothing was done, and to come again.
fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 503)
}

fn may_repeat(call: &Call, status: StatusCode) -> bool {
    is_busy(status) || (call.is_read() && matches!(status.as_u16(), 502 | 504))
}

/// How often a call may still be repeated.
struct Tries {
    left: u64,
    wait: Duration,
    deadline: Instant,
}

impl Tries {
    fn new(left: u64, deadline: Instant) -> Self {
        Self {
            left,
            wait: FIRST_WAIT,
            deadline,
        }
    }

    /// Waits for the next try; false if there is none, or not in time.
    async fn wait(&mut self, after: Option<u64>) -> bool {
        let wait = match after {
            Some(seconds) => Duration::from_secs(seconds),
            None => self.wait,
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        if self.left == 0 || wait > LONGEST_WAIT || wait >= left {
            return false;
        }
        self.left -= 1;
        self.wait = (self.wait * 3).min(LONGEST_WAIT);
        sleep(wait).await;
        true
    }
}
