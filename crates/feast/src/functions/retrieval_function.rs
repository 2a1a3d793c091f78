// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The retrievals without entities by DataFusion's plain hook: a fixed number of positional arguments.

use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Expr;

use super::PitJoinTable;
use super::pit_join_function::read_options;
use crate::ops::pit_join::Call;
use crate::ops::retrieval::{Retrieved, retrieve_named};
use crate::session::{FeastScope, wait};

/// `feast_snapshot_at(features, at, options)` and its like.
///
/// The hook drops arguments by name without a word, so a call is read in one way only: all instants, NULL for one left out, and a
/// struct or map of options, `MAP {}` if there are none.
#[derive(Debug)]
pub(super) struct RetrievalFunction {
    scope: FeastScope,
    call: Call,
}

impl RetrievalFunction {
    pub(super) fn new(scope: FeastScope, call: Call) -> Self {
        Self { scope, call }
    }

    fn values(&self, arguments: &[Expr]) -> Result<Vec<(String, ScalarValue)>> {
        let (function, parameters) = (self.call.name(), self.call.parameters());
        let count = parameters.len() + 1;
        if arguments.len() != count {
            return plan_err!(
                "{function} expects exactly {count} positional arguments in this session, got {}: {function}({}, options), where features \
                 is a list of references or a service, and options a struct like {{'full_feature_names': true}} or MAP {{}} for none; named \
                 arguments need a session with the feature store's planner",
                arguments.len(),
                parameters.join(", ")
            );
        }
        let mut values = Vec::with_capacity(count);
        for (name, argument) in parameters.iter().chain([&"options"]).zip(arguments) {
            match argument {
                Expr::Literal(value, _) => values.push(((*name).to_owned(), value.clone())),
                other => return plan_err!("{function}: {name} expects a constant, found {other}"),
            }
        }
        if let Some((_, options)) = values.pop() {
            values.extend(read_options(&options)?);
        }
        Ok(values)
    }
}

impl TableFunctionImpl for RetrievalFunction {
    fn call(&self, arguments: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let values = self.values(arguments)?;
        match wait(retrieve_named(&self.scope, self.call, values))? {
            Retrieved::Join(join) => Ok(Arc::new(PitJoinTable::new(*join))),
            Retrieved::Rows(plan) => Ok(Arc::new(ViewTable::new(*plan, None))),
        }
    }
}
