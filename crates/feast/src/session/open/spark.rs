// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Tables by the names that Spark knows them by.

use datafusion::common::{Result, TableReference, plan_err};
use feast_registry::{DataSource, SparkSource};

use crate::session::FeastScope;

impl FeastScope {
    /// The Iceberg table that Spark's name stands for: `catalog.namespace.table` in the catalog attached under that name,
    /// `namespace.table` in the offline store's catalog or the only one attached.
    pub(in crate::session) fn spark_table(
        &self,
        source: &DataSource,
        spark: &SparkSource,
    ) -> Result<TableReference> {
        let what = format!(
            "data source {} is Spark's table {}",
            source.name, spark.table
        );
        let parts: Vec<String> = spark
            .table
            .split('.')
            .map(|part| part.trim_matches('`').to_owned())
            .collect();
        let (namespace, table) = match parts.split_last() {
            Some((table, namespace)) if parts.iter().all(|part| !part.is_empty()) => {
                (namespace, table.as_str())
            }
            _ => return plan_err!("{what}, which is no name; expected catalog.namespace.table"),
        };
        if let [catalog, namespace @ ..] = namespace
            && !namespace.is_empty()
            && self.catalog_options(catalog).is_some()
        {
            return Ok(TableReference::full(
                catalog.as_str(),
                namespace.join("."),
                table,
            ));
        }
        if namespace.len() > 1 {
            return plan_err!(
                "{what}, but no Iceberg catalog {} is attached; attach it under that name with --catalog or CREATE EXTERNAL CATALOG",
                namespace[0]
            );
        }
        let repository = self.repository();
        let namespace = match namespace {
            [namespace] => namespace.clone(),
            _ => match repository.and_then(|it| it.config.offline_store.namespace.clone()) {
                Some(namespace) => namespace,
                None => {
                    return plan_err!(
                        "{what}, which has no namespace; name it catalog.namespace.table, or give offline_store a namespace"
                    );
                }
            },
        };
        let stores = repository.map(|it| it.store_catalogs()).unwrap_or_default();
        let attached = self.attached_names();
        match (stores.as_slice(), attached.as_slice()) {
            ([catalog], _) | ([], [catalog]) => {
                Ok(TableReference::full(catalog.as_str(), namespace, table))
            }
            ([], []) => plan_err!(
                "{what}, but no Iceberg catalog is attached; attach Spark's with --catalog or CREATE EXTERNAL CATALOG"
            ),
            _ => plan_err!(
                "{what}, which may be in several catalogs: {}; name it catalog.namespace.table",
                attached.join(", ")
            ),
        }
    }
}
