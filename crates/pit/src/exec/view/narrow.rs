// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A view as its narrow pass sees it.

use arrow::datatypes::DataType;

use super::{KeyColumn, ViewPlan};

impl ViewPlan {
    /// The columns that tell which rows win, as far as ties leave it open: keys, event time, created time.
    pub(in crate::exec) fn narrow_columns(&self) -> Vec<usize> {
        let keys = self.keys.iter().map(|key| key.view);
        let mut columns = Vec::new();
        for column in keys.chain([self.event]).chain(self.created) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    /// The same view over its [narrow columns](Self::narrow_columns) and references after them. Of a winner, created time and
    /// reference are kept, the reference as the only thing asked for: two rows of equal times are always a tie.
    pub(in crate::exec) fn narrowed(&self) -> Self {
        let columns = self.narrow_columns();
        let place = |column: usize| {
            columns
                .iter()
                .position(|c| *c == column)
                .unwrap_or_default()
        };
        let created = self.created.map(place);
        let created_type = self
            .payload_created
            .map(|at| self.payload_types[at].clone());
        let key = |key: &KeyColumn| KeyColumn {
            view: place(key.view),
            ..key.clone()
        };
        Self {
            name: self.name.clone(),
            keys: self.keys.iter().map(key).collect(),
            event: place(self.event),
            created,
            cutoff: self.cutoff,
            ttl_nanos: self.ttl_nanos,
            entity_unit: self.entity_unit,
            view_unit: self.view_unit,
            payload: created.into_iter().chain([columns.len()]).collect(),
            payload_types: created_type.into_iter().chain([DataType::UInt64]).collect(),
            payload_created: created.map(|_| 0),
            ties: Vec::new(),
            complete: false,
            features: vec![usize::from(created.is_some())],
            feature_types: vec![DataType::UInt64],
            constants: Vec::new(),
        }
    }

    /// The types of the columns kept of a winner.
    pub(in crate::exec) fn payload_types(&self) -> &[DataType] {
        &self.payload_types
    }

    /// Types of the columns kept of a winner that the narrow pass does not read.
    pub(in crate::exec) fn late_types(&self) -> impl Iterator<Item = &DataType> {
        let narrow = self.narrow_columns();
        let kept = self.payload.iter().zip(&self.payload_types);
        kept.filter(move |(column, _)| !narrow.contains(column))
            .map(|(_, data_type)| data_type)
    }
}
