// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A view of the specification with its names resolved to column numbers.

use arrow::datatypes::{DataType, Schema};
use datafusion::common::{Result, internal_err};

use crate::kernel::order::TieEncoder;
use crate::kernel::time::Unit;
use crate::kernel::winners::Payload;
use crate::key_type::key_type;
use crate::spec::{PitSpec, PitView, utc};

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
    ties: Vec<usize>,
    pub(super) features: Vec<usize>,
    pub(super) feature_types: Vec<DataType>,
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
        let features = resolve(&mut view.features.iter().map(|f| f.column.as_str()))?;
        let ties = resolve(&mut view.tie_break.iter().map(String::as_str))?;
        let created = view
            .created_time
            .as_ref()
            .map(|name| at(schema, name))
            .transpose()?;
        let event = at(schema, &view.event_time)?;
        let feature_types = features
            .iter()
            .map(|i| utc(schema.field(*i).data_type()))
            .collect();
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
            features,
            feature_types,
        })
    }

    /// What the view's rows keep when they lead.
    pub(super) fn payload(&self) -> Result<Payload> {
        let tie_types = self
            .ties
            .iter()
            .map(|i| self.payload_types[*i].clone())
            .collect::<Vec<_>>();
        Ok(Payload {
            columns: self.payload.clone(),
            types: self.payload_types.clone(),
            created: self.payload_created,
            ties: self.ties.clone(),
            encoder: TieEncoder::try_new(&tie_types)?,
        })
    }

    /// The entity side's columns and types that make this view's key set.
    pub(super) fn key_set(&self) -> Vec<(usize, DataType)> {
        self.keys
            .iter()
            .map(|k| (k.entity, k.data_type.clone()))
            .collect()
    }
}
