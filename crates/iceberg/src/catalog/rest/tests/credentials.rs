// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Credentials that the catalog gives for a table's files.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;

const LOADED: &str = "GET /v1/namespaces/shop/tables/t";

#[tokio::test]
async fn vended_keys_are_used_and_shared_between_statements() {
    let lake = Lake::with_files(2).await;
    lake.vend("k1", "token-one");
    let catalog = connect(&lake.options(&[])).await.unwrap();
    let before = lake.s3.server().seen().len();
    assert_eq!(rows_of(&catalog).await.unwrap(), (20, 90));
    // The catalog gives others with the next statement.
    lake.vend("k2", "token-two");
    assert_eq!(rows_of(&catalog).await.unwrap(), (20, 90));
    let seen = &lake.s3.server().seen()[before..];
    let tokens: Vec<_> = seen
        .iter()
        .map(|one| one.header("x-amz-security-token"))
        .collect();
    assert!(
        tokens.contains(&"token-one") && tokens.contains(&"token-two"),
        "{tokens:?}"
    );
    assert_eq!(lake.rest.count(LOADED), 2);
}

#[tokio::test]
async fn a_scan_outlives_its_credentials() {
    let lake = Lake::with_files(6).await;
    for token in ["", "token"] {
        lake.vend("k1", token);
        let catalog = connect(&lake.options(&[])).await.unwrap();
        let loads = lake.rest.count(LOADED);
        let (read, inner) = (Arc::new(AtomicUsize::new(0)), lake.clone());
        let token = token.to_string();
        lake.s3.hook(move |request| {
            let data = request.path.contains("/data/");
            if data && read.fetch_add(1, Ordering::SeqCst) == 3 {
                // In the middle of the scan the first keys end.
                inner.vend("k2", &token);
            }
            None
        });
        assert_eq!(rows_of(&catalog).await.unwrap(), (60, 270));
        // Once for the statement, once for the new keys.
        assert_eq!(lake.rest.count(LOADED) - loads, 2);
        let used = lake.s3.used_keys();
        assert_eq!(used.last().unwrap(), "k2", "{used:?}");
    }
}

#[tokio::test]
async fn credentials_that_end_soon_are_renewed_before() {
    let lake = Lake::with_files(2).await;
    let soon = || {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        (now.as_millis() + 1500).to_string()
    };
    let give = move |lake: &Lake, key: &str| {
        lake.give(
            json!({
                "s3.endpoint": lake.s3.server().url(),
                "s3.access-key-id": key,
                "s3.secret-access-key": "s",
                "s3.session-token-expires-at-ms": soon(),
            }),
            json!(null),
        );
    };
    lake.s3.accept(["k1", "k2"]);
    give(&lake, "k1");
    let catalog = connect(&lake.options(&[])).await.unwrap();
    let table = catalog.load_table(&ident()).await.unwrap();
    let manifests = table.metadata().current_snapshot().unwrap().manifest_list();
    let read = || async {
        let file = table.file_io().new_input(manifests).unwrap();
        file.read().await.unwrap()
    };
    read().await;
    give(&lake, "k2");
    read().await;
    assert_eq!(lake.s3.used_keys().last().unwrap(), "k1");
    tokio::time::sleep(std::time::Duration::from_millis(1400)).await;
    let refused = lake.s3.server().seen().len();
    read().await;
    assert_eq!(lake.s3.used_keys().last().unwrap(), "k2");
    assert_eq!(lake.s3.server().seen().len() - refused, 1);
    assert_eq!(lake.rest.count(LOADED), 2);
}

#[tokio::test]
async fn a_refusal_that_no_new_credentials_mend_is_an_error() {
    let lake = Lake::with_files(1).await;
    lake.vend("k1", "tokentoken");
    let catalog = connect(&lake.options(&[])).await.unwrap();
    lake.s3.accept(["writer"]);
    let error = rows_of(&catalog).await.unwrap_err();
    assert!(
        error.contains("access is denied (400 Bad Request, ExpiredToken"),
        "{error}"
    );
    assert!(
        error.contains("check the rights that the catalog's credentials"),
        "{error}"
    );
    assert!(!error.contains("tokentoken"), "{error}");

    // The catalog is gone when new ones are needed.
    lake.vend("k1", "tokentoken");
    let table = catalog.load_table(&ident()).await.unwrap();
    lake.s3.accept(["writer"]);
    lake.always("GET", lake::TABLE, Answer::error(500, "gone"));
    let manifests = table.metadata().current_snapshot().unwrap().manifest_list();
    let file = table.file_io().new_input(manifests).unwrap();
    let error = Error::from(file.read().await.unwrap_err()).to_string();
    assert!(
        error.contains("table 'shop.t' have ended or are refused"),
        "{error}"
    );
    assert!(error.contains("500 Internal Server Error: gone"), "{error}");
}

#[tokio::test]
async fn the_users_own_keys_win() {
    let lake = Lake::with_files(1).await;
    lake.vend("k1", "token");
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    let before = lake.s3.server().seen().len();
    assert_eq!(rows_of(&catalog).await.unwrap(), (10, 45));
    let seen = &lake.s3.server().seen()[before..];
    assert!(
        seen.iter()
            .all(|one| one.header("authorization").contains("Credential=writer/"))
    );
    assert!(
        seen.iter()
            .all(|one| one.header("x-amz-security-token").is_empty())
    );
}

#[tokio::test]
async fn settings_come_from_where_they_are_given() {
    let lake = Lake::with_files(1).await;
    // The server insists on an endpoint; the user's and the table's do not count.
    lake.insist(json!({
        "s3.endpoint": lake.s3.server().url(),
        "s3.access-key-id": "writer",
        "s3.secret-access-key": "s",
        "s3.path-style-access": true,
    }));
    let wrong = nowhere();
    let catalog = connect(&lake.options(&[("s3.endpoint", &wrong)]))
        .await
        .unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (10, 45));
}

#[tokio::test]
async fn remote_signing_is_refused_by_name() {
    let lake = Lake::with_files(1).await;
    lake.give(json!({ "s3.remote-signing-enabled": "true" }), json!(null));
    let catalog = connect(&lake.options(&[])).await.unwrap();
    let error = Error::from(catalog.load_table(&ident()).await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let text = error.to_string();
    assert!(
        text.contains("table 'shop.t'") && text.contains("remote signing"),
        "{text}"
    );
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (10, 45));
}

#[tokio::test]
async fn a_table_made_anew_is_not_read_for_the_old_one() {
    let lake = Lake::with_files(1).await;
    lake.vend("k1", "token");
    let catalog = connect(&lake.options(&[])).await.unwrap();
    let table = catalog.load_table(&ident()).await.unwrap();
    let other = Lake::with_files(1).await;
    let rest = other.clone();
    lake.hook(move |request| Some(rest.answer(request)));
    lake.s3.accept(["writer"]);
    let manifests = table.metadata().current_snapshot().unwrap().manifest_list();
    let file = table.file_io().new_input(manifests).unwrap();
    let error = Error::from(file.read().await.unwrap_err()).to_string();
    assert!(error.contains("another one made under its name"), "{error}");
}
