// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The operator as DataFusion's planner sees it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::OrderingRequirements;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase,
    FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    PhysicalExpr, PlanProperties,
};

use super::key_expr::partition_keys;
use super::lease::SharedFilters;
use super::newest_first::newest_first;
use super::scan_metrics::scan_metrics;
use super::{PitJoinExec, PitJoinMode, running};
use crate::logical::describe_views;

impl DisplayAs for PitJoinExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        if format == DisplayFormatType::TreeRender {
            writeln!(f, "time={}", self.spec.event_time)?;
            let mut names = self.spec.views.iter().map(|v| &v.name);
            return names.try_for_each(|name| writeln!(f, "view={name}"));
        }
        let mode = match self.mode {
            PitJoinMode::Collected => "collected",
            PitJoinMode::Partitioned => "partitioned",
        };
        write!(f, "PitJoinExec: {mode}, time={}", self.spec.event_time)?;
        if let Some(rows) = self.fetch {
            write!(f, ", fetch={rows}")?;
        }
        write!(f, ", views=[{}]", describe_views(&self.spec))?;
        let tied = self.views.iter().filter(|v| v.ties.is_some());
        let tied = tied.map(|v| v.plan.name.as_str()).collect::<Vec<_>>();
        match tied.is_empty() {
            true => Ok(()),
            false => write!(f, ", ties=[{}]", tied.join(", ")),
        }
    }
}

impl PitJoinExec {
    /// The views' inputs, then those that break ties.
    fn view_inputs(&self) -> impl Iterator<Item = &Arc<dyn ExecutionPlan>> {
        let ties = self.views.iter().filter_map(|v| v.ties.as_ref());
        let inputs = self.views.iter().map(|v| &v.input);
        inputs.chain(ties.map(|(input, _)| input))
    }

    /// The dynamic filters of [`Self::view_inputs`].
    fn input_filters(&self) -> impl Iterator<Item = Arc<dyn PhysicalExpr>> {
        self.filters.expressions()
    }

    fn with_children(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        let expected = 1 + self.view_inputs().count();
        if children.len() != expected {
            return internal_err!(
                "PitJoinExec has {expected} children, got {}",
                children.len()
            );
        }
        let mut children = children.into_iter();
        let Some(entity) = children.next() else {
            return internal_err!("PitJoinExec has no entity side");
        };
        let inputs: Vec<_> = children.by_ref().take(self.views.len()).collect();
        let ties = self.views.iter().map(|view| match view.ties {
            Some(_) => children.next(),
            None => None,
        });
        let inputs = inputs.into_iter().zip(ties).collect();
        self.with_inputs(entity, inputs)
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

    /// In the partitioned form each side is partitioned on a single expression: with several, DataFusion takes a partitioning on
    /// some of them for good enough on one side only.
    fn required_input_distribution(&self) -> Vec<Distribution> {
        if self.mode == PitJoinMode::Partitioned {
            let ties = self.views.iter().filter_map(|view| view.ties.as_ref());
            let views = self.views.iter().map(|view| (&view.input, &view.plan));
            let views = views.chain(ties.map(|(input, plan)| (input, plan)));
            let views: Vec<_> = views.map(|(i, plan)| (plan.as_ref(), i.schema())).collect();
            if let Ok(keys) = partition_keys(&self.entity.schema(), &views)
                && !keys.is_empty()
            {
                let keys = keys.into_iter();
                return keys
                    .map(|key| Distribution::HashPartitioned(vec![key]))
                    .collect();
            }
        }
        let entity = match self.order {
            Some(_) => Distribution::SinglePartition,
            None => Distribution::UnspecifiedDistribution,
        };
        std::iter::once(entity)
            .chain(
                self.view_inputs()
                    .map(|_| Distribution::UnspecifiedDistribution),
            )
            .collect()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let entity = self.order.clone().map(OrderingRequirements::from);
        std::iter::once(entity)
            .chain(self.view_inputs().map(|_| None))
            .collect()
    }

    /// Collected, splitting the entity side would only shuffle its rows; views are probed by as many threads as there are
    /// partitions.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        std::iter::once(self.mode == PitJoinMode::Partitioned)
            .chain(self.view_inputs().map(|_| true))
            .collect()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.entity)
            .chain(self.view_inputs())
            .collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_children(children)?))
    }

    /// The filters stay, since the scans below hold them: the next execution sets them before it reads a view.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let children = self.children().into_iter().map(Arc::clone).collect();
        Ok(Arc::new(self.with_children(children)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        if self.mode == PitJoinMode::Partitioned {
            let partitions = self.properties.partitioning.partition_count();
            for (at, input) in self.children().into_iter().enumerate() {
                let found = input.output_partitioning().partition_count();
                if found != partitions || partition >= partitions {
                    return internal_err!(
                        "PitJoinExec has {partitions} partitions, its input {at} has {found}, asked for {partition}"
                    );
                }
            }
            return running::start(self, Some(partition), context);
        }
        if partition != 0 {
            return internal_err!("PitJoinExec has one partition, asked for {partition}");
        }
        running::start(self, None, context)
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    /// Every entity row has one row in the answer, in order: the first rows of the answer are those of the first entity rows.
    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let mut join = self.clone();
        join.fetch = limit;
        (self.mode == PitJoinMode::Collected).then(|| Arc::new(join) as Arc<dyn ExecutionPlan>)
    }

    /// What the join counted, and what the scans of each view did, by the view's name.
    fn metrics(&self) -> Option<MetricsSet> {
        let mut metrics = self.metrics.clone_inner();
        for view in &self.views {
            let ties = view.ties.iter().map(|(input, _)| input);
            let inputs = std::iter::once(&view.input).chain(ties);
            scan_metrics(&view.plan.name, inputs, &mut metrics);
        }
        Some(metrics)
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        let entity = match self.mode {
            PitJoinMode::Collected => self.entity.partition_statistics(None)?,
            PitJoinMode::Partitioned => self.entity.partition_statistics(partition)?,
        };
        let entity = match self.fetch {
            Some(_) => entity.to_inexact(),
            None => entity,
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
        let dynamic =
            phase == FilterPushdownPhase::Post && config.optimizer.enable_dynamic_filter_pushdown;
        let mut description = FilterDescription::new().with_child(entity);
        for filter in self.input_filters() {
            let mut child = ChildFilterDescription::all_unsupported(&parent_filters);
            if dynamic {
                child = child.with_self_filter(filter);
            }
            description = description.with_child(child);
        }
        Ok(description)
    }

    /// The filters have arrived, so it pays to read the newest files first.
    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let mut result = FilterPushdownPropagation::if_any(child_pushdown_result);
        if phase == FilterPushdownPhase::Post {
            let mut join = self.clone();
            for view in &mut join.views {
                view.input = newest_first(&view.input, view.plan.event)?;
            }
            result = result.with_updated_node(Arc::new(join) as Arc<dyn ExecutionPlan>);
        }
        Ok(result)
    }
}

impl SharedFilters {
    /// Every input's filter: those of the views, then those of the inputs that break ties.
    fn expressions(&self) -> impl Iterator<Item = Arc<dyn PhysicalExpr>> {
        self.all().map(super::filters::ViewFilter::expr)
    }
}
