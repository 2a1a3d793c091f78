// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What is read while a catalog does not answer.

use std::future::{Ready, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use iceberg::table::Table;
use iceberg::{Catalog, TableIdent};
use tempfile::TempDir;

use super::super::known::{KnownTables, Staleness};
use super::super::names;
use super::{append, catalog, make, rows, shop};
use crate::catalog::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::stand_in::{Answer, Fault, StandIn};

/// A read so many seconds after the first, to which versions of the last ten are good enough.
fn read(second: i64) -> Staleness {
    Staleness {
        now: DateTime::UNIX_EPOCH + TimeDelta::seconds(second),
        max: Duration::from_secs(10),
        patience: Duration::from_millis(20),
    }
}

fn fails(kind: ErrorKind) -> Ready<Result<Table>> {
    ready(Err(Error::new(kind, "no")))
}

/// Two versions of a table.
async fn versions(dir: &TempDir) -> (TableIdent, Table, Table) {
    let catalog = catalog(dir.path()).await;
    make(&catalog, &shop(), "t", &[1]).await;
    let ident = TableIdent::new(shop(), "t".to_owned());
    let first = catalog.load_table(&ident).await.unwrap();
    append(&catalog, &ident, vec![rows(&[2])]).await.unwrap();
    let second = catalog.load_table(&ident).await.unwrap();
    (ident, first, second)
}

#[tokio::test]
async fn a_catalog_that_does_not_answer_stands_back_for_the_time_allowed() {
    let dir = TempDir::new().unwrap();
    let (ident, first, second) = versions(&dir).await;
    let old = first.metadata_location().map(str::to_owned);
    let new = second.metadata_location().map(str::to_owned);
    let known = KnownTables::default();
    let location = |table: Result<Table>| table.unwrap().metadata_location().map(str::to_owned);
    let outages = [ErrorKind::Unavailable, ErrorKind::Io, ErrorKind::Locked];
    for kind in outages {
        // Nothing is known yet.
        let error = known.table(&ident, &read(0), fails(kind)).await;
        assert_eq!(error.unwrap_err().kind(), kind);
    }
    assert_eq!(known.namespace("shop"), None);
    let asked = known.table(&ident, &read(0), ready(Ok(first))).await;
    assert_eq!(location(asked), old);
    assert_eq!(known.namespace("shop"), Some(shop()));
    for (second, kind) in (2..).step_by(2).zip(outages) {
        let asked = known.table(&ident, &read(second), fails(kind)).await;
        assert_eq!(location(asked), old, "{kind:?}");
    }
    let asked = known.table(&ident, &read(10), pending()).await;
    assert_eq!(location(asked), old);
    let error = known.table(&ident, &read(11), fails(ErrorKind::Io)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Io);
    // It is back, and believed.
    let asked = known.table(&ident, &read(12), ready(Ok(second))).await;
    assert_eq!(location(asked), new);
    let asked = known.table(&ident, &read(22), pending()).await;
    assert_eq!(location(asked), new);
}

#[tokio::test]
async fn a_silent_catalog_is_not_waited_for_by_each_read() {
    let dir = TempDir::new().unwrap();
    let (ident, first, second) = versions(&dir).await;
    let (old, new) = (first.clone(), second.clone());
    let known = KnownTables::default();
    known
        .table(&ident, &read(0), ready(Ok(first)))
        .await
        .unwrap();
    known.table(&ident, &read(5), pending()).await.unwrap();
    let same = known
        .table(&ident, &read(5), ready(Ok(second.clone())))
        .await;
    assert_eq!(same.unwrap().metadata_location(), old.metadata_location());
    let later = known.table(&ident, &read(6), ready(Ok(second))).await;
    assert_eq!(later.unwrap().metadata_location(), new.metadata_location());
}

#[tokio::test]
async fn what_a_catalog_answers_counts() {
    let dir = TempDir::new().unwrap();
    let (ident, first, _) = versions(&dir).await;
    for kind in [
        ErrorKind::NotFound,
        ErrorKind::Denied,
        ErrorKind::Damaged,
        ErrorKind::Invalid,
    ] {
        let known = KnownTables::default();
        let asked = known
            .table(&ident, &read(0), ready(Ok(first.clone())))
            .await;
        asked.unwrap();
        let error = known.table(&ident, &read(2), fails(kind)).await;
        assert_eq!(error.unwrap_err().kind(), kind);
        // And what was known before that is forgotten.
        let error = known.table(&ident, &read(4), fails(ErrorKind::Io)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Io, "{kind:?}");
    }
}

/// A catalog whose own limit is longer than anybody waits for it in a synchronous call.
#[tokio::test]
async fn a_catalog_that_never_answers_is_given_up() {
    let silent = Arc::new(AtomicBool::new(false));
    let falls = Arc::clone(&silent);
    let server = StandIn::start(move |request| match request.path.as_str() {
        _ if falls.load(Ordering::SeqCst) => {
            Answer::new(200, "{}").but(Fault::Late(Duration::from_secs(20)))
        }
        "/v1/config" => Answer::json(r#"{"defaults":{},"overrides":{}}"#),
        _ => Answer::json(r#"{"namespaces":[["shop"]]}"#),
    });
    let pairs = [("type", "rest".to_owned()), ("uri", server.url())];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value));
    let options = CatalogOptions::from_pairs("lake", pairs).unwrap();
    let catalog = crate::connect(&options).await.unwrap();
    silent.store(true, Ordering::SeqCst);
    let patience = Duration::from_millis(50);
    let catalog = catalog.as_ref();
    let table = TableIdent::new(shop(), "t".to_owned());
    let outcomes = [
        names::wait_for(names::namespace(catalog, "shop", patience)).map(drop),
        names::wait_for(names::namespaces(catalog, patience)).map(drop),
        names::wait_for(names::tables(catalog, &shop(), patience)).map(drop),
        names::wait_for(names::table_exists(catalog, &table, patience)).map(drop),
    ];
    let asked = [
        "look for namespace 'shop'",
        "list the namespaces",
        "list the tables of 'shop'",
        "look for table 'shop.t'",
    ];
    for (outcome, doing) in outcomes.into_iter().zip(asked) {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let said = format!("the catalog did not answer within 0.05 s when asked to {doing}");
        assert_eq!(error.to_string(), said);
    }
}
