// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A case as a question to the oracle.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use super::{Case, CaseError, CaseView, EntityRows, Wanted};
use crate::oracle::{PitQuery, PitView};

const TIME: &str = "event_timestamp";

/// One view of a request: its alias or name, the view, the requested features, the join key map.
struct Projection {
    label: String,
    view: String,
    features: Option<Vec<String>>,
    join_keys: Vec<(String, String)>,
}

impl Case {
    /// The entity rows of a table, text times as times; `None` for a query or a time range.
    pub fn entity_batch(&self) -> Result<Option<RecordBatch>, CaseError> {
        let EntityRows::Table(table) = &self.entity_rows else {
            return Ok(None);
        };
        let batch = table.batch()?;
        let text = batch
            .column_by_name(TIME)
            .is_some_and(|c| c.data_type() == &DataType::Utf8);
        if !text {
            return Ok(Some(batch));
        }
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let to = if field.name() == TIME {
                utc.clone()
            } else {
                field.data_type().clone()
            };
            columns.push(cast(column, &to)?);
            fields.push(Field::new(field.name(), to, true));
        }
        Ok(Some(RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            columns,
        )?))
    }

    /// The question, over the given entity rows.
    pub fn query(&self, entity: RecordBatch) -> Result<PitQuery, CaseError> {
        let views = self.projections()?;
        Ok(PitQuery {
            entity_time: entity_time(&entity)?,
            entity,
            views: views
                .into_iter()
                .map(|p| self.pit_view(p))
                .collect::<Result<_, _>>()?,
            created_cutoff: self.created_cutoff.unwrap_or_default(),
            full_feature_names: self.full_feature_names.unwrap_or_default(),
        })
    }

    fn projections(&self) -> Result<Vec<Projection>, CaseError> {
        let service = match &self.wanted {
            Wanted::References(references) => return group(references),
            Wanted::Service(service) => service,
        };
        let service = self
            .services
            .iter()
            .find(|candidate| &candidate.name == service);
        let service = service.ok_or_else(|| CaseError::new("there is no such service"))?;
        let items = service.items.iter().map(|item| Projection {
            label: item.alias.clone().unwrap_or_else(|| item.view.clone()),
            view: item.view.clone(),
            features: item.features.clone(),
            join_keys: item.join_keys.clone(),
        });
        Ok(items.collect())
    }

    fn pit_view(&self, projection: Projection) -> Result<PitView, CaseError> {
        let view = self.views.iter().find(|view| view.name == projection.view);
        let view =
            view.ok_or_else(|| CaseError::new(format!("there is no view {}", projection.view)))?;
        let entity_column = |key: &str| {
            let mapped = projection.join_keys.iter().find(|(from, _)| from == key);
            mapped.map_or_else(|| key.to_string(), |(_, to)| to.clone())
        };
        let features: Vec<String> = self
            .feature_columns(view)
            .into_iter()
            .map(|(name, _)| name.clone())
            .collect();
        Ok(PitView {
            label: projection.label,
            rows: self.mapped_source(view)?,
            keys: self
                .join_keys(view)
                .into_iter()
                .map(|key| (key.to_string(), entity_column(key)))
                .collect(),
            time: view.timestamp.clone(),
            created: view.created.clone(),
            ttl: view.ttl,
            tie_break: vec![],
            requested: projection.features.unwrap_or_else(|| features.clone()),
            features,
        })
    }

    fn mapped_source(&self, view: &CaseView) -> Result<RecordBatch, CaseError> {
        let table = self.sources.get(&view.source);
        let table =
            table.ok_or_else(|| CaseError::new(format!("there is no source {}", view.source)))?;
        let batch = table.batch()?;
        let rename = |field: &Arc<Field>| {
            let mapped = view
                .field_mapping
                .iter()
                .find(|(from, _)| from == field.name());
            mapped.map_or_else(
                || field.as_ref().clone(),
                |(_, to)| field.as_ref().clone().with_name(to),
            )
        };
        let fields: Vec<Field> = batch.schema().fields().iter().map(rename).collect();
        Ok(RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            batch.columns().to_vec(),
        )?)
    }
}

/// References grouped by view, in order of first reference. `view@latest` is `view`.
fn group(references: &[String]) -> Result<Vec<Projection>, CaseError> {
    let mut groups: Vec<Projection> = Vec::new();
    for reference in references {
        let (view, feature) = reference
            .split_once(':')
            .ok_or_else(|| CaseError::new(format!("{reference} has no colon")))?;
        let view = match view.split_once('@') {
            Some((view, version)) if version.eq_ignore_ascii_case("latest") => view,
            _ => view,
        };
        let wanted = (feature != "*").then(|| feature.to_string());
        match groups.iter_mut().find(|group| group.view == view) {
            Some(group) => {
                if let Some(features) = &mut group.features {
                    features.extend(wanted);
                }
            }
            None => groups.push(Projection {
                label: view.into(),
                view: view.into(),
                features: wanted.map(|feature| vec![feature]),
                join_keys: vec![],
            }),
        }
    }
    Ok(groups)
}

fn entity_time(entity: &RecordBatch) -> Result<String, CaseError> {
    let schema = entity.schema();
    if schema.column_with_name(TIME).is_some() {
        return Ok(TIME.into());
    }
    let times = schema
        .fields()
        .iter()
        .filter(|f| matches!(f.data_type(), DataType::Timestamp(..)));
    let names: Vec<_> = times.map(|field| field.name().clone()).collect();
    match names.as_slice() {
        [one] => Ok(one.clone()),
        other => Err(CaseError::new(format!(
            "the entity rows' time could be any of {other:?}"
        ))),
    }
}
