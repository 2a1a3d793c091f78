// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What the registry's objects have in common.

use feast_registry::{DataSource, Entity, FeatureService, FeatureView, Source};

use crate::ddl::SourceClause;

/// An object with a name.
pub(crate) trait RegistryObject {
    /// Its name.
    fn name(&self) -> &str;
}

macro_rules! registry_objects {
    ($($object:ty),*) => {
        $(impl RegistryObject for $object {
            fn name(&self) -> &str {
                &self.name
            }
        })*
    };
}

registry_objects!(Entity, FeatureView, FeatureService, DataSource);

/// The object of that name.
pub(crate) fn find<'a, O: RegistryObject>(objects: &'a [O], name: &str) -> Option<&'a O> {
    objects.iter().find(|object| object.name() == name)
}

/// Where the rows of a source are, as SQL names it: a table's name or a path in quotes.
pub(crate) fn location(source: &Source) -> String {
    match source_clause(source) {
        Some(clause) => clause.to_string(),
        None => match source {
            Source::Spark(spark) => spark.table.clone(),
            Source::Other { name, .. } => name.clone(),
            _ => String::new(),
        },
    }
}

/// How messages call the place where a source's rows are.
pub(crate) fn place(source: &Source) -> String {
    match source {
        Source::Query(_) => "its query".to_owned(),
        _ => location(source),
    }
}

/// What stands after `FROM` for a source; `None` for kinds that SQL cannot name.
pub(crate) fn source_clause(source: &Source) -> Option<SourceClause> {
    use datafusion::sql::TableReference;
    match source {
        Source::Iceberg(iceberg) => Some(SourceClause::Table(TableReference::full(
            iceberg.catalog_name.clone(),
            iceberg.namespace.clone(),
            iceberg.table.clone(),
        ))),
        Source::File(file) => Some(SourceClause::Path(file.uri.clone())),
        Source::Table(table) => Some(SourceClause::Table(TableReference::parse_str(&table.table))),
        Source::Query(query) => Some(SourceClause::Query(query.query.clone())),
        _ => None,
    }
}

/// The kind of a source: `iceberg`, `file`, `table`, `query`, `spark`, or Feast's name of a kind that is only kept.
pub(crate) fn source_kind(source: &Source) -> String {
    match source {
        Source::Iceberg(_) => "iceberg".to_owned(),
        Source::File(_) => "file".to_owned(),
        Source::Table(_) => "table".to_owned(),
        Source::Query(_) => "query".to_owned(),
        Source::Spark(_) => "spark".to_owned(),
        Source::Other { kind, .. } => kind.clone(),
        _ => "unknown".to_owned(),
    }
}
