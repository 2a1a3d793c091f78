// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast-sql`: datafusion-cli's shell with a feature store inside.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a shell talks to its user on standard output and standard error"
)]

mod args;
mod demo;
mod failure;
mod output;
mod progress;
mod repl;
mod run;
mod script;
mod session;

use std::env;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use datafusion_cli::DATAFUSION_CLI_VERSION;

use crate::args::{Action, Args, CommandLine, Input};
use crate::failure::Failure;
use crate::run::run_script;
use crate::script::Script;
use crate::session::{Opened, Plan, enter_data_dir};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let line = CommandLine::from_process();
    match start(&line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_reader_gone() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn start(line: &CommandLine) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("", format!("no threads to run on: {error}")))?;
    match &line.args.action {
        Some(Action::Demo { dir }) => runtime.block_on(Box::pin(demo::run(dir))),
        None => runtime.block_on(Box::pin(shell(&line.args, &line.inputs))),
    }
}

/// Runs what was asked for on the command line, else what is typed.
async fn shell(args: &Args, inputs: &[Input]) -> Result<(), Failure> {
    let plan = Plan::of(args)?;
    let startup = startup_scripts(args, inputs)?;
    let mut scripts = inputs
        .iter()
        .map(Script::from_input)
        .collect::<Result<Vec<_>, _>>()?;
    let typed = scripts.is_empty() && io::stdin().is_terminal();
    if let Some(dir) = &args.data_path {
        enter_data_dir(dir)?;
    }
    let Opened { context, mut print } = plan.open(args, typed).await?;
    for script in &startup {
        run_script(&context, &print, script).await?;
    }
    if typed {
        if !args.quiet {
            let version = env!("CARGO_PKG_VERSION");
            println!("feast-sql {version} on DataFusion {DATAFUSION_CLI_VERSION}");
        }
        return Box::pin(repl::run(&context, &mut print)).await;
    }
    if scripts.is_empty() {
        scripts.push(Script::from_stdin()?);
    }
    for script in &scripts {
        run_script(&context, &print, script).await?;
    }
    Ok(())
}

/// The files of `-r`; without it `~/.datafusionrc`, unless `-c` or `-f` say what to run.
fn startup_scripts(args: &Args, inputs: &[Input]) -> Result<Vec<Script>, Failure> {
    let home_rc = || {
        let path = env::home_dir().map(|home| home.join(".datafusionrc"));
        path.filter(|path| inputs.is_empty() && path.is_file())
    };
    let files: Vec<PathBuf> = match &args.rc {
        Some(files) => files.clone(),
        None => home_rc().into_iter().collect(),
    };
    files
        .iter()
        .map(|path| Script::from_file("-r", path))
        .collect()
}
