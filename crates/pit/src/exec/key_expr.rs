// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The one expression that the partitioned form is partitioned on.
//!
//! ```text
//!   one key            CAST(driver AS Int64)
//!   several            struct(CAST(a AS Utf8View), CAST(b AS Int64))
//! ```
//!
//! Both sides cast to the type they are compared as: equal keys of different types hash differently.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::view::ViewPlan;

/// The key of the entity side.
pub(super) fn entity_key(plan: &ViewPlan, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    let columns = plan.keys.iter().map(|k| (k.entity, &k.data_type));
    key(columns, schema)
}

/// The key of the view's side.
pub(super) fn view_key(plan: &ViewPlan, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    key(plan.keys.iter().map(|k| (k.view, &k.data_type)), schema)
}

fn key<'a>(
    columns: impl Iterator<Item = (usize, &'a DataType)>,
    schema: &Schema,
) -> Result<Arc<dyn PhysicalExpr>> {
    let mut parts = columns
        .map(|(index, data_type)| {
            let field = schema.field(index);
            let column = Arc::new(Column::new(field.name(), index)) as Arc<dyn PhysicalExpr>;
            match field.data_type() == data_type {
                true => column,
                false => Arc::new(CastExpr::new(column, data_type.clone(), None)),
            }
        })
        .collect::<Vec<_>>();
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let function = datafusion::functions::core::r#struct();
    let config = Arc::new(ConfigOptions::default());
    Ok(Arc::new(ScalarFunctionExpr::try_new(
        function, parts, schema, config,
    )?))
}
