// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tokens: given, got by OAuth2, refused.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::storage::stand_in::Request;

const TOKENS: &str = "/v1/oauth/tokens";

/// Gives the tokens `token-1`, `token-2`, … of which only the newest is good.
fn guarded(lake: &Lake, lasts: Option<u64>) -> Arc<AtomicUsize> {
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    lake.hook(move |request| {
        if request.path == TOKENS {
            let n = count.fetch_add(1, Ordering::SeqCst) + 1;
            let token = format!("token-{n}");
            return Some(Answer::json(serde_json::json!({
                "access_token": token, "token_type": "bearer", "expires_in": lasts
            })));
        }
        let newest = format!("Bearer token-{}", count.load(Ordering::SeqCst));
        let good = request.header("authorization") == newest;
        (!good).then(|| Answer::error(401, "not authorized"))
    });
    given
}

fn form(request: &Request) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect()
}

#[tokio::test]
async fn a_client_gets_a_token_for_its_credentials() {
    let lake = Lake::with_files(0).await;
    let given = guarded(&lake, Some(3600));
    let more = [
        ("credential", "me:se:cret&"),
        ("scope", "PRINCIPAL_ROLE:ALL"),
        ("audience", "a"),
        ("resource", "r"),
    ];
    let catalog = connect(&lake.options(&more)).await.unwrap();
    catalog.load_table(&ident()).await.unwrap();
    assert_eq!(given.load(Ordering::SeqCst), 1);
    let seen = lake.rest.seen();
    let sent: Vec<_> = form(&seen[0]);
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "me"),
        ("client_secret", "se:cret&"),
        ("scope", "PRINCIPAL_ROLE:ALL"),
        ("audience", "a"),
        ("resource", "r"),
    ];
    let expected = expected.map(|(key, value)| (key.to_string(), value.to_string()));
    assert_eq!(sent, expected);

    // The server forgets the token: a new one is got, once, by all callers together.
    given.fetch_add(1, Ordering::SeqCst);
    let table = ident();
    let all = futures::future::join_all((0..4).map(|_| catalog.load_table(&table))).await;
    assert!(all.iter().all(std::result::Result::is_ok));
    assert_eq!(given.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let lake = Lake::with_files(0).await;
    let given = guarded(&lake, Some(1));
    let catalog = connect(&lake.options(&[("credential", "me:secret")]))
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    catalog.load_table(&ident()).await.unwrap();
    assert_eq!(given.load(Ordering::SeqCst), 2);
    let refused = |request: &Request| request.header("authorization").is_empty();
    let seen = lake.rest.seen();
    let unauthorized = seen.iter().filter(|one| one.path != TOKENS && refused(one));
    assert_eq!(unauthorized.count(), 0);
}

#[tokio::test]
async fn the_token_endpoint_may_be_elsewhere() {
    let lake = Lake::with_files(0).await;
    let issuer = StandIn::start(|_| Answer::json(r#"{"access_token":"elsewhere"}"#));
    let uri = format!("{}/token", issuer.url());
    let more = [
        ("credential", "onlyasecret"),
        ("oauth2-server-uri", uri.as_str()),
        ("header.X-Key", "hushhush"),
    ];
    connect(&lake.options(&more)).await.unwrap();
    let asked = &issuer.seen()[0];
    assert_eq!(asked.path, "/token");
    // The catalog's headers are none of another server's business.
    assert_eq!(asked.header("x-key"), "");
    let sent = form(asked);
    assert!(sent.contains(&("client_secret".to_string(), "onlyasecret".to_string())));
    assert!(sent.iter().all(|(key, _)| key != "client_id"));
    let seen = lake.rest.seen();
    assert_eq!(seen[0].header("authorization"), "Bearer elsewhere");
    assert_eq!(seen[0].header("x-key"), "hushhush");
}

#[tokio::test]
async fn refused_credentials_are_said_to_be() {
    let lake = Lake::with_files(0).await;
    lake.hook(|request| match request.path.as_str() {
        TOKENS => None,
        _ => Some(Answer::error(401, "no")),
    });
    for (more, said) in [
        ([("x", "y")], "give 'token', or 'credential'"),
        (
            [("token", "old-token")],
            "give a 'token' that has not ended",
        ),
        (
            [("rest.auth.type", "none")],
            "give 'token', or 'credential'",
        ),
    ] {
        let error = connect(&lake.options(&more)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().contains(said), "{error}");
    }
    assert_eq!(lake.rest.seen().len(), 3);

    // A new token does not help either: it is got once.
    lake.hook(|request| match request.path.as_str() {
        TOKENS => Some(Answer::json(r#"{"access_token":"t"}"#)),
        _ => Some(Answer::error(401, "no")),
    });
    let before = lake.rest.seen().len();
    let error = connect(&lake.options(&[("credential", "a:bcde")]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error.to_string().contains("a new token was refused too"),
        "{error}"
    );
    assert_eq!(lake.rest.seen().len() - before, 4);
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_named() {
    let lake = Lake::with_files(0).await;
    let denied = r#"{"error":"invalid_client","error_description":"no client verysecret"}"#;
    for (answer, kind, said) in [
        (
            Answer::new(400, denied),
            ErrorKind::Denied,
            "it answers 400 Bad Request: invalid_client, no client …: check 'credential'",
        ),
        (
            Answer::new(200, "{}"),
            ErrorKind::Damaged,
            "its answer is no token",
        ),
        (
            Answer::new(500, "x"),
            ErrorKind::Io,
            "it answers 500 Internal Server Error",
        ),
        (
            Answer::new(404, "x"),
            ErrorKind::Denied,
            "it answers 404 Not Found: check",
        ),
    ] {
        lake.always("POST", TOKENS, answer);
        let error = connect(&lake.options(&[("credential", "me:verysecret")])).await;
        let error = error.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(
            text.contains("catalog 'remote': no token can be had from 'http://"),
            "{text}"
        );
        assert!(
            text.contains(said) && !text.contains("verysecret"),
            "{text}"
        );
    }
    let uri = nowhere();
    let more = [
        ("credential", "me:verysecret"),
        ("oauth2-server-uri", uri.as_str()),
    ];
    let error = connect(&lake.options(&more)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_user_with_a_password() {
    let lake = Lake::with_files(0).await;
    let uri = lake
        .rest
        .url()
        .replace("http://", "http://Aladdin:open%20sesame@");
    let basic = [
        ("rest.auth.type", "basic"),
        ("rest.auth.basic.username", "Aladdin"),
        ("rest.auth.basic.password", "open sesame"),
    ];
    connect(&options(&uri, &[])).await.unwrap();
    connect(&lake.options(&basic)).await.unwrap();
    let expected = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    let seen = lake.rest.seen();
    assert!(
        seen.iter()
            .all(|one| one.header("authorization") == expected)
    );
}
