// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Secrets in every property, and servers that repeat what they are sent.

use datafusion::arrow::util::pretty::pretty_format_batches;
use serde_json::json;

use super::*;
use crate::storage::TableStorage;
use crate::storage::stand_in::{Fault, Request};

const HUSH: &str = "hushhush";

/// Options with secrets wherever one may stand.
fn secretive(lake: &Lake) -> CatalogOptions {
    let uri = lake.rest.url().replace("http://", "http://user:hushhush1@");
    let endpoint = lake.s3.server().url();
    options(
        &uri,
        &[
            ("token", "hushhush2"),
            ("header.X-Api-Key", "hushhush3"),
            ("header.Cookie", "session=hushhush4"),
            ("s3.endpoint", &endpoint),
            ("s3.access-key-id", "hushhush5"),
            ("s3.secret-access-key", "hushhush6"),
            ("s3.session-token", "hushhush7"),
            ("gcs.oauth2.token", "hushhush8"),
            ("adls.account-key", "hushhush9"),
            ("adls.sas-token.account", "sig=hushhush10"),
            ("adls.client-secret", "hushhush11"),
            ("my.password", "hushhush12"),
        ],
    )
}

/// Says back all that came.
fn echo(request: &Request) -> String {
    let headers: Vec<String> = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    format!("{} {} {}", request.query, headers.join(" "), request.text())
}

#[tokio::test]
async fn secrets_are_shown_nowhere() {
    let lake = Lake::with_files(1).await;
    lake.s3.accept(["writer", "hushhush5"]);
    lake.give(
        json!({ "token": "hushhush20", "s3.region": "eu" }),
        json!(null),
    );
    let options = secretive(&lake);
    let catalog = connect(&options).await.unwrap();
    let table = catalog.load_table(&ident()).await.unwrap();
    let storage = TableStorage::for_table(&table);
    let location = table.metadata().location();
    let (url, store, _) = storage.resolve(location).unwrap();
    let session = session(&catalog);
    let provider = session.table_provider("remote.shop.t").await.unwrap();
    let mut shown = format!(
        "{options:?} {catalog:?} {table:?} {:?} {storage:?} {url:?} {store:?} {store} {provider:?} \
         {:?}",
        table.file_io(),
        session.catalog("remote").unwrap(),
    );
    for sql in [
        "EXPLAIN SELECT * FROM remote.shop.t",
        "EXPLAIN VERBOSE SELECT * FROM remote.shop.t",
        "EXPLAIN ANALYZE SELECT count(x) FROM remote.shop.t",
        "SELECT * FROM remote.shop.t",
    ] {
        let frame = session.sql(sql).await.unwrap();
        let plan = frame.clone().create_physical_plan().await.unwrap();
        let batches = frame.collect().await.unwrap();
        shown.push_str(&format!(
            "{plan:?} {}",
            pretty_format_batches(&batches).unwrap()
        ));
    }
    assert!(shown.contains("remote@"), "{shown}");
    assert!(!shown.contains(HUSH), "{shown}");
}

#[tokio::test]
async fn secrets_are_in_no_error() {
    let lake = Lake::with_files(1).await;
    lake.s3.accept(["writer", "hushhush5"]);
    let catalog = connect(&secretive(&lake)).await.unwrap();
    let table = catalog.load_table(&ident()).await.unwrap();
    let mut errors = Vec::new();
    for status in [301, 400, 401, 403, 404, 405, 409, 418, 429, 500, 503] {
        lake.hook(move |request| {
            let said = echo(request);
            let answer = Answer::error(status, &said);
            Some(answer.with("location", format!("http://x:hushhush1@h/?{HUSH}")))
        });
        errors.push(catalog.load_table(&ident()).await.unwrap_err());
        errors.push(catalog.drop_table(&ident()).await.unwrap_err());
        errors.push(catalog.list_namespaces(None).await.unwrap_err());
    }
    lake.hook(|request| Some(Answer::new(200, echo(request))));
    errors.push(catalog.load_table(&ident()).await.unwrap_err());
    lake.hook(|request| Some(Answer::new(200, echo(request)).but(Fault::CutOff)));
    errors.push(catalog.load_table(&ident()).await.unwrap_err());

    let manifests = table.metadata().current_snapshot().unwrap().manifest_list();
    let file = table.file_io().new_input(manifests).unwrap();
    for status in [301, 400, 403, 404, 409, 418] {
        lake.s3
            .hook(move |request| Some(Answer::new(status, echo(request))));
        errors.push(file.read().await.unwrap_err());
    }
    lake.s3.accept([]);
    lake.s3.hook(|_| None);
    errors.push(file.read().await.unwrap_err());
    for error in errors {
        let theirs = format!("{error} {error:?}");
        let ours = Error::from(error);
        let shown = format!("{theirs} {ours} {ours:?}");
        assert!(!shown.contains(HUSH), "{shown}");
    }
}

#[tokio::test]
async fn errors_of_a_running_query_show_no_secret() {
    let lake = Lake::with_files(2).await;
    lake.s3.accept(["writer", "hushhush5"]);
    let catalog = connect(&secretive(&lake)).await.unwrap();
    lake.s3.hook(|request| {
        let data = request.path.contains("/data/");
        data.then(|| Answer::new(403, echo(request)))
    });
    let session = session(&catalog);
    let frame = session
        .sql("SELECT sum(x) FROM remote.shop.t")
        .await
        .unwrap();
    let error = frame.collect().await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(HUSH), "{shown}");
    assert!(shown.contains("'s3://bucket/wh/shop/t/data/"), "{shown}");
    assert!(
        shown.contains("access is denied (403 Forbidden)"),
        "{shown}"
    );
}
