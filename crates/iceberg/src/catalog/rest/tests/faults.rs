// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Servers that fail, and what is said and repeated then.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::lake::TABLE;
use super::*;
use crate::append::append;
use crate::provider::StatementPins;
use crate::storage::stand_in::Fault;

async fn load(lake: &Lake, more: &[(&str, &str)]) -> Result<()> {
    let catalog = connect(&lake.with_keys(more)).await?;
    catalog.load_table(&ident()).await?;
    Ok(())
}

fn late(by: u64) -> Answer {
    Answer::new(200, "{}").but(Fault::Late(Duration::from_millis(by)))
}

#[tokio::test]
async fn each_fault_has_its_error() {
    let lake = Lake::with_files(0).await;
    let whole = r#"{"metadata":{"format-version":2"#;
    for (answer, kind, said) in [
        (
            Answer::error(400, "odd"),
            ErrorKind::Invalid,
            "400 Bad Request: odd",
        ),
        (
            Answer::error(401, "who"),
            ErrorKind::Denied,
            "refuses the credentials (401 Unauthorized: who)",
        ),
        (
            Answer::error(403, "not you"),
            ErrorKind::Denied,
            "403 Forbidden: not you",
        ),
        (
            Answer::error(404, "no"),
            ErrorKind::NotFound,
            "table 'shop.t' does not exist",
        ),
        (
            Answer::error(406, "no"),
            ErrorKind::Unsupported,
            "does not support",
        ),
        (
            Answer::error(500, "ouch"),
            ErrorKind::Io,
            "500 Internal Server Error: ouch",
        ),
        (
            Answer::error(503, "later"),
            ErrorKind::Io,
            "503 Service Unavailable: later",
        ),
        (Answer::new(502, "<html>"), ErrorKind::Io, "502 Bad Gateway"),
        (
            Answer::new(200, "<html>"),
            ErrorKind::Damaged,
            "not what the REST specification says",
        ),
        (
            Answer::new(200, whole),
            ErrorKind::Damaged,
            "not what the REST specification says",
        ),
        (
            Answer::new(200, whole).but(Fault::CutOff),
            ErrorKind::Io,
            "no whole answer",
        ),
        (
            Answer::new(200, "").but(Fault::Closed),
            ErrorKind::Io,
            "no whole answer",
        ),
        (late(3000), ErrorKind::Io, "did not answer within 0.5 s"),
        (
            Answer::new(308, "").with("location", "http://elsewhere/x?hushhush"),
            ErrorKind::Invalid,
            "sends its clients to 'http://elsewhere/x'",
        ),
    ] {
        lake.always("GET", TABLE, answer);
        let error = load(&lake, &[("rest.timeout-ms", "500")])
            .await
            .unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.contains(said), "{text}");
        assert!(text.contains("catalog 'remote'"), "{text}");
        if kind != ErrorKind::NotFound {
            assert!(text.contains(&lake.rest.url()), "{text}");
        }
    }
}

#[tokio::test]
async fn questions_are_repeated_when_the_server_fails_for_a_while() {
    let lake = Lake::with_files(0).await;
    for answer in [
        Answer::error(503, "later"),
        Answer::error(503, "later").with("retry-after", "0"),
        Answer::error(429, "slower"),
        Answer::error(502, "gateway"),
        Answer::new(200, "{}").but(Fault::CutOff),
        Answer::new(200, "{}").but(Fault::Closed),
    ] {
        lake.first("GET", TABLE, vec![answer.clone()]);
        let before = lake.rest.count("GET /v1/namespaces/shop/tables/t");
        load(&lake, &[]).await.unwrap();
        let asked = lake.rest.count("GET /v1/namespaces/shop/tables/t") - before;
        assert_eq!(asked, 2, "{answer:?}");
    }
    // Twice is too often with one repeat, and enough with two.
    lake.first("GET", TABLE, vec![Answer::error(503, "x"); 2]);
    assert!(load(&lake, &[]).await.is_err());
    lake.first("GET", TABLE, vec![Answer::error(503, "x"); 2]);
    let mut options = lake.with_keys(&[]);
    let key = "rest.client.max-retries".to_string();
    options.properties.insert(key, "2".to_string());
    let catalog = connect(&options).await.unwrap();
    catalog.load_table(&ident()).await.unwrap();
}

#[tokio::test]
async fn nobody_waits_longer_than_is_bearable() {
    let lake = Lake::with_files(0).await;
    let busy = Answer::error(503, "later").with("retry-after", "3600");
    lake.always("GET", TABLE, busy);
    let began = Instant::now();
    let error = load(&lake, &[]).await.unwrap_err().to_string();
    assert!(error.contains("try again in 3600 s"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_question_is_given_up_when_nobody_waits_for_it() {
    let lake = Lake::with_files(0).await;
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    lake.always("GET", TABLE, late(20_000));
    let began = Instant::now();
    let table = ident();
    let asked = catalog.load_table(&table);
    let given_up = tokio::time::timeout(Duration::from_millis(200), asked).await;
    assert!(given_up.is_err());
    drop(catalog);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A statement waits for a silent catalog once, not with each of its questions.
#[tokio::test]
async fn planning_waits_for_a_silent_catalog_once() {
    let lake = Lake::with_files(0).await;
    let options = lake.with_keys(&[("rest.timeout-ms", "300")]);
    let connected = IcebergCatalogProvider::connect(&options).await.unwrap();
    lake.hook(|request| {
        request
            .path
            .starts_with("/v1/namespaces/")
            .then(|| late(20_000))
    });
    let provider = connected.for_statement(Arc::new(StatementPins::new()));
    let before = lake.rest.seen().len();
    let schema = provider.schema("shop").unwrap();
    let error = schema.table("t").await.unwrap_err().to_string();
    for said in [
        "schema 'remote.shop' cannot be looked for",
        "catalog 'remote'",
        "did not answer within 0.3 s when asked to look for namespace 'shop'",
    ] {
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(lake.rest.seen().len() - before, 1);
    // The next statement asks again.
    lake.unhook();
    let provider = connected.for_statement(Arc::new(StatementPins::new()));
    let schema = provider.schema("shop").unwrap();
    assert!(schema.table("t").await.unwrap().is_some());
}

async fn commit(lake: &Lake, more: &[(&str, &str)]) -> (Result<i64>, usize) {
    let catalog = connect(&lake.with_keys(more)).await.unwrap();
    let before = lake.rest.count("POST ");
    let made = append(catalog.as_ref(), &ident(), vec![lake::rows()]).await;
    (made, lake.rest.count("POST ") - before)
}

#[tokio::test]
async fn a_commit_is_repeated_only_if_it_was_surely_not_made() {
    let lake = Lake::with_files(1).await;
    lake.first("POST", TABLE, vec![Answer::error(503, "later")]);
    let (made, sent) = commit(&lake, &[]).await;
    made.unwrap();
    assert_eq!(sent, 2);
    // Somebody else was first: made anew on top of theirs.
    lake.first("POST", TABLE, vec![Answer::error(409, "changed")]);
    let (made, sent) = commit(&lake, &[]).await;
    made.unwrap();
    assert_eq!(sent, 2);
    for answer in [
        Answer::error(500, "ouch"),
        Answer::error(502, "gateway"),
        Answer::error(504, "gateway"),
        Answer::new(200, "{}"),
        Answer::new(200, "").but(Fault::Closed),
        late(3000),
    ] {
        lake.always("POST", TABLE, answer.clone());
        let (made, sent) = commit(&lake, &[("rest.timeout-ms", "500")]).await;
        let error = made.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_eq!(sent, 1, "{answer:?}: {error}");
    }
    for (answer, kind) in [
        (Answer::error(403, "not you"), ErrorKind::Denied),
        (Answer::error(400, "odd"), ErrorKind::Invalid),
    ] {
        lake.always("POST", TABLE, answer);
        let (made, sent) = commit(&lake, &[]).await;
        let error = made.unwrap_err();
        assert_eq!((error.kind(), sent), (kind, 1), "{error}");
    }
    lake.unhook();
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (30, 135));
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_in_the_table() {
    let lake = Lake::with_files(1).await;
    let inner = lake.clone();
    // The commit is made, but the client does not hear of it.
    lake.hook(move |request| {
        (request.method == "POST").then(|| {
            inner.unhook();
            inner.commit(request).but(Fault::CutOff)
        })
    });
    let (made, sent) = commit(&lake, &[]).await;
    made.unwrap();
    assert_eq!(sent, 1);
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (20, 90));
}

#[tokio::test]
async fn a_commit_in_conflict_with_itself_is_not_made_twice() {
    let lake = Lake::with_files(1).await;
    let (inner, sent) = (lake.clone(), AtomicUsize::new(0));
    // What stands before the catalog says that it is busy, but it was not.
    lake.hook(move |request| {
        if request.method != "POST" || sent.fetch_add(1, Ordering::SeqCst) > 0 {
            return None;
        }
        inner.commit(request);
        Some(Answer::error(503, "reset"))
    });
    let (made, sent) = commit(&lake, &[]).await;
    made.unwrap();
    assert_eq!(sent, 2);
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (20, 90));
}
