// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where statements are not told apart: the calls of one query get what they share.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;

use super::hoist::has_calls;
use super::{online_get, online_get_of_query};
use crate::session::FeastScope;

/// Puts one function for the query in the place of the session's, so that its calls see one version of each
/// table and resolve each feature once.
///
/// It is the first of the analyzer's rules: those after it ask each call for its type many times.
#[derive(Debug)]
pub(crate) struct BindOnlineGet {
    scope: FeastScope,
    unbound: Arc<ScalarUDF>,
}

impl BindOnlineGet {
    /// The rule's name.
    pub(crate) const NAME: &str = "bind_online_get";

    /// For the functions of a session with this scope.
    pub(crate) fn new(scope: &FeastScope) -> Self {
        Self {
            unbound: online_get(scope),
            scope: scope.clone(),
        }
    }
}

impl AnalyzerRule for BindOnlineGet {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut used = false;
        plan.apply_with_subqueries(|node| {
            used |= has_calls(node);
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })?;
        if !used {
            return Ok(plan);
        }
        let bound = online_get_of_query(&self.scope);
        let bind = |expr: Expr| {
            expr.transform_up(|expr| match expr {
                Expr::ScalarFunction(call) if *call.func == *self.unbound => {
                    let func = Arc::clone(&bound);
                    let call = ScalarFunction::new_udf(func, call.args);
                    Ok(Transformed::yes(Expr::ScalarFunction(call)))
                }
                other => Ok(Transformed::no(other)),
            })
        };
        let plan = plan.transform_up_with_subqueries(|node| node.map_expressions(bind))?;
        Ok(plan.data)
    }
}
