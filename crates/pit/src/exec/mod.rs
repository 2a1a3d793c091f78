// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The physical operator.
//!
//! # Semantics
//!
//! Every entity row comes back once, in the order read, with the features of one winning row a view: the newest by (event
//! time, created time, tie-break columns) among the rows with equal keys, not after the entity row's time, and within the
//! view's TTL. No winner: NULLs.
//!
//! ```text
//!   entity side          view, TTL 3        answer
//!   key  time            key  event  v      key  time  v
//!   A    5               A    1      10     A    5     40      4 is the newest not after 5
//!   A    9               A    4      40     A    9     NULL    4 + 3 < 9: expired
//!   B    2               A    6?     -      B    2     NULL    no row of B
//! ```
//!
//! # Inputs
//!
//! Child 0 is the entity side: read whole, partition after partition; when its plan declares an order, that order is required
//! and kept. The other children are the views, read in any order and any number of partitions, once.
//!
//! # Phases
//!
//! 1. **Build**: collect the entity side; lay out the slots of every distinct key set once; publish what is known of keys and
//!    times as dynamic filters, which prune the views' files, row groups and pages.
//! 2. **Probe**: every partition of every view competes for its own copy of the slots; copies are merged by maximum.
//! 3. **Gather**: winners run along each key's slots, TTL is applied, batches are written in the entity side's order.
//!
//! # Memory
//!
//! The entity side, 24 bytes a slot for every view and partition, and the payload of the leading rows (at most three times the
//! winners'), all under one reservation. The history is never held.

mod filters;
mod key_set;
mod metrics;
mod stream;
#[cfg(test)]
mod tests;
mod view;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, OrderingRequirements};
use datafusion::physical_plan::execution_plan::{Boundedness, CardinalityEffect, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase,
    FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PhysicalExpr,
    PlanProperties,
};

use crate::logical::describe_views;
use crate::spec::PitSpec;
use filters::ViewFilter;
use view::ViewPlan;

/// A point-in-time join; see the module's page.
#[derive(Debug)]
pub struct PitJoinExec {
    entity: Arc<dyn ExecutionPlan>,
    views: Vec<Arc<dyn ExecutionPlan>>,
    spec: Arc<PitSpec>,
    plans: Arc<Vec<ViewPlan>>,
    filters: Vec<ViewFilter>,
    /// The order the entity side declared when the join was planned. It is required of the entity side and claimed for the answer;
    /// `maintains_input_order` stays false, or a sort above would be moved below where another order is required.
    order: Option<LexOrdering>,
    /// How many entity rows are wanted, the first ones.
    fetch: Option<usize>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PitJoinExec {
    /// A join of these inputs; the checks of [`PitSpec::output_schema`] apply.
    pub fn try_new(
        entity: Arc<dyn ExecutionPlan>,
        views: Vec<Arc<dyn ExecutionPlan>>,
        spec: Arc<PitSpec>,
    ) -> Result<Self> {
        let order = entity.properties().output_ordering().cloned();
        Self::with_order(entity, views, spec, order)
    }

    fn with_order(
        entity: Arc<dyn ExecutionPlan>,
        views: Vec<Arc<dyn ExecutionPlan>>,
        spec: Arc<PitSpec>,
        order: Option<LexOrdering>,
    ) -> Result<Self> {
        if views.len() != spec.views.len() {
            return internal_err!(
                "a point-in-time join of {} views got {} inputs",
                spec.views.len(),
                views.len()
            );
        }
        let schemas = views.iter().map(|v| v.schema()).collect::<Vec<_>>();
        let schema = spec.output_schema(&entity.schema(), &schemas)?;
        let plans = spec
            .views
            .iter()
            .zip(&schemas)
            .map(|(view, schema)| ViewPlan::try_new(view, &spec, &entity.schema(), schema))
            .collect::<Result<Vec<_>>>()?;
        let filters = plans
            .iter()
            .zip(&schemas)
            .map(|(p, s)| ViewFilter::new(p, s))
            .collect::<Vec<_>>();
        let equivalence = match &order {
            Some(order) => {
                EquivalenceProperties::new_with_orderings(Arc::clone(&schema), [order.clone()])
            }
            None => EquivalenceProperties::new(Arc::clone(&schema)),
        };
        let properties = PlanProperties::new(
            equivalence,
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self {
            entity,
            views,
            spec,
            plans: Arc::new(plans),
            filters,
            order,
            fetch: None,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// What is asked.
    pub fn spec(&self) -> &Arc<PitSpec> {
        &self.spec
    }
}

impl DisplayAs for PitJoinExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "time={}", self.spec.event_time)?;
                self.spec
                    .views
                    .iter()
                    .try_for_each(|v| writeln!(f, "view={}", v.name))
            }
            _ => write!(
                f,
                "PitJoinExec: collected, time={}{}, views=[{}]",
                self.spec.event_time,
                self.fetch
                    .map_or(String::new(), |rows| format!(", fetch={rows}")),
                describe_views(&self.spec)
            ),
        }
    }
}

impl ExecutionPlan for PitJoinExec {
    fn name(&self) -> &'static str {
        "PitJoinExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let entity = match self.order {
            Some(_) => Distribution::SinglePartition,
            None => Distribution::UnspecifiedDistribution,
        };
        std::iter::once(entity)
            .chain(
                self.views
                    .iter()
                    .map(|_| Distribution::UnspecifiedDistribution),
            )
            .collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let entity = self.order.clone().map(OrderingRequirements::from);
        std::iter::once(entity)
            .chain(self.views.iter().map(|_| None))
            .collect()
    }

    /// Splitting the entity side would only shuffle its rows; views are probed by as many threads as there are partitions.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        std::iter::once(false)
            .chain(self.views.iter().map(|_| true))
            .collect()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.entity).chain(&self.views).collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.views.len() + 1 {
            return internal_err!(
                "PitJoinExec has {} children, got {}",
                self.views.len() + 1,
                children.len()
            );
        }
        let views = children.split_off(1);
        let entity = children.remove(0);
        let mut join = Self::with_order(entity, views, Arc::clone(&self.spec), self.order.clone())?;
        // The views' inputs may hold these filters already.
        join.filters.clone_from(&self.filters);
        join.fetch = self.fetch;
        Ok(Arc::new(join))
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let (entity, views) = (Arc::clone(&self.entity), self.views.clone());
        let mut join = Self::with_order(entity, views, Arc::clone(&self.spec), self.order.clone())?;
        join.fetch = self.fetch;
        Ok(Arc::new(join))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("PitJoinExec has one partition, asked for {partition}");
        }
        Ok(stream::start(self, context))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    /// Every entity row has one row in the answer, in order: the first rows of the answer are those of the first entity rows.
    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let (entity, views) = (Arc::clone(&self.entity), self.views.clone());
        let mut join =
            Self::with_order(entity, views, Arc::clone(&self.spec), self.order.clone()).ok()?;
        join.filters.clone_from(&self.filters);
        join.fetch = limit;
        Some(Arc::new(join))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let entity = match self.fetch {
            Some(_) => self.entity.partition_statistics(None)?.to_inexact(),
            None => self.entity.partition_statistics(None)?,
        };
        statistics.num_rows = match self.fetch {
            Some(rows) => {
                Precision::Inexact(entity.num_rows.get_value().map_or(rows, |n| rows.min(*n)))
            }
            None => entity.num_rows,
        };
        for (column, known) in statistics
            .column_statistics
            .iter_mut()
            .zip(entity.column_statistics)
        {
            *column = known;
        }
        Ok(statistics)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    /// Filters from above that read entity columns go to the entity side; the views get the dynamic filter that the build
    /// phase fills.
    fn gather_filters_for_pushdown(
        &self,
        phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        // A filter below a fetch would let other rows be the first ones.
        let entity = match self.fetch {
            Some(_) => ChildFilterDescription::all_unsupported(&parent_filters),
            None => ChildFilterDescription::from_child_with_allowed_indices(
                &parent_filters,
                (0..self.entity.schema().fields().len()).collect(),
                &self.entity,
            )?,
        };
        let mut description = FilterDescription::new().with_child(entity);
        for filter in &self.filters {
            let mut child = ChildFilterDescription::all_unsupported(&parent_filters);
            if phase == FilterPushdownPhase::Post && config.optimizer.enable_dynamic_filter_pushdown
            {
                child = child.with_self_filter(filter.expr());
            }
            description = description.with_child(child);
        }
        Ok(description)
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_any(child_pushdown_result))
    }
}

impl PitJoinExec {
    fn output_schema(&self) -> SchemaRef {
        Arc::clone(self.properties.eq_properties.schema())
    }
}
