// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry in an object store.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion_feast::{FeastContext, RegistryLocation};
use feast_registry::Registry;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::{Repositories, error, lines, read, rows};

async fn session(store: &Arc<InMemory>) -> FeastContext {
    let runtime = Arc::new(RuntimeEnv::default());
    let store = Arc::clone(store) as Arc<dyn ObjectStore>;
    runtime.register_object_store(&Url::parse("gs://bucket").unwrap(), store);
    let location = RegistryLocation::parse("gs://bucket/feast/registry.db", "/".as_ref()).unwrap();
    let builder = FeastContext::builder()
        .with_runtime_env(runtime)
        .with_registry_location(location)
        .with_project("rides");
    Box::pin(builder.build()).await.unwrap()
}

#[tokio::test]
async fn a_registry_in_an_object_store() {
    let repositories = Repositories::place();
    let bytes = read(repositories.dir("rides/data/registry.db"));
    let (store, path) = (Arc::new(InMemory::new()), Path::from("feast/registry.db"));
    store.put(&path, bytes.clone().into()).await.unwrap();
    let (one, two) = (session(&store).await, session(&store).await);
    assert_eq!(lines(&one, "SHOW ENTITIES").await.len(), 3);
    assert_eq!(
        store.get(&path).await.unwrap().bytes().await.unwrap(),
        bytes
    );

    // Each sees what the other wrote, and neither overwrites it.
    rows(&one, "CREATE ENTITY a JOIN KEY (a BIGINT)")
        .await
        .unwrap();
    rows(&two, "CREATE ENTITY b JOIN KEY (b BIGINT)")
        .await
        .unwrap();
    rows(&one, "CREATE ENTITY c JOIN KEY (c BIGINT)")
        .await
        .unwrap();
    for session in [&one, &two] {
        assert_eq!(lines(session, "SHOW ENTITIES").await.len(), 6);
    }
    let error = error(&two, "CREATE ENTITY c JOIN KEY (c BIGINT)").await;
    assert!(error.contains("already exists"), "{error}");
    let written = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert!(
        Registry::parse(&written)
            .unwrap()
            .entity("rides", "b")
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_registry_in_an_object_store_is_made_by_the_first_definition() {
    let store = Arc::new(InMemory::new());
    let feast = session(&store).await;
    assert!(lines(&feast, "SHOW ENTITIES").await.is_empty());
    rows(&feast, "CREATE ENTITY a JOIN KEY (a BIGINT)")
        .await
        .unwrap();
    assert_eq!(
        lines(&session(&store).await, "SHOW ENTITIES").await.len(),
        1
    );
}
