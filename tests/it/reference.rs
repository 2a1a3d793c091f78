// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The examples of `sql/reference/`, and of the pages of `docs/user-guide/` that say they run anywhere, give
//! what the pages show.
//!
//! Each page has a session of its own; its ```` ```sql ```` blocks run in order, those marked `sql,norun` do
//! not. A ```` ```text ```` block right after one is what its statements print, or the error of the last one.
//! A block without one must work. `/data/lake` and `/data/work` on a page are folders that the test puts
//! in place (see [`crate::place`]).
//!
//! `FEAST_REFERENCE_UPDATE=1` writes what came out into the pages, to be read before it is committed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::common::Result;
use datafusion::prelude::SessionConfig;
use datafusion_feast::{FeastContext, split_statements};

use crate::place::Place;
use crate::seeds::runtime;

/// Folders on the pages, and the names that stand for them.
const FOLDERS: [(&str, &str); 2] = [("/data/lake", "${LAKE}"), ("/data/work", "${WORK_DIR}")];

/// A block of SQL on a page, by line numbers from 0.
struct Example {
    sql: String,
    line: usize,
    /// The lines between the fences of the output, if the page shows it.
    output: Option<std::ops::Range<usize>>,
}

#[test]
fn reference_examples() {
    let runtime = runtime();
    let mut failures = String::new();
    let (mut pages, mut ran) = (0, 0);
    for folder in ["sql/reference", "docs/user-guide"] {
        for page in pages_in(folder) {
            if folder.starts_with("docs") && !runs_anywhere(&page) {
                continue;
            }
            pages += 1;
            match runtime.block_on(Box::pin(run_page(&page))) {
                Ok(examples) => ran += examples,
                Err(wrong) => write!(failures, "\n{wrong}").unwrap(),
            }
        }
    }
    println!("{ran} examples on {pages} pages");
    assert!(failures.is_empty(), "{failures}");
}

/// Every function has its page, and every page is listed.
#[test]
fn reference_is_complete() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let feast = runtime
        .block_on(Box::pin(FeastContext::builder().build()))
        .unwrap();
    let mut text = String::new();
    let mut names = BTreeSet::new();
    for page in pages_in("sql/reference") {
        text.push_str(&std::fs::read_to_string(&page).unwrap());
        names.insert(page.file_name().unwrap().to_string_lossy().into_owned());
    }
    for function in feast.session().state().table_functions().keys() {
        if function.starts_with("feast_") {
            assert!(
                text.contains(&format!("{function}(")),
                "no page tells of {function}"
            );
        }
    }
    let index = root().join("sql/reference/README.md");
    let index = std::fs::read_to_string(index).unwrap();
    for name in names.iter().filter(|name| *name != "README.md") {
        assert!(
            index.contains(&format!("({name})")),
            "the index does not list {name}"
        );
    }
}

fn runs_anywhere(page: &Path) -> bool {
    std::fs::read_to_string(page)
        .unwrap()
        .contains("SQL on this page runs anywhere")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages_in(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut pages: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    assert!(!pages.is_empty(), "{folder} has no pages");
    pages
}

/// Runs a page and tells every example that is not as shown.
async fn run_page(page: &Path) -> Result<usize, String> {
    let text = std::fs::read_to_string(page).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let examples = examples(&lines);
    let used = FOLDERS.into_iter().filter(|(path, _)| text.contains(path));
    let place = Place::of(&used.map(|(_, name)| name).collect::<String>());
    let config = SessionConfig::new().with_target_partitions(2);
    let feast = FeastContext::builder()
        .with_session_config(config)
        .build()
        .await
        .unwrap();
    let mut wrong = String::new();
    let mut written: Vec<(std::ops::Range<usize>, String)> = Vec::new();
    for example in &examples {
        let (output, failed) = run(&feast, &place, &example.sql).await;
        let at = format!(
            "{}:{}",
            page.strip_prefix(root()).unwrap().display(),
            example.line + 1
        );
        match &example.output {
            Some(shown) => {
                let expected = lines[shown.clone()].join("\n");
                if expected.trim_end() != output.trim_end() {
                    writeln!(wrong, "{at} shows\n{expected}\n{at} gives\n{output}\n").unwrap();
                    written.push((shown.clone(), output));
                }
            }
            None if failed => writeln!(wrong, "{at} fails: {output}\n").unwrap(),
            None => {}
        }
    }
    if std::env::var_os("FEAST_REFERENCE_UPDATE").is_some() && !written.is_empty() {
        update(page, &lines, &written);
    }
    if wrong.is_empty() {
        Ok(examples.len())
    } else {
        Err(wrong)
    }
}

/// What the statements of a block print, and whether the last one failed.
async fn run(feast: &FeastContext, place: &Place, block: &str) -> (String, bool) {
    let named = FOLDERS.iter().fold(block.to_owned(), |sql, (path, name)| {
        sql.replace(path, name)
    });
    let statements = split_statements(&place.expand(&named)).unwrap();
    let mut printed = String::new();
    let mut failed = false;
    for statement in statements {
        match Box::pin(rows(feast, &statement.text)).await {
            Ok(None) => {}
            Ok(Some(table)) => writeln!(printed, "{table}").unwrap(),
            Err(error) => {
                writeln!(printed, "{}", error.strip_backtrace()).unwrap();
                failed = true;
                break;
            }
        }
    }
    let printed = place.conceal(&printed);
    let printed = FOLDERS
        .iter()
        .fold(printed, |text, (path, name)| text.replace(name, path));
    (printed, failed)
}

/// The result as the shell prints it; `None` for a statement without one.
async fn rows(feast: &FeastContext, sql: &str) -> Result<Option<String>> {
    let frame = Box::pin(feast.sql(sql)).await?;
    let schema = frame.schema().inner().clone();
    let mut batches = frame.collect().await?;
    if schema.fields().is_empty() {
        return Ok(None);
    }
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    let options = FormatOptions::default().with_null("NULL");
    Ok(Some(
        pretty_format_batches_with_options(&batches, &options)?.to_string(),
    ))
}

fn examples(lines: &[&str]) -> Vec<Example> {
    let fence = |from: usize| {
        lines[from..]
            .iter()
            .position(|line| *line == "```")
            .map(|n| from + n)
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        if !lines[at].starts_with("```") || lines[at] == "```" {
            at += 1;
            continue;
        }
        let end = fence(at + 1).unwrap_or_else(|| panic!("line {}: no end of the block", at + 1));
        if lines[at] == "```sql" {
            let mut next = end + 1;
            while next < lines.len() && lines[next].trim().is_empty() {
                next += 1;
            }
            let output = match lines.get(next) {
                Some(&"```text") => fence(next + 1).map(|end| next + 1..end),
                _ => None,
            };
            found.push(Example {
                sql: lines[at + 1..end].join("\n"),
                line: at,
                output,
            });
        }
        at = end + 1;
    }
    found
}

fn update(page: &Path, lines: &[&str], written: &[(std::ops::Range<usize>, String)]) {
    let mut text = String::new();
    let mut at = 0;
    for (shown, output) in written {
        for line in &lines[at..shown.start] {
            writeln!(text, "{line}").unwrap();
        }
        writeln!(text, "{}", output.trim_end()).unwrap();
        at = shown.end;
    }
    for line in &lines[at..] {
        writeln!(text, "{line}").unwrap();
    }
    std::fs::write(page, text).unwrap();
}
