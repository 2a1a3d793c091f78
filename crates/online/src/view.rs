// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A feature view as the online store has it.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::{Column, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};
use feast_iceberg::without_field_ids;
use feast_pit::{PitFeature, PitKey, PitView, instant, utc};
use feast_registry::ValueType;

use crate::key::{EntityKeyEncoder, KeyType};
use crate::names::{CREATED_TIME, EVENT_TIME, RESERVED};

/// A join key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineKey {
    /// Its name in the view.
    pub name: String,
    /// Its type.
    pub key_type: KeyType,
}

/// A feature, or a column that breaks ties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineColumn {
    /// Its name in the view.
    pub name: String,
    /// The type that the table keeps it in.
    pub data_type: DataType,
}

/// What the registry says of a view.
#[derive(Debug, Clone)]
pub struct ViewDefinition {
    /// The project.
    pub project: String,
    /// The view's name.
    pub name: String,
    /// The join keys with the types of their entities.
    pub keys: Vec<(String, ValueType)>,
    /// The declared tie-break columns.
    pub tie_break: Vec<String>,
    /// The features.
    pub features: Vec<String>,
    /// How long a value counts; None or zero: for ever.
    pub ttl: Option<Duration>,
}

/// Which columns of a plan hold a view's parts, each list in the order of the [`ViewDefinition`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceColumns {
    /// The join keys.
    pub keys: Vec<String>,
    /// The event time.
    pub event_time: String,
    /// The created time.
    pub created_time: Option<String>,
    /// The declared tie-break columns.
    pub tie_break: Vec<String>,
    /// The features.
    pub features: Vec<String>,
}

/// A feature view as the online store has it: names, and the types that its table keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct OnlineView {
    /// The project.
    pub project: String,
    /// The view's name.
    pub name: String,
    /// The join keys; none for a view without entities.
    pub keys: Vec<OnlineKey>,
    /// The type of the event time.
    pub event_time: DataType,
    /// The type of the created time.
    pub created_time: DataType,
    /// The names of the declared tie-break columns.
    pub tie_break: Vec<String>,
    /// The columns beside keys and times: tie-break columns that are no features, then the features.
    pub columns: Vec<OnlineColumn>,
    /// The names of the features.
    pub features: Vec<String>,
    /// How long a value counts; None: for ever.
    pub ttl: Option<Duration>,
}

impl OnlineView {
    /// The view over a source with these columns. Names that the table has for itself, and keys of
    /// types that cannot be keys online, are refused.
    pub fn try_new(
        definition: ViewDefinition,
        columns: &SourceColumns,
        source: &Schema,
    ) -> Result<Self> {
        let name = definition.name.as_str();
        let mut keys = Vec::with_capacity(definition.keys.len());
        for ((key, declared), column) in definition.keys.iter().zip(&columns.keys) {
            let key_type = KeyType::try_new(name, key, *declared, type_of(source, column)?)?;
            keys.push(OnlineKey {
                name: key.clone(),
                key_type,
            });
        }
        let ties = definition.tie_break.iter().zip(&columns.tie_break);
        let features = definition.features.iter().zip(&columns.features);
        let mut kept: Vec<OnlineColumn> = Vec::new();
        for (column, from) in ties.chain(features) {
            let known = kept.iter().any(|it| &it.name == column);
            let is_key = keys.iter().any(|key| &key.name == column);
            if known || is_key {
                continue;
            }
            kept.push(OnlineColumn {
                name: column.clone(),
                data_type: stored(type_of(source, from)?),
            });
        }
        let names = keys.iter().map(|key| &key.name);
        for column in names.chain(kept.iter().map(|column| &column.name)) {
            if RESERVED.contains(&column.as_str()) {
                return plan_err!(
                    "feature view {name} has a column {column}, which every online table has for itself; give it another name with FIELD \
                     MAPPING, or leave it out of the view"
                );
            }
        }
        let time = type_of(source, &columns.event_time)?;
        let created = match &columns.created_time {
            Some(column) => instant(type_of(source, column)?),
            None => instant(&DataType::Null),
        };
        Ok(Self {
            event_time: instant(time),
            created_time: created,
            keys,
            columns: kept,
            tie_break: definition.tie_break,
            features: definition.features,
            ttl: definition.ttl.filter(|ttl| !ttl.is_zero()),
            project: definition.project,
            name: definition.name,
        })
    }

    /// The name of the view's table.
    pub fn table_name(&self) -> String {
        online_table_name(&self.project, &self.name)
    }

    /// The encoder of the view's keys.
    pub fn encoder(&self) -> EntityKeyEncoder {
        let keys = self.keys.iter();
        EntityKeyEncoder::new(keys.map(|key| (key.name.clone(), key.key_type)).collect())
    }

    /// The rows of a source in the view's names and types: keys, `event_timestamp`,
    /// `created_timestamp`, then the other columns.
    pub fn rows(&self, source: LogicalPlan, columns: &SourceColumns) -> Result<LogicalPlan> {
        let schema = Arc::clone(source.schema());
        let value = |column: &str, data_type: &DataType, name: &str| -> Result<Expr> {
            let value = Expr::Column(Column::new_unqualified(column));
            Ok(value.cast_to(data_type, &schema)?.alias(name))
        };
        let mut exprs = Vec::new();
        for (key, column) in self.keys.iter().zip(&columns.keys) {
            exprs.push(value(column, &key.key_type.arrow(), &key.name)?);
        }
        exprs.push(value(&columns.event_time, &self.event_time, EVENT_TIME)?);
        exprs.push(match &columns.created_time {
            Some(column) => value(column, &self.created_time, CREATED_TIME)?,
            None => lit(ScalarValue::try_from(&self.created_time)?).alias(CREATED_TIME),
        });
        let ties = self.tie_break.iter().zip(&columns.tie_break);
        let features = self.features.iter().zip(&columns.features);
        let from: Vec<_> = ties.chain(features).collect();
        for kept in &self.columns {
            if let Some((_, column)) = from.iter().find(|(name, _)| **name == kept.name) {
                exprs.push(value(column, &kept.data_type, &kept.name)?);
            }
        }
        LogicalPlanBuilder::from(source).project(exprs)?.build()
    }

    /// The columns of the view's rows.
    pub(crate) fn row_schema(&self) -> SchemaRef {
        let keys = self.keys.iter();
        let keys = keys.map(|key| Field::new(&key.name, key.key_type.arrow(), true));
        let times = [
            Field::new(EVENT_TIME, self.event_time.clone(), true),
            Field::new(CREATED_TIME, self.created_time.clone(), true),
        ];
        let columns = self.columns.iter();
        let columns =
            columns.map(|column| Field::new(&column.name, column.data_type.clone(), true));
        Arc::new(Schema::new(
            keys.chain(times).chain(columns).collect::<Vec<_>>(),
        ))
    }

    /// The view as a join sees it, over rows that have the view's names; `entity_keys` are the
    /// columns of the entity side, in the order of the keys. Columns that the rows do not have yet
    /// break no tie.
    pub(crate) fn join_view(
        &self,
        entity_keys: &[String],
        has: impl Fn(&str) -> bool,
        features: Vec<PitFeature>,
    ) -> PitView {
        let keys = self.keys.iter().zip(entity_keys);
        let ties = self.tie_break.iter().chain(&self.features);
        PitView {
            name: self.name.clone(),
            keys: keys
                .map(|(key, entity)| PitKey {
                    entity: entity.clone(),
                    view: key.name.clone(),
                })
                .collect(),
            event_time: EVENT_TIME.to_owned(),
            created_time: Some(CREATED_TIME.to_owned()),
            tie_break: ties.filter(|name| has(name)).cloned().collect(),
            ttl: None,
            created_cutoff: false,
            features,
            provenance: None,
        }
    }
}

/// The name of the online table of a project's view.
pub fn online_table_name(project: &str, view: &str) -> String {
    format!("{project}__{view}")
}

/// The type that a table keeps a column of this type in.
fn stored(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, value) => stored(value),
        DataType::UInt8 | DataType::UInt16 | DataType::Int8 | DataType::Int16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Binary | DataType::BinaryView => DataType::LargeBinary,
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => utc(data_type),
        DataType::Timestamp(_, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into()))
        }
        other => without_field_ids(other),
    }
}

fn type_of<'a>(schema: &'a Schema, column: &str) -> Result<&'a DataType> {
    match schema.column_with_name(column) {
        Some((_, field)) => Ok(field.data_type()),
        None => plan_err!("the source has no column {column}"),
    }
}
