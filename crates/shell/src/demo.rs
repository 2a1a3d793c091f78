// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast-sql demo`: a small warehouse of Iceberg tables, and a walk through it.

mod data;
mod place;
mod random;
mod tour;
mod warehouse;

use std::fmt;
use std::path::Path;

use self::place::{Contents, DemoDir};
use crate::failure::Failure;
use crate::output::say;

/// Builds the warehouse in `dir` unless it is already there, and runs the tour.
pub(crate) async fn run(dir: &Path) -> Result<(), Failure> {
    let demo = DemoDir::claim(dir)?;
    let path = demo.path().display();
    match demo.contents()? {
        Contents::Complete => tell(format_args!("Using the demo in {path}"))?,
        Contents::Missing => {
            tell(format_args!("Building a demo in {path}"))?;
            demo.clear()?;
            Box::pin(warehouse::build(&demo)).await?;
            demo.complete()?;
        }
    }
    Box::pin(tour::run(&demo)).await?;
    let command = tour::shell_command(&demo);
    tell(format_args!("\nOpen the shell on it:\n\n{command}"))
}

/// Prints a line of the demo's own.
fn tell(text: fmt::Arguments<'_>) -> Result<(), Failure> {
    say(text).map_err(|error| Failure::of_engine("", &error))
}
