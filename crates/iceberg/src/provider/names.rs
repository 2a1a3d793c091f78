// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The names in a catalog, asked for from DataFusion's synchronous calls.

use std::future::Future;

use iceberg::{Catalog, NamespaceIdent, TableIdent};

use crate::error::{Error, ErrorKind, Result};

/// How deep namespaces are followed; a catalog that answers a namespace with itself ends there.
const MAX_LEVELS: usize = 16;

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
) -> Result<(Vec<NamespaceIdent>, Option<Error>)> {
    let mut found = catalog.list_namespaces(None).await?;
    let mut failed = None;
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].clone();
        next += 1;
        if parent.len() >= MAX_LEVELS {
            continue;
        }
        match catalog
            .list_namespaces(Some(&parent))
            .await
            .map_err(Error::from)
        {
            Ok(children) => {
                // Some catalogs list all levels at once.
                let new = |it: &NamespaceIdent| it.len() > parent.len() && !found.contains(it);
                let below: Vec<_> = children.into_iter().filter(new).collect();
                found.extend(below);
            }
            // It was dropped meanwhile, or the catalog knows no namespaces in namespaces.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {}
            Err(error) => {
                let text = format!("the namespaces in '{parent}' cannot be listed");
                failed.get_or_insert(error.context(text));
            }
        }
    }
    Ok((found, failed))
}

/// The namespace that the SQL schema `name` means: dots part the levels, unless a namespace of one
/// level has that very name.
pub(super) async fn namespace(catalog: &dyn Catalog, name: &str) -> Result<Option<NamespaceIdent>> {
    let mut meant = vec![NamespaceIdent::from_strs(name.split('.'))?];
    if name.contains('.') {
        meant.push(NamespaceIdent::new(name.to_string()));
    }
    for namespace in meant {
        if namespace.iter().all(|level| !level.is_empty())
            && catalog.namespace_exists(&namespace).await?
        {
            return Ok(Some(namespace));
        }
    }
    Ok(None)
}

/// The tables of one namespace.
pub(super) async fn tables(
    catalog: &dyn Catalog,
    namespace: &NamespaceIdent,
) -> Result<Vec<TableIdent>> {
    Ok(catalog.list_tables(namespace).await?)
}
