// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which statistics of each column a table wants in its manifests.

use std::collections::HashMap;

use iceberg::spec::{Schema as IcebergSchema, SortOrder, StructType, Transform, Type};

use super::properties::{Properties, invalid};
use crate::error::Result;

const DEFAULT: &str = "write.metadata.metrics.default";
const COLUMN: &str = "write.metadata.metrics.column.";
const MAX_INFERRED: &str = "write.metadata.metrics.max-inferred-column-defaults";

/// How long strings and binaries are in bounds unless the table says otherwise.
const LENGTH: usize = 16;

/// The statistics of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetricsMode {
    /// None.
    None,
    /// Numbers of values, NULLs and NaNs.
    Counts,
    /// Numbers, and bounds no longer than that.
    Truncate(usize),
    /// Numbers and exact bounds.
    Full,
}

/// The statistics of each column by its field id.
#[derive(Debug, Clone)]
pub(super) struct MetricsModes(HashMap<i32, MetricsMode>);

impl MetricsModes {
    pub(super) fn try_new(
        properties: Properties<'_>,
        schema: &IcebergSchema,
        order: &SortOrder,
    ) -> Result<Self> {
        let default = properties.text(DEFAULT);
        let default = default.map(|text| parse(DEFAULT, text)).transpose()?;
        let inferred = properties.value(MAX_INFERRED, 100_usize, "a whole number")?;
        let mut leaves = Vec::new();
        leaves_of(schema.as_struct(), &mut leaves);
        let mut modes = HashMap::with_capacity(leaves.len());
        for (index, id) in leaves.into_iter().enumerate() {
            let mode = match default {
                Some(mode) => mode,
                None if index < inferred => MetricsMode::Truncate(LENGTH),
                None => MetricsMode::None,
            };
            modes.insert(id, mode);
        }
        // What files are sorted by is what they are chosen by.
        for field in &order.fields {
            let mode = modes.get_mut(&field.source_id);
            if let (Some(mode), Transform::Identity | Transform::Truncate(_)) =
                (mode, field.transform)
                && matches!(mode, MetricsMode::None | MetricsMode::Counts)
            {
                *mode = MetricsMode::Truncate(LENGTH);
            }
        }
        for (column, text) in properties.under(COLUMN) {
            let mode = parse(&format!("{COLUMN}{column}"), text)?;
            if let Some(field) = schema.field_by_name(column) {
                modes.insert(field.id, mode);
            }
        }
        Ok(Self(modes))
    }

    /// The statistics of the column with this field id.
    pub(super) fn of(&self, id: i32) -> MetricsMode {
        self.0.get(&id).copied().unwrap_or(MetricsMode::None)
    }
}

/// The columns that hold values themselves, in order of the schema.
fn leaves_of(of: &StructType, found: &mut Vec<i32>) {
    fn leaf(id: i32, of: &Type, found: &mut Vec<i32>) {
        match of {
            Type::Primitive(_) => found.push(id),
            Type::Struct(of) => leaves_of(of, found),
            Type::List(of) => leaf(of.element_field.id, &of.element_field.field_type, found),
            Type::Map(of) => {
                leaf(of.key_field.id, &of.key_field.field_type, found);
                leaf(of.value_field.id, &of.value_field.field_type, found);
            }
        }
    }
    for field in of.fields() {
        leaf(field.id, &field.field_type, found);
    }
}

fn parse(name: &str, text: &str) -> Result<MetricsMode> {
    let lower = text.trim().to_ascii_lowercase();
    let length = || {
        let inner = lower.strip_prefix("truncate(")?.strip_suffix(')')?;
        inner.trim().parse().ok().filter(|length| *length > 0)
    };
    match lower.as_str() {
        "none" => Ok(MetricsMode::None),
        "counts" => Ok(MetricsMode::Counts),
        "full" => Ok(MetricsMode::Full),
        _ => match length() {
            Some(length) => Ok(MetricsMode::Truncate(length)),
            None => Err(invalid(
                name,
                text,
                "none, counts, truncate(length) or full",
            )),
        },
    }
}
