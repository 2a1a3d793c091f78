// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A view of the specification with its names resolved to column numbers.

mod narrow;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::{Result, ScalarValue, internal_err};

use crate::kernel::payload::Payload;
use crate::kernel::row_format::RowFormat;
use crate::kernel::time::Unit;
use crate::key_type::key_type;
use crate::spec::{PitSpec, PitView};

/// One key column of both sides and the type it is compared as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyColumn {
    pub(super) entity: usize,
    pub(super) view: usize,
    pub(super) data_type: DataType,
}

/// A view, by column numbers of its input.
#[derive(Debug)]
pub(super) struct ViewPlan {
    pub(super) name: String,
    /// Sorted by entity column, so that views naming the same keys in another order share a key set.
    pub(super) keys: Vec<KeyColumn>,
    pub(super) event: usize,
    pub(super) created: Option<usize>,
    pub(super) cutoff: bool,
    pub(super) ttl_nanos: Option<i128>,
    pub(super) entity_unit: Unit,
    pub(super) view_unit: Unit,
    /// Columns kept with a winner, and which of them break ties or are features.
    payload: Vec<usize>,
    payload_types: Vec<DataType>,
    payload_created: Option<usize>,
    /// The columns that break ties, as far as the input has them.
    ties: Vec<usize>,
    /// Whether the input has all columns that break ties.
    complete: bool,
    pub(super) features: Vec<usize>,
    pub(super) feature_types: Vec<DataType>,
    /// Columns of the answer that are the same in every row, after the features.
    pub(super) constants: Vec<ScalarValue>,
}

impl ViewPlan {
    pub(super) fn try_new(
        view: &PitView,
        spec: &PitSpec,
        entity: &Schema,
        schema: &Schema,
    ) -> Result<Self> {
        let at = |schema: &Schema, name: &str| match schema
            .fields()
            .iter()
            .position(|f| f.name() == name)
        {
            Some(index) => Ok(index),
            None => internal_err!("column {name} of view {} has gone", view.name),
        };
        let mut keys = view
            .keys
            .iter()
            .map(|key| {
                let (e, v) = (at(entity, &key.entity)?, at(schema, &key.view)?);
                let data_type = key_type(
                    &key.entity,
                    entity.field(e).data_type(),
                    &key.view,
                    schema.field(v).data_type(),
                )?;
                Ok(KeyColumn {
                    entity: e,
                    view: v,
                    data_type,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        keys.sort_by_key(|k| (k.entity, k.view));

        let mut payload = Vec::new();
        let mut keep = |index: usize| match payload.iter().position(|p| *p == index) {
            Some(place) => place,
            None => {
                payload.push(index);
                payload.len() - 1
            }
        };
        let resolve = |names: &mut dyn Iterator<Item = &str>| {
            names
                .map(|name| at(schema, name))
                .collect::<Result<Vec<_>>>()
        };
        let gathered = view.gathered(schema)?;
        let features = resolve(&mut gathered.iter().map(|(column, _)| *column))?;
        let ties = view
            .tie_break
            .iter()
            .map_while(|name| schema.index_of(name).ok())
            .collect::<Vec<_>>();
        let complete = ties.len() == view.tie_break.len();
        let created = view
            .created_time
            .as_ref()
            .map(|name| at(schema, name))
            .transpose()?;
        let event = at(schema, &view.event_time)?;
        let feature_types = gathered.into_iter().map(|(_, told)| told).collect();
        let features = features.into_iter().map(&mut keep).collect();
        let ties = ties.into_iter().map(&mut keep).collect();
        let payload_created = created.map(&mut keep);
        let unit = |schema: &Schema, index: usize| {
            Unit::of(schema.field(index).data_type(), schema.field(index).name())
        };
        Ok(Self {
            name: view.name.clone(),
            keys,
            event,
            created,
            cutoff: view.created_cutoff,
            ttl_nanos: view.ttl.and_then(|t| i128::try_from(t.as_nanos()).ok()),
            entity_unit: unit(entity, at(entity, &spec.event_time)?)?,
            view_unit: unit(schema, event)?,
            payload_types: payload
                .iter()
                .map(|i| schema.field(*i).data_type().clone())
                .collect(),
            payload,
            payload_created,
            ties,
            complete,
            features,
            feature_types,
            constants: view.constants(),
        })
    }

    /// What the view's rows keep when they lead.
    pub(super) fn payload(&self) -> Result<Payload> {
        let mut order = self.payload_created.into_iter().collect::<Vec<_>>();
        order.extend(&self.ties);
        let mut asked = self.features.clone();
        if self.complete {
            order.append(&mut asked);
        }
        Ok(Payload {
            columns: self.payload.clone(),
            format: RowFormat::try_new(&self.payload_types)?,
            order,
            asked,
        })
    }

    /// The columns kept, by number of the input.
    pub(super) fn payload_columns(&self) -> &[usize] {
        &self.payload
    }

    /// The entity side's columns and types that make this view's key set.
    pub(super) fn key_set(&self) -> Vec<(usize, DataType)> {
        self.keys
            .iter()
            .map(|k| (k.entity, k.data_type.clone()))
            .collect()
    }
}
