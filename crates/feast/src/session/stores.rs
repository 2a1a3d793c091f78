// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Object stores that appear when a URL first names them, so that `FROM 's3://…'`, `LOCATION` and `COPY TO` work as they do in
//! datafusion-cli. Credentials come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`).

use std::env;
use std::sync::Arc;

use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use url::Url;

/// A registry of object stores that makes the store of a URL it does not know yet, with the credentials of the environment.
#[derive(Debug)]
pub struct StoresOnDemand {
    known: Arc<dyn ObjectStoreRegistry>,
}

impl StoresOnDemand {
    /// Over the stores that are known already.
    pub fn new(known: Arc<dyn ObjectStoreRegistry>) -> Self {
        Self { known }
    }
}

impl ObjectStoreRegistry for StoresOnDemand {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.known.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.known.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let unknown = match self.known.get_store(url) {
            Ok(store) => return Ok(store),
            Err(unknown) => unknown,
        };
        if !is_remote(url.scheme()) {
            return Err(unknown);
        }
        // Only what the environment holds as text can be an option of a store.
        let options = env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let (store, _) = object_store::parse_url_opts(url, options).map_err(|error| {
            let bucket = &url[..url::Position::AfterPort];
            exec_datafusion_err!("the object store of {bucket} cannot be opened: {error}")
        })?;
        self.known.register_store(url, Arc::from(store));
        self.known.get_store(url)
    }
}

fn is_remote(scheme: &str) -> bool {
    matches!(
        scheme,
        "s3" | "s3a" | "gs" | "az" | "adl" | "azure" | "abfs" | "abfss" | "http" | "https"
    )
}

#[cfg(test)]
mod tests {
    use datafusion::execution::object_store::DefaultObjectStoreRegistry;

    use super::*;

    #[test]
    fn a_remote_store_is_made_once() {
        let stores = StoresOnDemand::new(Arc::new(DefaultObjectStoreRegistry::new()));
        let url = Url::parse("http://example.com/a.parquet").unwrap();
        let first = stores.get_store(&url).unwrap();
        assert!(Arc::ptr_eq(&first, &stores.get_store(&url).unwrap()));
        assert!(
            stores
                .get_store(&Url::parse("file:///data/a").unwrap())
                .is_ok()
        );
        assert!(
            stores
                .get_store(&Url::parse("feast-x://nothing/a").unwrap())
                .is_err()
        );
    }
}
