// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a point-in-time join is asked to do, in names.
//!
//! The words used everywhere in this crate:
//!
//! - **entity side**: the rows to enrich; **feature side**: the rows of a view, its history.
//! - **slot**: one distinct (key, time) of the entity side; **winner**: the feature row a slot is answered with.
//! - **build**: laying out the slots; **probe**: feature rows competing for them; **gather**: writing the answer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};

use crate::kernel::time::Unit;
use crate::key_type::key_type;

/// One feature of a view: a column of its input and the name it has in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PitFeature {
    /// Column of the view's input.
    pub column: String,
    /// Column of the answer.
    pub output: String,
}

/// One join key: a column of each side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PitKey {
    /// Column of the entity side.
    pub entity: String,
    /// Column of the view's input.
    pub view: String,
}

/// One feature view in a join.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PitView {
    /// The view's name or alias, for EXPLAIN, metrics and errors.
    pub name: String,
    /// Join keys; none for an entityless view.
    pub keys: Vec<PitKey>,
    /// When the row became true: a timestamp or date column.
    pub event_time: String,
    /// When the row was written; breaks ties of event time.
    pub created_time: Option<String>,
    /// Columns that break ties of event and created time, compared in this order, greatest first: the declared tie-break columns,
    /// then the view's features in declared order.
    pub tie_break: Vec<String>,
    /// How long a row stays valid after its event time, inclusive. None or zero: for ever.
    pub ttl: Option<Duration>,
    /// Whether a row counts only for entity rows at or after its created time.
    pub created_cutoff: bool,
    /// The features asked for, in the order of the answer.
    pub features: Vec<PitFeature>,
    /// Columns that tell where the features come from; none unless asked for.
    pub provenance: Option<PitProvenance>,
}

/// Columns of the answer that tell where a view's features come from; they follow the features, in the order of these fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PitProvenance {
    /// Name of the column with the winner's event time, an instant in UTC.
    pub event_time: String,
    /// Name of the column with the winner's created time, an instant in UTC; NULL where the view has none.
    pub created_time: String,
    /// Columns with one value for every row, winner or not: the version of the view's input, say.
    pub constants: Vec<(String, ScalarValue)>,
}

impl PitProvenance {
    /// The names of the columns, in order.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let constants = self.constants.iter().map(|(name, _)| name.as_str());
        [self.event_time.as_str(), self.created_time.as_str()]
            .into_iter()
            .chain(constants)
    }
}

/// A point-in-time join of one entity side with any number of views.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PitSpec {
    /// Column of the entity side that says as of when a row is asked.
    pub event_time: String,
    /// The views, in the order of the answer.
    pub views: Vec<PitView>,
}

impl PitSpec {
    /// The columns of the entity side that the join itself reads.
    pub(crate) fn entity_columns(&self) -> impl Iterator<Item = &str> {
        let keys = self
            .views
            .iter()
            .flat_map(|v| v.keys.iter().map(|k| k.entity.as_str()));
        std::iter::once(self.event_time.as_str()).chain(keys)
    }

    /// The answer's schema: the entity side's columns, then every view's features.
    ///
    /// Checks everything that names and types can tell: columns exist, times are instants, keys are legal and comparable, no
    /// two columns of the answer share a name.
    pub fn output_schema(&self, entity: &Schema, views: &[SchemaRef]) -> Result<SchemaRef> {
        let time = column(entity, &self.event_time, "the entity side")?;
        Unit::of(
            time.data_type(),
            &format!(
                "event timestamp column {} of the entity side",
                self.event_time
            ),
        )?;
        let mut fields: Vec<FieldRef> = entity.fields().iter().cloned().collect();
        for (view, schema) in self.views.iter().zip(views) {
            view.check(entity, schema)?;
            fields.extend(view.output_fields(schema)?);
        }
        let mut names = HashSet::with_capacity(fields.len());
        for field in &fields {
            if !names.insert(field.name()) {
                return plan_err!(
                    "feast_pit_join: two columns of the answer are called {}; rename one or set full_feature_names => true",
                    field.name()
                );
            }
        }
        Ok(Arc::new(Schema::new(fields)))
    }
}

impl PitView {
    /// The columns of the view's input that the join reads.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let keys = self.keys.iter().map(|k| k.view.as_str());
        keys.chain(std::iter::once(self.event_time.as_str()))
            .chain(self.created_time.as_deref())
            .chain(self.tie_break.iter().map(String::as_str))
            .chain(self.features.iter().map(|f| f.column.as_str()))
    }

    /// The view's columns in the answer: its features, then its provenance.
    fn output_fields(&self, schema: &Schema) -> Result<Vec<FieldRef>> {
        let side = format!("view {}", self.name);
        let mut fields = Vec::with_capacity(self.output_count());
        for feature in &self.features {
            let field = column(schema, &feature.column, &side)?;
            let data_type = utc(field.data_type());
            let output = Field::new(&feature.output, data_type, true);
            fields.push(Arc::new(output.with_metadata(field.metadata().clone())));
        }
        if let Some(provenance) = &self.provenance {
            let times = [
                (&provenance.event_time, Some(&self.event_time)),
                (&provenance.created_time, self.created_time.as_ref()),
            ];
            for (output, input) in times {
                let data_type = match input {
                    Some(name) => instant(column(schema, name, &side)?.data_type()),
                    None => instant(&DataType::Null),
                };
                fields.push(Arc::new(Field::new(output, data_type, true)));
            }
            for (output, value) in &provenance.constants {
                fields.push(Arc::new(Field::new(output, value.data_type(), true)));
            }
        }
        Ok(fields)
    }

    /// How many columns the view has in the answer.
    pub(crate) fn output_count(&self) -> usize {
        let told = self.provenance.iter().flat_map(PitProvenance::columns);
        self.features.len() + told.count()
    }

    /// The columns of the answer that are read from the view's winners: column of the input and type in the answer.
    pub(crate) fn gathered(&self, schema: &Schema) -> Result<Vec<(&str, DataType)>> {
        let features = self.features.iter().map(|f| f.column.as_str());
        let times = std::iter::once(self.event_time.as_str()).chain(self.created_time.as_deref());
        let times = times.filter(|_| self.provenance.is_some());
        features
            .map(|name| (name, utc as fn(&DataType) -> DataType))
            .chain(times.map(|name| (name, instant as fn(&DataType) -> DataType)))
            .map(|(name, told)| {
                let field = column(schema, name, &format!("view {}", self.name))?;
                Ok((name, told(field.data_type())))
            })
            .collect()
    }

    /// The columns of the answer with one value for every row; they follow those gathered.
    pub(crate) fn constants(&self) -> Vec<ScalarValue> {
        let Some(provenance) = &self.provenance else {
            return Vec::new();
        };
        let no_created = match self.created_time {
            None => ScalarValue::try_from(&instant(&DataType::Null)).ok(),
            Some(_) => None,
        };
        let given = provenance.constants.iter().map(|(_, value)| value.clone());
        no_created.into_iter().chain(given).collect()
    }

    fn check(&self, entity: &Schema, schema: &Schema) -> Result<()> {
        let side = format!("view {}", self.name);
        for name in self.columns() {
            column(schema, name, &side)?;
        }
        let times = std::iter::once(&self.event_time).chain(&self.created_time);
        for name in times {
            let field = column(schema, name, &side)?;
            Unit::of(field.data_type(), &format!("column {name} of {side}"))?;
        }
        for key in &self.keys {
            let Some((_, entity_field)) = entity.column_with_name(&key.entity) else {
                return plan_err!(
                    "feast_pit_join: the entities have no column {}, which feature view {} is joined on; their columns are {}; select it, or \
                     name the column that holds it with ON ({} = …) in a feature service",
                    key.entity,
                    self.name,
                    names(entity),
                    key.view
                );
            };
            let entity_type = entity_field.data_type();
            let view_type = column(schema, &key.view, &side)?.data_type();
            key_type(
                &key.entity,
                entity_type,
                &format!("{}.{}", self.name, key.view),
                view_type,
            )?;
        }
        Ok(())
    }
}

fn column<'a>(schema: &'a Schema, name: &str, side: &str) -> Result<&'a FieldRef> {
    match schema.fields().iter().find(|f| f.name() == name) {
        Some(field) => Ok(field),
        None => plan_err!(
            "feast_pit_join: {side} has no column {name}; its columns are {}",
            schema
                .fields()
                .iter()
                .map(|f| f.name().as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn names(schema: &Schema) -> String {
    schema
        .fields()
        .iter()
        .map(|f| f.name().as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The type a column has in the answer: instants with a zone are told in UTC.
pub fn utc(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("UTC".into())),
        other => other.clone(),
    }
}

/// The type a time column has as provenance: an instant in UTC, of the column's own precision. A date is the second of its midnight.
pub fn instant(data_type: &DataType) -> DataType {
    let unit = match data_type {
        DataType::Timestamp(unit, _) => *unit,
        DataType::Date32 => TimeUnit::Second,
        DataType::Date64 => TimeUnit::Millisecond,
        _ => TimeUnit::Microsecond,
    };
    DataType::Timestamp(unit, Some("UTC".into()))
}
