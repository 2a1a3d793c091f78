// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast-sql demo`: a small warehouse of Iceberg tables, and a walk through it.

mod data;
mod place;
mod random;
mod tour;
mod warehouse;

use std::path::Path;

use self::place::{Contents, DemoDir};
use crate::failure::Failure;

/// Builds the warehouse in `dir` unless it is already there, and runs the tour.
pub(crate) async fn run(dir: &Path) -> Result<(), Failure> {
    let demo = DemoDir::claim(dir)?;
    match demo.contents()? {
        Contents::Complete => println!("Using the demo in {}", demo.path().display()),
        Contents::Missing => {
            println!("Building a demo in {}", demo.path().display());
            demo.clear()?;
            Box::pin(warehouse::build(&demo)).await?;
            demo.complete()?;
        }
    }
    Box::pin(tour::run(&demo)).await?;
    println!("\nOpen the shell on it:\n\n{}", tour::shell_command(&demo));
    Ok(())
}
