// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! DataFusion's rules over expressions, kept away from joins, which have none.
//!
//! Such a rule first merges the schemas of a node's inputs, to know what the expressions in it mean, and the merge takes
//! time with the square of the inputs. A join over the fifty views of a wide service has fifty inputs of dozens of
//! columns: four merges of them would be most of what planning it takes.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::node::pit_join;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Puts DataFusion's rules that look at the expressions of every node behind a look at whether there are any.
///
/// ```
/// # use datafusion::optimizer::Optimizer;
/// let mut optimizer = Optimizer::new();
/// feast_pit::spare_pit_joins(&mut optimizer.rules);
/// ```
pub fn spare_pit_joins(rules: &mut [Rule]) {
    for rule in rules {
        let spared: Rule = match rule.name() {
            "simplify_expressions" => Arc::new(PassJoinsBy(Arc::clone(rule))),
            "rewrite_set_comparison" => Arc::new(OnSetComparisons(Arc::clone(rule))),
            _ => continue,
        };
        *rule = spared;
    }
}

/// A rule applied node by node that leaves joins as they are.
#[derive(Debug)]
struct PassJoinsBy(Rule);

impl OptimizerRule for PassJoinsBy {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if self.0.apply_order().is_some() && pit_join(&plan).is_some() {
            return Ok(Transformed::no(plan));
        }
        self.0.rewrite(plan, config)
    }
}

/// A rule about `x > ANY (SELECT …)` and its like that leaves plans without one as they are.
#[derive(Debug)]
struct OnSetComparisons(Rule);

impl OptimizerRule for OnSetComparisons {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if has_set_comparison(&plan)? {
            return self.0.rewrite(plan, config);
        }
        Ok(Transformed::no(plan))
    }
}

fn has_set_comparison(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|it| Ok(matches!(it, Expr::SetComparison(_))))?;
            Ok(stop_if(found))
        })?;
        Ok(stop_if(found))
    })?;
    Ok(found)
}

fn stop_if(found: bool) -> TreeNodeRecursion {
    if found {
        TreeNodeRecursion::Stop
    } else {
        TreeNodeRecursion::Continue
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::{Extension, LogicalPlanBuilder, LogicalTableSource, col, lit};
    use datafusion::optimizer::{Optimizer, OptimizerContext};
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::{PitFeature, PitJoinNode, PitKey, PitSpec, PitView};

    fn optimized(plan: LogicalPlan, rules: Vec<Rule>) -> String {
        let optimizer = Optimizer::with_rules(rules);
        let context = OptimizerContext::new();
        let plan = optimizer.optimize(plan, &context, |_, _| {}).unwrap();
        plan.display_indent().to_string()
    }

    fn same_with_and_without(plan: LogicalPlan) -> String {
        let mut spared = Optimizer::new().rules;
        spare_pit_joins(&mut spared);
        let names = |rules: &[Rule]| {
            rules
                .iter()
                .map(|r| r.name().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&spared), names(&Optimizer::new().rules));
        let with = optimized(plan.clone(), spared);
        assert_eq!(with, optimized(plan, Optimizer::new().rules));
        with
    }

    fn scan(name: &str, columns: &[&str]) -> LogicalPlanBuilder {
        let time = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
        let fields = columns.iter().map(|column| match *column {
            "t" => Field::new("t", time.clone(), true),
            other => Field::new(other, DataType::Int64, true),
        });
        let source = LogicalTableSource::new(Arc::new(Schema::new(fields.collect::<Vec<_>>())));
        LogicalPlanBuilder::scan(name, Arc::new(source), None).unwrap()
    }

    #[test]
    fn what_is_around_a_join_is_simplified_as_ever() {
        let view = PitView {
            name: "v".to_owned(),
            keys: vec![PitKey {
                entity: "k".to_owned(),
                view: "k".to_owned(),
            }],
            event_time: "t".to_owned(),
            created_time: None,
            tie_break: vec![],
            ttl: None,
            created_cutoff: false,
            features: vec![PitFeature {
                column: "f".to_owned(),
                output: "f".to_owned(),
            }],
            provenance: None,
        };
        let spec = PitSpec {
            event_time: "t".to_owned(),
            views: vec![view],
        };
        let below = scan("e", &["k", "t"])
            .filter(col("k").gt(lit(1_i64) + lit(2_i64)))
            .unwrap();
        let rows = scan("v", &["k", "t", "f"])
            .filter(col("f").lt(lit(3_i64) * lit(4_i64)))
            .unwrap();
        let join = PitJoinNode::try_new(
            below.build().unwrap(),
            vec![rows.build().unwrap()],
            Arc::new(spec),
        );
        let join = LogicalPlan::Extension(Extension {
            node: Arc::new(join.unwrap()),
        });
        let above = LogicalPlanBuilder::from(join).filter(col("f").gt(lit(5_i64) + lit(6_i64)));
        let text = same_with_and_without(above.unwrap().build().unwrap());
        for simplified in ["e.k > Int64(3)", "v.f < Int64(12)", "f > Int64(11)"] {
            assert!(text.contains(simplified), "{text}");
        }
    }

    #[tokio::test]
    async fn set_comparisons_are_found_in_subqueries_too() {
        let session = SessionContext::new();
        let tables = "CREATE TABLE t AS VALUES (1), (2)";
        session.sql(tables).await.unwrap();
        for (query, found) in [
            (
                "SELECT * FROM t WHERE column1 > ANY (SELECT column1 FROM t)",
                true,
            ),
            (
                "SELECT * FROM t WHERE column1 IN (SELECT column1 FROM t u WHERE column1 <= ALL (SELECT column1 FROM t))",
                true,
            ),
            (
                "SELECT * FROM t WHERE column1 IN (SELECT column1 FROM t)",
                false,
            ),
        ] {
            let plan = session.state().create_logical_plan(query).await.unwrap();
            assert_eq!(has_set_comparison(&plan).unwrap(), found, "{query}");
            same_with_and_without(plan);
        }
    }
}
