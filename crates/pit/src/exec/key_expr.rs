// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The one expression that the partitioned form is partitioned on, for each side.
//!
//! ```text
//!   one key                     CAST(driver AS Int64)
//!   several                     struct(CAST(a AS Utf8View), CAST(b AS Int64))
//!   an instant, in µs and s     CAST(at AS Int64) / 1000000        CAST(at AS Int64)
//! ```
//!
//! Every side casts to the type the keys are compared as: equal keys of different types hash differently. Instants go by the number
//! of the coarsest unit of all sides instead: the finest cannot hold all of them, and a cast that gives a time a zone goes through
//! the calendar, which ends before the range of the type does. Equal instants are whole in the coarsest unit; others may meet in a
//! partition and are told apart there.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, lit};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::view::ViewPlan;
use crate::kernel::time::Unit;

/// One input's key columns.
struct Side<'a> {
    schema: &'a Schema,
    columns: Vec<usize>,
}

/// The keys of the entity side, then those of these inputs of views, whose keys are compared as the same types.
pub(super) fn partition_keys(
    entity: &Schema,
    views: &[(&ViewPlan, SchemaRef)],
) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
    let Some((first, _)) = views.first() else {
        return Ok(Vec::new());
    };
    let mut sides = vec![Side {
        schema: entity,
        columns: first.keys.iter().map(|key| key.entity).collect(),
    }];
    sides.extend(views.iter().map(|(plan, schema)| Side {
        schema,
        columns: plan.keys.iter().map(|key| key.view).collect(),
    }));
    let coarsest = (0..first.keys.len()).map(|key| {
        let nanos = sides.iter().filter_map(|side| side.instant_nanos(key));
        nanos.max()
    });
    let coarsest = coarsest.collect::<Vec<_>>();
    let types = first.keys.iter().map(|key| &key.data_type);
    let forms = types.zip(coarsest).collect::<Vec<_>>();
    sides.iter().map(|side| side.key(&forms)).collect()
}

impl Side<'_> {
    /// The nanoseconds of this key's unit, if it is an instant here.
    fn instant_nanos(&self, key: usize) -> Option<i64> {
        let data_type = match self.schema.field(self.columns[key]).data_type() {
            DataType::Dictionary(_, value) => value,
            other => other,
        };
        match data_type {
            DataType::Timestamp(..) => {
                let unit = Unit::of(data_type, "").ok()?;
                i64::try_from(unit.nanos()).ok()
            }
            _ => None,
        }
    }

    /// All keys in one expression; of each the type it is compared as, and the coarsest unit of all sides where it is an instant.
    fn key(&self, forms: &[(&DataType, Option<i64>)]) -> Result<Arc<dyn PhysicalExpr>> {
        let parts = forms.iter().enumerate();
        let mut parts = parts
            .map(|(key, (data_type, coarsest))| self.part(key, data_type, *coarsest))
            .collect::<Vec<_>>();
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let function = datafusion::functions::core::r#struct();
        let config = Arc::new(ConfigOptions::default());
        let all = ScalarFunctionExpr::try_new(function, parts, self.schema, config)?;
        Ok(Arc::new(all))
    }

    fn part(
        &self,
        key: usize,
        data_type: &DataType,
        coarsest: Option<i64>,
    ) -> Arc<dyn PhysicalExpr> {
        let index = self.columns[key];
        let field = self.schema.field(index);
        let column = Arc::new(Column::new(field.name(), index)) as Arc<dyn PhysicalExpr>;
        if let (Some(nanos), Some(coarsest)) = (self.instant_nanos(key), coarsest) {
            let number = Arc::new(CastExpr::new(column, DataType::Int64, None));
            return match coarsest / nanos {
                1 => number,
                ratio => Arc::new(BinaryExpr::new(number, Operator::Divide, lit(ratio))),
            };
        }
        match field.data_type() == data_type {
            true => column,
            false => Arc::new(CastExpr::new(column, data_type.clone(), None)),
        }
    }
}
