// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Who a catalog is told that we are.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::Properties;

/// A token is renewed this long before its end, or a quarter of its time if that is less.
const AHEAD: Duration = Duration::from_secs(60);

/// Who a catalog is told that we are.
pub(super) enum Auth {
    /// Nobody.
    Nobody,
    /// Whoever has the token.
    Bearer(HeaderValue),
    /// A user with a password.
    Basic(HeaderValue),
    /// A client, who gets tokens for its credentials.
    Client(Box<Client>),
}

/// A client by OAuth2, which gets tokens for its credentials.
pub(super) struct Client {
    /// Where tokens are had.
    pub(super) endpoint: Url,
    /// Whether that is the catalog's own server, which may get the catalog's headers.
    pub(super) own_server: bool,
    /// What is sent for a token.
    pub(super) form: Vec<(&'static str, String)>,
    pub(super) state: Mutex<Token>,
}

/// The token that is used.
#[derive(Default)]
pub(super) struct Token {
    pub(super) text: Option<String>,
    /// Grows with each token.
    stamp: u64,
    renew_at: Option<Instant>,
}

impl Token {
    /// The token as long as it needs no renewal.
    pub(super) fn fresh(&self) -> Option<Pass> {
        let due = self.renew_at.is_some_and(|at| Instant::now() >= at);
        if due { None } else { self.pass() }
    }

    /// The token, however old.
    pub(super) fn pass(&self) -> Option<Pass> {
        Some(Pass {
            header: bearer(self.text.as_deref()?).ok(),
            stamp: self.stamp,
        })
    }

    pub(super) fn replace(&mut self, answer: TokenAnswer) {
        let lasts = answer.expires_in.filter(|seconds| *seconds > 0.0);
        let lasts = lasts.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.renew_at = lasts.and_then(|lasts| {
            let renew = lasts.saturating_sub(AHEAD.min(lasts / 4));
            Instant::now().checked_add(renew)
        });
        self.text = Some(answer.access_token);
        self.stamp += 1;
    }

    /// Uses the token of `stamp` no more.
    pub(super) fn forget(&mut self, stamp: u64) {
        if self.stamp == stamp {
            self.text = None;
        }
    }
}

/// What a token endpoint answers.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: String,
    expires_in: Option<f64>,
}

/// What a request says of who sends it.
#[derive(Default)]
pub(super) struct Pass {
    pub(super) header: Option<HeaderValue>,
    pub(super) stamp: u64,
}

impl Auth {
    /// What the properties say: `token`, `credential`, or the user in the address.
    pub(super) fn new(settings: &Settings, properties: &Properties) -> Result<Self> {
        let about = |error: Error| error.context(format_args!("catalog '{}'", settings.name));
        let kind = properties.get("rest.auth.type");
        let basic = match kind {
            Some("none") => return Ok(Self::Nobody),
            Some("basic") => {
                let user = properties.get("rest.auth.basic.username");
                let password = properties.get("rest.auth.basic.password");
                user.map(|user| (user.to_string(), password.unwrap_or_default().to_string()))
            }
            _ => None,
        };
        if let Some((user, password)) = basic {
            return basic_header(&user, &password)
                .map_err(about)
                .map(Self::Basic);
        }
        let token = properties.get("token");
        if let Some(credential) = properties.get("credential") {
            let client = Client::new(settings, properties, credential, token);
            return Ok(Self::Client(Box::new(client.map_err(about)?)));
        }
        match (token, &settings.user_info) {
            (Some(token), _) => bearer(token).map_err(about).map(Self::Bearer),
            (None, Some((user, password))) => {
                basic_header(user, password).map_err(about).map(Self::Basic)
            }
            (None, None) => Ok(Self::Nobody),
        }
    }

    /// What to do when it is refused.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Nobody => "give 'token', or 'credential' to get one by OAuth2",
            Self::Bearer(_) => {
                "give a 'token' that has not ended, or 'credential' to get one by OAuth2"
            }
            Self::Basic(_) => "check the user and the password",
            Self::Client(_) => "a new token was refused too, check 'credential' and 'scope'",
        }
    }

    /// The keys of the properties that it depends on.
    pub(super) fn depends_on(key: &str) -> bool {
        matches!(
            key,
            "token" | "credential" | "oauth2-server-uri" | "scope" | "audience" | "resource"
        ) || key.starts_with("rest.auth.")
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Bearer(_) => "Bearer",
            Self::Basic(_) => "Basic",
            Self::Client(_) => "Client",
        })
    }
}

impl Client {
    fn new(
        settings: &Settings,
        properties: &Properties,
        credential: &str,
        token: Option<&str>,
    ) -> Result<Self> {
        let own = format!("{}/v1/oauth/tokens", settings.uri);
        let given = match properties.get("oauth2-server-uri") {
            None => own.clone(),
            Some(whole) if whole.contains("://") => whole.to_string(),
            Some(path) => format!("{}/{}", settings.uri, path.trim_start_matches('/')),
        };
        let wrong = || {
            let text = "'oauth2-server-uri' is no address: expected one like https://host/token";
            Error::new(ErrorKind::Invalid, text)
        };
        let endpoint = Url::parse(&given).map_err(|_| wrong())?;
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let origin = Url::parse(&own).map(|own| own.origin());
        let own_server = origin.is_ok_and(|origin| origin == endpoint.origin());
        let mut form = vec![("grant_type", "client_credentials".to_string())];
        match credential.split_once(':') {
            Some((id, secret)) => {
                form.push(("client_id", id.to_string()));
                form.push(("client_secret", secret.to_string()));
            }
            None => form.push(("client_secret", credential.to_string())),
        }
        form.push((
            "scope",
            properties.get("scope").unwrap_or("catalog").to_string(),
        ));
        for key in ["audience", "resource"] {
            if let Some(value) = properties.get(key) {
                form.push((key, value.to_string()));
            }
        }
        let text = token.map(str::to_string);
        Ok(Self {
            endpoint,
            own_server,
            form,
            state: Mutex::new(Token {
                text,
                ..Token::default()
            }),
        })
    }
}

fn bearer(token: &str) -> Result<HeaderValue> {
    sensitive(&format!("Bearer {token}"), "'token'")
}

fn basic_header(user: &str, password: &str) -> Result<HeaderValue> {
    let encoded = base64(format!("{user}:{password}").as_bytes());
    sensitive(&format!("Basic {encoded}"), "the user's name")
}

fn sensitive(text: &str, what: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Error::new(
            ErrorKind::Invalid,
            format!("{what} has characters that no header may have"),
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            match digit <= three.len() {
                true => {
                    let index = (bits >> (18 - 6 * digit)) & 63;
                    text.push(char::from(DIGITS[index as usize]));
                }
                false => text.push('='),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_others_write_it() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[tokio::test]
    async fn a_token_is_renewed_ahead_of_its_end() {
        let mut token = Token::default();
        assert!(token.fresh().is_none());
        token.replace(TokenAnswer {
            access_token: "t".to_string(),
            expires_in: Some(0.4),
        });
        let stamp = token.fresh().unwrap().stamp;
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert!(token.fresh().is_none());
        assert!(token.pass().is_some());
        token.forget(stamp + 1);
        assert!(token.pass().is_some());
        token.forget(stamp);
        assert!(token.pass().is_none());
    }
}
