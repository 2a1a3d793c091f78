// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Runs `quickstart.sql` before the user's eyes: each statement with its comment, then its result.

use std::env;
use std::path::Path;
use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::execution::context::SessionConfig;
use datafusion_cli::object_storage::instrumented::InstrumentedObjectStoreRegistry;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use datafusion_feast::FeastContext;
use feast_iceberg::CatalogOptions;

use super::place::DemoDir;
use crate::failure::Failure;
use crate::run::run_statement;
use crate::script::Script;

const QUICKSTART: &str = include_str!("../../../../sql/tour/quickstart.sql");

/// A statement of the page with the comment above it, and the line its SQL begins on.
#[derive(Debug, PartialEq, Eq)]
struct Step<'a> {
    shown: &'a str,
    sql: &'a str,
    line: usize,
}

/// Opens a session on the demo, in its directory, and runs the page.
pub(super) async fn run(demo: &DemoDir) -> Result<(), Failure> {
    env::set_current_dir(demo.path()).map_err(|error| demo.failed(&error))?;
    let mut options = ConfigOptions::new();
    options.format.null = "NULL".to_owned();
    let config = SessionConfig::from(options).with_information_schema(true);
    let builder = FeastContext::builder()
        .with_session_config(config)
        .with_registry_path(demo.registry_file())
        .with_catalog(catalog_options(demo));
    let context = Box::pin(builder.build())
        .await
        .map_err(|error| Failure::of_engine("", &error))?;
    let print = PrintOptions {
        format: PrintFormat::Table,
        quiet: true,
        maxrows: MaxRows::Limited(40),
        color: false,
        instrumented_registry: Arc::new(InstrumentedObjectStoreRegistry::new()),
    };
    let page = Script::shipped("quickstart.sql", QUICKSTART.to_owned());
    for step in steps(&page.text) {
        super::tell(format_args!("\n{}", step.shown))?;
        Box::pin(run_statement(&context, &print, step.sql))
            .await
            .map_err(|error| {
                let place = |spot| page.place(Some(page.spot_of(step.sql, step.line, spot)));
                Failure::of_statement(place, &error)
            })?;
    }
    Ok(())
}

/// The page's steps. On this page a statement ends with its line, and a comment stands above its
/// statement.
fn steps(page: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut shown_from = 0;
    let mut sql_from: Option<(usize, usize)> = None;
    let mut offset = 0;
    for (number, line) in (1..).zip(page.split_inclusive('\n')) {
        let text = line.trim();
        let end = offset + line.trim_end().len();
        if sql_from.is_none() && text.is_empty() && page[shown_from..offset].trim().is_empty() {
            shown_from = offset + line.len();
        }
        if sql_from.is_none() && !text.is_empty() && !text.starts_with("--") {
            sql_from = Some((offset, number));
        }
        if let Some((from, line)) = sql_from
            && text.ends_with(';')
        {
            let sql = page[from..end].trim_end_matches(';');
            steps.push(Step {
                shown: &page[shown_from..end],
                sql,
                line,
            });
            sql_from = None;
            shown_from = end;
        }
        offset += line.len();
    }
    for step in &mut steps {
        step.shown = step.shown.trim_start_matches('\n');
    }
    steps
}

fn catalog_options(demo: &DemoDir) -> CatalogOptions {
    CatalogOptions {
        name: "lake".to_owned(),
        kind: "sql".to_owned(),
        uri: catalog_uri(demo),
        warehouse: Some(demo.warehouse().display().to_string()),
        properties: [].into(),
    }
}

/// SQLAlchemy's form of an absolute path: three slashes and the path, which has the fourth.
fn catalog_uri(demo: &DemoDir) -> String {
    format!("sqlite:///{}", demo.catalog_file().display())
}

/// The command that opens the shell on the demo.
pub(super) fn shell_command(demo: &DemoDir) -> String {
    let catalog = format!(
        "lake=type=sql,uri={},warehouse={}",
        catalog_value(&catalog_uri(demo)),
        catalog_value(&demo.warehouse().display().to_string()),
    );
    format!(
        "feast-sql --registry {} --catalog '{}' -p {}",
        shell_word(demo.registry_file().as_path()),
        catalog.replace('\'', r"'\''"),
        shell_word(demo.path()),
    )
}

/// A value of `--catalog`, quoted where a comma, quote or `$` would be read otherwise.
fn catalog_value(text: &str) -> String {
    if text.contains([',', '"', ' ']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A path as one word of a POSIX shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_carry_their_comments() {
        let page = "-- A page\n\n-- One\nSELECT 1;\n\n-- Two\n-- lines\nSELECT\n  2;\n";
        let found = steps(page);
        assert_eq!(
            found,
            [
                Step {
                    shown: "-- A page\n\n-- One\nSELECT 1;",
                    sql: "SELECT 1",
                    line: 4
                },
                Step {
                    shown: "-- Two\n-- lines\nSELECT\n  2;",
                    sql: "SELECT\n  2",
                    line: 8
                },
            ]
        );
    }

    #[test]
    fn the_page_is_read_whole() {
        let found = steps(QUICKSTART);
        assert!(found.len() > 8, "{}", found.len());
        let semicolons = QUICKSTART
            .lines()
            .filter(|line| line.ends_with(';'))
            .count();
        assert_eq!(found.len(), semicolons);
        assert!(
            found
                .iter()
                .all(|step| step.shown.contains("--") && !step.sql.contains(';'))
        );
    }

    #[test]
    fn paths_are_quoted_where_needed() {
        assert_eq!(shell_word(Path::new("/a/b-c.db")), "/a/b-c.db");
        assert_eq!(shell_word(Path::new("/it's here")), r"'/it'\''s here'");
        assert_eq!(catalog_value("sqlite:////a/c.db"), "sqlite:////a/c.db");
        assert_eq!(catalog_value("/a, b"), "\"/a, b\"");
    }
}
