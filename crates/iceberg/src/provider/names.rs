// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The names in a catalog, asked for from DataFusion's synchronous calls.

use std::future::Future;
use std::time::Duration;

use iceberg::{Catalog, NamespaceIdent, TableIdent};

use crate::error::{Error, ErrorKind, Result};

/// How deep namespaces are followed; a catalog that answers a namespace with itself ends there.
const MAX_LEVELS: usize = 16;

/// How long one call of a catalog may take while a thread waits for it. Catalogs with a limit of their own, as
/// REST catalogs with `rest.timeout-ms`, give up before.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What the catalog answers, unless it takes longer than `patience`.
async fn answered<T>(
    patience: Duration,
    doing: impl FnOnce() -> String,
    asked: impl Future<Output = iceberg::Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(patience, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            let (doing, seconds) = (doing(), patience.as_secs_f64());
            let text =
                format!("the catalog did not answer within {seconds} s when asked to {doing}");
            Err(Error::new(ErrorKind::Unavailable, text))
        }
    }
}

/// Runs `future` to its end on a thread of its own, so that this works inside any runtime, also
/// one with a single thread that waits here.
pub(crate) fn wait_for<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let stuck = |cause: std::io::Error| {
        Error::new(
            ErrorKind::Io,
            "no thread could be started to ask the catalog",
        )
        .with_source(cause)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("iceberg-names".to_string())
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.map_err(stuck)?.block_on(future)
            });
        match thread.map_err(stuck)?.join() {
            Ok(answer) => answer,
            Err(_) => Err(Error::new(
                ErrorKind::Io,
                "asking the catalog ended in a panic",
            )),
        }
    })
}

/// All namespaces, parents first. One that cannot be looked into is still listed, and the first
/// reason for that is given too.
pub(super) async fn namespaces(
    catalog: &dyn Catalog,
    patience: Duration,
) -> Result<(Vec<NamespaceIdent>, Option<Error>)> {
    let doing = || "list the namespaces".to_string();
    let mut found = answered(patience, doing, catalog.list_namespaces(None)).await?;
    let mut failed = None;
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].clone();
        next += 1;
        if parent.len() >= MAX_LEVELS {
            continue;
        }
        let doing = || format!("list the namespaces of '{parent}'");
        match answered(patience, doing, catalog.list_namespaces(Some(&parent))).await {
            Ok(children) => {
                // Some catalogs list all levels at once.
                let new = |it: &NamespaceIdent| it.len() > parent.len() && !found.contains(it);
                let below: Vec<_> = children.into_iter().filter(new).collect();
                found.extend(below);
            }
            // It was dropped meanwhile, or the catalog knows no namespaces in namespaces.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {}
            Err(error) => {
                let silent = error.kind() == ErrorKind::Unavailable;
                let text = format!("the namespaces in '{parent}' cannot be listed");
                failed.get_or_insert(error.context(text));
                if silent {
                    break;
                }
            }
        }
    }
    Ok((found, failed))
}

/// The namespace that the SQL schema `name` means: dots part the levels, unless a namespace of one
/// level has that very name.
pub(super) async fn namespace(
    catalog: &dyn Catalog,
    name: &str,
    patience: Duration,
) -> Result<Option<NamespaceIdent>> {
    let mut meant = vec![NamespaceIdent::from_strs(name.split('.'))?];
    if name.contains('.') {
        meant.push(NamespaceIdent::new(name.to_string()));
    }
    for namespace in meant {
        if namespace.iter().any(|level| level.is_empty()) {
            continue;
        }
        let doing = || format!("look for namespace '{namespace}'");
        if answered(patience, doing, catalog.namespace_exists(&namespace)).await? {
            return Ok(Some(namespace));
        }
    }
    Ok(None)
}

/// The tables of one namespace.
pub(super) async fn tables(
    catalog: &dyn Catalog,
    namespace: &NamespaceIdent,
    patience: Duration,
) -> Result<Vec<TableIdent>> {
    let doing = || format!("list the tables of '{namespace}'");
    answered(patience, doing, catalog.list_tables(namespace)).await
}

/// Whether there is a table.
pub(super) async fn table_exists(
    catalog: &dyn Catalog,
    table: &TableIdent,
    patience: Duration,
) -> Result<bool> {
    let doing = || format!("look for table '{table}'");
    answered(patience, doing, catalog.table_exists(table)).await
}
