// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Against a small server in this process.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use datafusion::catalog::CatalogProvider;

use super::*;
use crate::provider::IcebergCatalogProvider;

/// A server with one namespace, over connections that stay open.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap()));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    while let Some(Ok(request)) = lines.next() {
        while lines
            .next()
            .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
        {}
        let (status, body) = match request.split(' ').nth(1).unwrap_or_default() {
            path if path.starts_with("/v1/config") => {
                ("200 OK", r#"{"defaults":{},"overrides":{}}"#)
            }
            path if path.contains("parent=") => ("200 OK", r#"{"namespaces":[]}"#),
            "/v1/namespaces" => ("200 OK", r#"{"namespaces":[["shop"]]}"#),
            "/v1/namespaces/shop" => ("204 No Content", ""),
            "/v1/namespaces/shop/tables" => (
                "200 OK",
                r#"{"identifiers":[{"namespace":["shop"],"name":"t"}]}"#,
            ),
            _ => ("404 Not Found", "{}"),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
        let sent = write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}");
        if sent.is_err() {
            return;
        }
    }
}

fn options(uri: String) -> CatalogOptions {
    let pairs = [
        ("type", "rest".to_string()),
        ("uri", uri),
        ("token", "hush".to_string()),
    ];
    CatalogOptions::from_pairs("remote", pairs.map(|(key, value)| (key.to_string(), value)))
        .unwrap()
}

/// The runtime has one thread: a synchronous call that needed it would hang.
#[tokio::test]
async fn names_are_listed_from_synchronous_calls() {
    let catalog = crate::connect(&options(serve())).await.unwrap();
    assert!(!format!("{catalog:?}").contains("hush"));
    let provider = IcebergCatalogProvider::new(Arc::clone(&catalog), "remote");
    for _ in 0..3 {
        assert_eq!(catalog.list_namespaces(None).await.unwrap().len(), 1);
        assert_eq!(provider.schema_names(), ["shop"]);
        let schema = provider.schema("shop").unwrap();
        assert_eq!(schema.table_names(), ["t"]);
        assert!(schema.table("u").await.unwrap().is_none());
        assert!(provider.schema("nope").is_none());
    }
}

#[tokio::test]
async fn tables_do_not_show_the_catalogs_password() {
    let uri = serve().replace("http://", "http://me:hush@");
    let catalog = connect(&options(uri)).await.unwrap();
    let metadata = iceberg::spec::TableMetadataBuilder::new(
        iceberg::spec::Schema::builder().build().unwrap(),
        iceberg::spec::PartitionSpec::unpartition_spec(),
        iceberg::spec::SortOrder::unsorted_order(),
        "s3://b/t".to_string(),
        iceberg::spec::FormatVersion::V2,
        HashMap::new(),
    );
    let table = Table::builder()
        .identifier(TableIdent::from_strs(["shop", "t"]).unwrap())
        .metadata(metadata.unwrap().build().unwrap().metadata)
        .file_io(FileIOBuilder::new(Arc::new(ObjectStorageFactory::default())).build())
        .runtime(Runtime::try_current().unwrap())
        .build()
        .unwrap();
    let table = catalog.quiet(table).unwrap();
    let shown = format!("{table:?} {catalog:?}");
    assert!(
        shown.contains("remote@") && !shown.contains("hush"),
        "{shown}"
    );
}

#[tokio::test]
async fn what_is_no_rest_catalog_is_named() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for uri in [
        format!("http://me:hush@{unused}"),
        format!("{}/other", serve()),
    ] {
        let error = crate::connect(&options(uri)).await.unwrap_err().to_string();
        assert!(
            error.contains("catalog 'remote': no REST catalog answers at"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
    let error = crate::connect(&options("ftp://h".to_string()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("uri 'ftp://h' is no REST catalog's address"),
        "{error}"
    );
}
