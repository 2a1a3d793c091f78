// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Runs scripts: each statement in turn, up to the first that fails.

use datafusion::common::instant::Instant;
use datafusion::dataframe::DataFrame;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use datafusion_feast::{FeastContext, split_statements};

use crate::failure::Failure;
use crate::output::print_result;
use crate::script::Script;

/// Runs every statement of a script and prints its result.
pub(crate) async fn run_script(
    context: &FeastContext,
    options: &PrintOptions,
    script: &Script,
) -> Result<(), Failure> {
    let statements = split_statements(&script.text)
        .map_err(|error| Failure::of_statement(|spot| script.place(spot), &error))?;
    for statement in statements {
        Box::pin(run_statement(context, options, &statement.text))
            .await
            .map_err(|error| {
                let place = |spot| {
                    script.place(Some(script.spot_of(&statement.text, statement.line, spot)))
                };
                Failure::of_statement(place, &error)
            })?;
    }
    Ok(())
}

/// Runs one statement and prints its result.
pub(crate) async fn run_statement(
    context: &FeastContext,
    options: &PrintOptions,
    statement: &str,
) -> DataFusionResult<()> {
    let started = Instant::now();
    let frame = Box::pin(context.sql(statement)).await?;
    let options = adjusted(options, statement, &frame);
    let task = frame.task_ctx();
    let stream = Box::pin(frame.execute_stream()).await?;
    print_result(&options, stream, &task, started).await
}

/// Plans and catalog listings are shown whole: a row cut off them would be missed.
fn adjusted(options: &PrintOptions, statement: &str, frame: &DataFrame) -> PrintOptions {
    let mut options = options.clone();
    let whole = matches!(
        frame.logical_plan(),
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_)
    );
    let verb = statement.split_whitespace().next().unwrap_or_default();
    if whole || verb.eq_ignore_ascii_case("show") || verb.eq_ignore_ascii_case("describe") {
        options.maxrows = MaxRows::Unlimited;
    }
    options
}
