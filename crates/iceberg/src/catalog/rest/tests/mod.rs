// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Against small servers in this process.

mod credentials;
mod faults;
mod hidden;
mod lake;
mod tokens;

use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::prelude::{SessionConfig, SessionContext};
use iceberg::{Catalog, NamespaceIdent, TableIdent};

use self::lake::{Lake, ident, options};
use crate::catalog::CatalogOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::IcebergCatalogProvider;
use crate::storage::stand_in::{Answer, StandIn, nowhere};

async fn connect(options: &CatalogOptions) -> Result<Arc<dyn Catalog>> {
    crate::connect(options).await
}

/// How many rows the table has, and their sum.
async fn rows_of(catalog: &Arc<dyn Catalog>) -> std::result::Result<(i64, i64), String> {
    let session = session(catalog);
    let sql = "SELECT count(x), sum(x + 0) FROM remote.shop.t WHERE x >= 0";
    let frame = session.sql(sql).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let number = |column: usize| {
        let column = batches[0].column(column);
        let column = column.as_any().downcast_ref::<arrow::array::Int64Array>();
        column.unwrap().value(0)
    };
    Ok((number(0), number(1)))
}

fn session(catalog: &Arc<dyn Catalog>) -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(1);
    let session = SessionContext::new_with_config(config);
    let provider = IcebergCatalogProvider::new(Arc::clone(catalog), "remote");
    session.register_catalog("remote", Arc::new(provider));
    session
}

/// The runtime has one thread: a synchronous call that needed it would hang.
#[tokio::test]
async fn names_are_listed_from_synchronous_calls() {
    let lake = Lake::with_files(0).await;
    let catalog = connect(&lake.options(&[("token", "hushhush")]))
        .await
        .unwrap();
    let provider = IcebergCatalogProvider::new(Arc::clone(&catalog), "remote");
    for _ in 0..3 {
        assert_eq!(catalog.list_namespaces(None).await.unwrap().len(), 1);
        assert_eq!(provider.schema_names(), ["shop"]);
        let schema = provider.schema("shop").unwrap();
        assert_eq!(schema.table_names(), ["t"]);
        assert!(schema.table("u").await.unwrap().is_none());
        assert!(provider.schema("nope").is_none());
    }
    assert!(
        lake.rest
            .seen()
            .iter()
            .all(|request| request.header("authorization") == "Bearer hushhush")
    );
}

#[tokio::test]
async fn what_is_no_rest_catalog_is_named() {
    let lake = Lake::with_files(0).await;
    let page = StandIn::start(|_| Answer::new(200, "<html>Welcome</html>"));
    let elsewhere = format!("{}/other", lake.rest.url());
    let down = nowhere();
    for (uri, kind) in [
        (&down, ErrorKind::Unavailable),
        (&elsewhere, ErrorKind::NotACatalog),
        (&page.url(), ErrorKind::NotACatalog),
    ] {
        let uri = uri.replace("http://", "http://me:hushhush@");
        let error = connect(&options(&uri, &[])).await.unwrap_err();
        let text = error.to_string();
        let begin = "catalog 'remote': no REST catalog answers at 'http://…@127.0.0.1:";
        assert!(text.starts_with(begin), "{text}");
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(error.kind(), kind, "{text}");
    }
    let error = connect(&options("ftp://h", &[])).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("uri 'ftp://h' is no REST catalog's address"),
        "{text}"
    );
}

#[tokio::test]
async fn the_server_says_where_and_how_it_is_asked() {
    let server = StandIn::start(|request| match request.path.as_str() {
        "/api/v1/config" => Answer::json(
            r#"{"defaults":{"prefix":"p","header.X-A":"default"},
                "overrides":{"header.X-B":"insisted"},
                "endpoints":["GET /v1/{prefix}/namespaces/{namespace}"]}"#,
        ),
        "/api/v1/p/namespaces" if request.query.contains("pageToken=2") => {
            Answer::json(r#"{"namespaces":[["b"]],"next-page-token":null}"#)
        }
        "/api/v1/p/namespaces" => Answer::json(r#"{"namespaces":[["a"]],"next-page-token":"2"}"#),
        "/api/v1/p/namespaces/a%1Fb%20c" => {
            Answer::json(r#"{"namespace":["a","b c"],"properties":null}"#)
        }
        _ => Answer::error(404, "no"),
    });
    let uri = format!("{}/api/", server.url());
    let more = [
        ("warehouse", "my lake"),
        ("header.X-A", "users"),
        ("header.X-B", "users"),
    ];
    let catalog = connect(&options(&uri, &more)).await.unwrap();
    let found = catalog.list_namespaces(None).await.unwrap();
    let found: Vec<String> = found.iter().map(NamespaceIdent::to_string).collect();
    assert_eq!(found, ["a", "b"]);
    let namespace = NamespaceIdent::from_strs(["a", "b c"]).unwrap();
    // Looking with HEAD is not among what the server can do.
    assert!(catalog.namespace_exists(&namespace).await.unwrap());
    let missing = NamespaceIdent::new("x".to_string());
    assert!(!catalog.namespace_exists(&missing).await.unwrap());
    let seen = server.seen();
    assert_eq!(seen[0].query, "warehouse=my+lake");
    assert!(seen.iter().all(|request| request.method == "GET"));
    let last = seen.last().unwrap();
    assert_eq!(
        (last.header("x-a"), last.header("x-b")),
        ("users", "insisted")
    );
    assert_eq!(
        last.header("x-iceberg-access-delegation"),
        "vended-credentials"
    );
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let lake = Lake::with_files(0).await;
    let catalog = connect(&lake.options(&[])).await.unwrap();
    let table = TableIdent::from_strs(["shop", "u"]).unwrap();
    let error = catalog.load_table(&table).await.unwrap_err();
    assert_eq!(error.kind(), iceberg::ErrorKind::TableNotFound);
    let text = Error::from(error).to_string();
    assert_eq!(text, "table 'shop.u' does not exist in catalog 'remote'");
    assert!(!catalog.table_exists(&table).await.unwrap());
    let namespace = NamespaceIdent::new("nope".to_string());
    let error = catalog.get_namespace(&namespace).await.unwrap_err();
    assert_eq!(error.kind(), iceberg::ErrorKind::NamespaceNotFound);
    let error = catalog.list_tables(&namespace).await.unwrap_err();
    assert_eq!(error.kind(), iceberg::ErrorKind::NamespaceNotFound);
    let error = catalog.drop_table(&table).await.unwrap_err();
    assert_eq!(error.kind(), iceberg::ErrorKind::TableNotFound);
}

#[tokio::test]
async fn rows_are_appended_and_read() {
    let lake = Lake::with_files(2).await;
    let catalog = connect(&lake.with_keys(&[])).await.unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (20, 90));
    let appended = crate::append::append(catalog.as_ref(), &ident(), vec![lake::rows()]).await;
    appended.unwrap();
    assert_eq!(rows_of(&catalog).await.unwrap(), (30, 135));
}
