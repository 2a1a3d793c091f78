// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The lists of what is defined: `SHOW …`, the functions `feast_entities()` … and the tables
//! `feast.registry.entities` … are these, row for row, sorted by name.
//!
//! An empty text is NULL; `tags` and `field_mapping` are maps, empty where there are none.
//!
//! `entities`
//!
//! | column | type | meaning |
//! |---|---|---|
//! | name | varchar | by which views refer to it |
//! | join_key | varchar | the column that identifies it |
//! | value_type | varchar | Feast's type of the key; `UNKNOWN`: each view takes it from its source |
//! | description, owner | varchar | what it is; who answers for it |
//! | tags | map | free key-value pairs |
//!
//! `feature_views`
//!
//! | column | type | meaning |
//! |---|---|---|
//! | name | varchar | by which references and services name it |
//! | kind | varchar | `feature view`, or a kind that only Feast can write and compute |
//! | entities | varchar[] | its entities; empty for features of no entity |
//! | join_keys | varchar[] | its key columns |
//! | ttl | interval | how long a row stays valid; NULL is without limit |
//! | source | varchar | the table, or the path in quotes, as after `FROM` |
//! | timestamp_field | varchar | the column with the event time |
//! | created_timestamp_column | varchar | the column that says when a row was written |
//! | tie_break | varchar[] | the columns that decide between rows with equal times |
//! | online | boolean | whether it is meant to be served online |
//! | description, owner, tags | | as above |
//!
//! `features`: one row a feature of a view, in the view's order
//!
//! | column | type | meaning |
//! |---|---|---|
//! | feature_view | varchar | the view |
//! | name | varchar | the feature; `view:name` is its reference |
//! | value_type | varchar | Feast's type |
//! | description, tags | | as above |
//!
//! `feature_services`
//!
//! | column | type | meaning |
//! |---|---|---|
//! | name | varchar | by which a join names it |
//! | feature_views | varchar[] | its views, by the names they go by in it |
//! | features | varchar[] | its features as `view:feature`, with those names |
//! | description, owner, tags | | as above |
//!
//! `data_sources`
//!
//! | column | type | meaning |
//! |---|---|---|
//! | name | varchar | Feast's name of it |
//! | kind | varchar | `iceberg`, `file`, `table`, `query`, `spark`, or a kind that is only kept |
//! | source | varchar | as in `feature_views` |
//! | timestamp_field, created_timestamp_column | varchar | as in `feature_views` |
//! | field_mapping | map | source column to the name it has in views |
//! | description, owner, tags | | as above |

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, Scalar, StringArray};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::comparison::like;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::cast::as_string_array;
use feast_registry::{DataSource, Entity, FeatureService, FeatureView, Field, Registry};

use super::columns::ColumnType::{Bool, Interval, Map, OptionalText, Text, Texts};
use super::columns::{ColumnType, bools, lists, maps, optional_texts, schema, texts, ttls};
use super::error::from_registry;
use super::objects::{RegistryObject, location, source_kind};
use crate::ddl::ShowKind;

/// One of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Entities.
    Entities,
    /// Feature views.
    FeatureViews,
    /// The features of all views.
    Features,
    /// Feature services.
    FeatureServices,
    /// Data sources.
    DataSources,
}

const ENTITIES: &[(&str, ColumnType)] = &[
    ("name", Text),
    ("join_key", Text),
    ("value_type", Text),
    ("description", OptionalText),
    ("owner", OptionalText),
    ("tags", Map),
];
const FEATURE_VIEWS: &[(&str, ColumnType)] = &[
    ("name", Text),
    ("kind", Text),
    ("entities", Texts),
    ("join_keys", Texts),
    ("ttl", Interval),
    ("source", OptionalText),
    ("timestamp_field", OptionalText),
    ("created_timestamp_column", OptionalText),
    ("tie_break", Texts),
    ("online", Bool),
    ("description", OptionalText),
    ("owner", OptionalText),
    ("tags", Map),
];
const FEATURES: &[(&str, ColumnType)] = &[
    ("feature_view", Text),
    ("name", Text),
    ("value_type", Text),
    ("description", OptionalText),
    ("tags", Map),
];
const FEATURE_SERVICES: &[(&str, ColumnType)] = &[
    ("name", Text),
    ("feature_views", Texts),
    ("features", Texts),
    ("description", OptionalText),
    ("owner", OptionalText),
    ("tags", Map),
];
const DATA_SOURCES: &[(&str, ColumnType)] = &[
    ("name", Text),
    ("kind", Text),
    ("source", OptionalText),
    ("timestamp_field", OptionalText),
    ("created_timestamp_column", OptionalText),
    ("field_mapping", Map),
    ("description", OptionalText),
    ("owner", OptionalText),
    ("tags", Map),
];

static SCHEMAS: LazyLock<[SchemaRef; 5]> = LazyLock::new(|| {
    [
        ENTITIES,
        FEATURE_VIEWS,
        FEATURES,
        FEATURE_SERVICES,
        DATA_SOURCES,
    ]
    .map(schema)
});

impl List {
    /// All lists.
    pub(crate) const ALL: [List; 5] = [
        List::Entities,
        List::FeatureViews,
        List::Features,
        List::FeatureServices,
        List::DataSources,
    ];

    /// The name of the table in `feast.registry`; `feast_` before it is the function.
    pub(crate) fn name(self) -> &'static str {
        match self {
            List::Entities => "entities",
            List::FeatureViews => "feature_views",
            List::Features => "features",
            List::FeatureServices => "feature_services",
            List::DataSources => "data_sources",
        }
    }

    /// The columns.
    pub(crate) fn schema(self) -> SchemaRef {
        Arc::clone(&SCHEMAS[self as usize])
    }

    /// The rows; `pattern` is a `LIKE` pattern for the column `name`.
    pub(crate) fn rows(
        self,
        registry: &Registry,
        project: &str,
        pattern: Option<&str>,
    ) -> Result<RecordBatch> {
        let columns = match self {
            List::Entities => entities(&sorted(registry.entities(project))?)?,
            List::FeatureViews => feature_views(&sorted(registry.feature_views(project))?)?,
            List::Features => features(&sorted(registry.feature_views(project))?)?,
            List::FeatureServices => services(&sorted(registry.feature_services(project))?)?,
            List::DataSources => data_sources(&sorted(registry.data_sources(project))?)?,
        };
        let batch = RecordBatch::try_new(self.schema(), columns)?;
        let Some(pattern) = pattern else {
            return Ok(batch);
        };
        let names = as_string_array(batch.column(batch.schema().index_of("name")?))?;
        let pattern = Scalar::new(StringArray::from(vec![pattern]));
        Ok(filter_record_batch(&batch, &like(names, &pattern)?)?)
    }
}

impl From<ShowKind> for List {
    fn from(kind: ShowKind) -> Self {
        match kind {
            ShowKind::Entities => List::Entities,
            ShowKind::FeatureViews => List::FeatureViews,
            ShowKind::FeatureServices => List::FeatureServices,
            ShowKind::DataSources => List::DataSources,
        }
    }
}

fn sorted<O: RegistryObject>(objects: feast_registry::Result<Vec<O>>) -> Result<Vec<O>> {
    let mut objects = objects.map_err(from_registry)?;
    objects.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(objects)
}

fn names<O: RegistryObject>(objects: &[O]) -> ArrayRef {
    texts(objects.iter().map(|object| object.name().to_owned()))
}

/// One column of each object.
macro_rules! column {
    ($of:ident, $objects:expr, $object:ident => $value:expr) => {
        $of($objects.iter().map(|$object| $value))
    };
}

fn entities(list: &[Entity]) -> Result<Vec<ArrayRef>> {
    Ok(vec![
        names(list),
        column!(texts, list, it => it.join_key.clone()),
        column!(texts, list, it => it.value_type.name().to_owned()),
        column!(optional_texts, list, it => Some(it.description.clone())),
        column!(optional_texts, list, it => Some(it.owner.clone())),
        column!(maps, list, it => it.tags.clone())?,
    ])
}

fn feature_views(list: &[FeatureView]) -> Result<Vec<ArrayRef>> {
    Ok(vec![
        names(list),
        column!(texts, list, it => it.kind.name().to_owned()),
        column!(lists, list, it => it.entities.clone()),
        column!(lists, list, it => it.entity_columns.iter().map(|key| key.name.clone()).collect()),
        column!(ttls, list, it => it.ttl),
        column!(optional_texts, list, it => Some(location(&it.source.source))),
        column!(optional_texts, list, it => Some(it.source.timestamp_field.clone())),
        column!(optional_texts, list, it => it.source.created_timestamp_column.clone()),
        column!(lists, list, it => it.tie_break.clone()),
        column!(bools, list, it => it.online),
        column!(optional_texts, list, it => Some(it.description.clone())),
        column!(optional_texts, list, it => Some(it.owner.clone())),
        column!(maps, list, it => it.tags.clone())?,
    ])
}

fn features(views: &[FeatureView]) -> Result<Vec<ArrayRef>> {
    let list: Vec<(&str, &Field)> = views
        .iter()
        .flat_map(|view| {
            view.features
                .iter()
                .map(|feature| (view.name.as_str(), feature))
        })
        .collect();
    Ok(vec![
        column!(texts, list, it => it.0.to_owned()),
        column!(texts, list, it => it.1.name.clone()),
        column!(texts, list, it => it.1.value_type.name().to_owned()),
        column!(optional_texts, list, it => Some(it.1.description.clone())),
        column!(maps, list, it => it.1.tags.clone())?,
    ])
}

fn services(list: &[FeatureService]) -> Result<Vec<ArrayRef>> {
    let views = |service: &FeatureService| {
        service
            .projections
            .iter()
            .map(|it| it.name_to_use().to_owned())
            .collect()
    };
    let features = |service: &FeatureService| {
        service
            .projections
            .iter()
            .flat_map(|it| {
                it.features
                    .iter()
                    .map(|f| format!("{}:{}", it.name_to_use(), f.name))
            })
            .collect()
    };
    Ok(vec![
        names(list),
        column!(lists, list, it => views(it)),
        column!(lists, list, it => features(it)),
        column!(optional_texts, list, it => Some(it.description.clone())),
        column!(optional_texts, list, it => Some(it.owner.clone())),
        column!(maps, list, it => it.tags.clone())?,
    ])
}

fn data_sources(list: &[DataSource]) -> Result<Vec<ArrayRef>> {
    Ok(vec![
        names(list),
        column!(texts, list, it => source_kind(&it.source)),
        column!(optional_texts, list, it => Some(location(&it.source))),
        column!(optional_texts, list, it => Some(it.timestamp_field.clone())),
        column!(optional_texts, list, it => it.created_timestamp_column.clone()),
        column!(maps, list, it => it.field_mapping.clone())?,
        column!(optional_texts, list, it => Some(it.description.clone())),
        column!(optional_texts, list, it => Some(it.owner.clone())),
        column!(maps, list, it => it.tags.clone())?,
    ])
}
