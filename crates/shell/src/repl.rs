// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The interactive loop: statements up to `;`, datafusion-cli's `\` commands, Ctrl-C for the
//! running query.

mod editing;
mod history;

use std::path::Path;

use datafusion::error::Result as DataFusionResult;
use datafusion_cli::command::{Command, OutputFormat};
use datafusion_cli::print_options::PrintOptions;
use datafusion_feast::FeastContext;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use self::editing::Editing;
use crate::failure::Failure;
use crate::run::run_script;
use crate::script::Script;

const PROMPT: &str = "feast> ";

/// Reads and runs statements until `\q` or the end of input. A failed statement is reported and
/// the loop goes on.
pub(crate) async fn run(context: &FeastContext, print: &mut PrintOptions) -> Result<(), Failure> {
    let terminal =
        |error: ReadlineError| Failure::new("", format!("the terminal cannot be used: {error}"));
    let config = Config::builder().auto_add_history(false).build();
    let mut editor: Editor<Editing, FileHistory> = Editor::with_config(config).map_err(terminal)?;
    editor.set_helper(Some(Editing::new(&dialect(context), print.color)));
    let kept = history::file();
    if let Some(kept) = &kept {
        // No history yet is the usual reason; any other is no reason not to work.
        let _ = editor.load_history(kept);
    }
    loop {
        match editor.readline(PROMPT) {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                let _ = editor.add_history_entry(line.trim_end());
                if let Some(command) = line.trim().strip_prefix('\\') {
                    if run_command(context, print, command).await == Next::Quit {
                        break;
                    }
                } else {
                    run_cancellable(context, print, &Script::from_prompt(line)).await;
                    if let Some(editing) = editor.helper_mut() {
                        editing.set_dialect(&dialect(context), print.color);
                    }
                }
            }
            Err(ReadlineError::Interrupted) => println!("^C"),
            Err(ReadlineError::Eof) => {
                println!("\\q");
                break;
            }
            Err(error) => return Err(terminal(error)),
        }
    }
    if let Some(kept) = &kept
        && let Err(error) = history::save(&mut editor, kept)
    {
        eprintln!(
            "the history could not be kept in {}: {error}",
            kept.display()
        );
    }
    Ok(())
}

fn dialect(context: &FeastContext) -> datafusion::common::config::Dialect {
    context
        .session()
        .copied_config()
        .options()
        .sql_parser
        .dialect
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    Quit,
}

/// Runs a script; Ctrl-C drops it, which cancels its tasks.
async fn run_cancellable(context: &FeastContext, print: &PrintOptions, script: &Script) {
    tokio::select! {
        result = Box::pin(run_script(context, print, script)) => {
            if let Err(failure) = result {
                eprintln!("error: {failure}");
            }
        }
        _ = tokio::signal::ctrl_c() => println!("^C"),
    }
}

async fn run_command(context: &FeastContext, print: &mut PrintOptions, text: &str) -> Next {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Ok(command) = text.parse::<Command>() else {
        eprintln!("'\\{text}' is not a valid command, you can use '\\?' to see all commands");
        return Next::Line;
    };
    let sql = |sql: String| Script::from_prompt(sql);
    match command {
        Command::Quit => return Next::Quit,
        Command::ListTables => run_cancellable(context, print, &sql("SHOW TABLES".into())).await,
        Command::DescribeTableStmt(name) => {
            run_cancellable(context, print, &sql(format!("SHOW COLUMNS FROM {name}"))).await;
        }
        Command::Include(Some(path)) => match Script::from_file("\\i", Path::new(&path)) {
            Ok(script) => run_cancellable(context, print, &script).await,
            Err(failure) => eprintln!("error: {failure}"),
        },
        Command::OutputFormat(change) => report(change_format(print, change.as_deref()).await),
        other => report(Box::pin(other.execute(context.session(), print)).await),
    }
    Next::Line
}

async fn change_format(print: &mut PrintOptions, change: Option<&str>) -> DataFusionResult<()> {
    let Some(change) = change else {
        println!("Output format is {:?}.", print.format);
        return Ok(());
    };
    match change.parse::<OutputFormat>() {
        Ok(change) => change.execute(print).await,
        Err(()) => {
            eprintln!("'\\pset {change}' is not a valid command, write '\\pset format NAME'");
            Ok(())
        }
    }
}

fn report(result: DataFusionResult<()>) {
    if let Err(error) = result {
        eprintln!("error: {}", Failure::of_engine("", &error));
    }
}
